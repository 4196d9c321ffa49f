"""An error that ends a run, in every format: never nothing, always parseable, inert, and as its schema says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from reconciler import errors
from reconciler.errors import (
    InternalError,
    Interrupted,
    InvalidInput,
    PlanMismatch,
    ReconcileError,
    Unauthorized,
    UsageError,
)
from reconciler.github.api import GitHubError
from reconciler.views import annotations, json_documents, markdown, sarif
from reconciler.views.errors import Format, document
from tests.views import samples
from tests.views.test_hostile import assert_inert_markdown

_SARIF = Draft4Validator(json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-rtm.5.json").read_text("utf-8")))
_ERROR = Draft202012Validator(json_documents.json_schema("error"))
_DENIED = Unauthorized(
    "GET /v2/apps: 401: Unable to authenticate you",
    method="GET",
    path="/v2/apps",
    status=401,
    hint="is the token right, and does it have the scope app:read?",
)
_MOVED = PlanMismatch(
    "the saved plan p.json is not what would be done now; nothing was changed\nweb: live changed\napi: Git changed",
    hint="make a new plan, have it reviewed, and apply that",
)
STRUCTURED = [form for form in get_args(Format) if form != "text"]


def shown(ended, form, code=1):
    return document(ended, code, form, tool_version="1.2.3", made=datetime(2026, 11, 28, 9, 0, tzinfo=UTC))


def test_an_error_as_json(expected_json):
    text = shown(_DENIED, "json")
    _ERROR.validate(json.loads(text))
    assert text == expected_json


def test_an_error_as_sarif_is_a_run_that_failed_and_none_without_findings(expected_json):
    text = shown(_DENIED, "sarif")
    _SARIF.validate(json.loads(text))
    assert "results" not in json.loads(text)["runs"][0]
    assert text == expected_json


def test_an_error_as_markdown(expected_markdown):
    assert shown(_MOVED, "markdown", 7) == expected_markdown


def test_an_error_as_an_annotation_is_one_command():
    assert shown(_DENIED, "github") == (
        "::error title=unauthorized::GET /v2/apps: 401: Unable to authenticate you%0A"
        "is the token right, and does it have the scope app:read?"
    )
    assert shown(_MOVED, "github").count("\n") == 0
    assert "not what would be done now; nothing was changed; web: live changed; api: " in shown(_MOVED, "github")


def test_people_read_errors_on_standard_error():
    assert shown(_DENIED, "text") == ""
    assert shown(InvalidInput(samples.FINDINGS), "text") == ""


def test_invalid_input_is_shown_as_its_findings():
    invalid = InvalidInput(samples.FINDINGS)
    assert shown(invalid, "json", 3) == json_documents.findings(samples.FINDINGS)
    assert shown(invalid, "sarif", 3) == sarif.sarif(samples.FINDINGS, tool_version="1.2.3")
    assert shown(invalid, "markdown", 3) == markdown.findings(samples.FINDINGS)
    assert shown(invalid, "github", 3) == annotations.annotations(samples.FINDINGS)


@pytest.mark.parametrize("form", STRUCTURED)
def test_invalid_input_without_findings_is_an_error_like_others(form):
    assert "2 problem(s) in the input" in shown(InvalidInput((), "2 problem(s) in the input"), form)


def test_the_document_of_an_error_holds_the_findings_of_invalid_input():
    data = json.loads(json_documents.error(InvalidInput(samples.FINDINGS), 3))
    _ERROR.validate(data)
    assert data["error"]["type"] == "invalid_input"
    assert data["error"]["findings"] == json.loads(json_documents.findings(samples.FINDINGS))["findings"]


def test_the_schema_of_errors_changes_only_on_purpose(expected_json):
    schema = json_documents.json_schema("error")
    Draft202012Validator.check_schema(schema)
    assert json.dumps(schema, indent=2) == expected_json


def test_the_schema_names_every_kind_of_error():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReconcileError)]
    types = [kind.__new__(kind).type for kind in kinds]
    assert sorted(types) == sorted(get_args(json_documents.ErrorType))


def test_an_error_from_elsewhere_has_the_type_of_what_it_derives_from():
    ended = GitHubError("no")
    assert json.loads(shown(ended, "json"))["error"]["type"] == "reconcile_error"


_ended = st.one_of(
    st.builds(
        lambda kind, message, hint: kind(message, hint=hint),
        st.sampled_from([ReconcileError, UsageError, Interrupted, InternalError, PlanMismatch]),
        st.one_of(samples.hostile, st.lists(samples.hostile, max_size=4).map("\n".join)),
        samples.hostile,
    ),
    st.builds(InvalidInput, samples.hostile_findings),
)


@settings(max_examples=150, deadline=None)
@given(_ended, st.sampled_from([1, 3, 7, 64, 130]))
def test_any_error_parses_in_its_format_and_is_inert(ended, code):
    data = json.loads(shown(ended, "json", code))
    assert data["kind"] == ("findings" if isinstance(ended, InvalidInput) and ended.findings else "error")
    if data["kind"] == "error":
        _ERROR.validate(data)
        assert data["error"]["exit_code"] == code
    _SARIF.validate(json.loads(shown(ended, "sarif", code)))
    assert_inert_markdown(shown(ended, "markdown", code))
    commands = shown(ended, "github", code)
    assert all(line.startswith("::") for line in commands.split("\n"))
    for form in STRUCTURED:
        text = shown(ended, form, code)
        assert text
        assert all(char.isprintable() or char == "\n" for char in text)
        assert "##[" not in text


def test_a_page_about_a_thousand_apps_is_cut_between_lines_and_says_so():
    ended = PlanMismatch("\n".join(f"app-{number:04d}: " + "x" * 200 for number in range(1000)))
    page = shown(ended, "markdown", 7)
    assert len(page.encode()) <= markdown.COMMENT_LIMIT
    assert "\n… and 800 more lines\n```" in page
    assert_inert_markdown(page)
