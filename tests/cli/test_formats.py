"""Whatever goes wrong, whoever asked for a format gets a document of it: in that format, one, and without a secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from reconciler.errors import Rejected
from tests.cli.test_streams import Broken
from tests.views.html.pagesupport import Reader
from tests.views.test_hostile import assert_inert_markdown

ROOT = Path(__file__).parents[2]
SARIF = Draft4Validator(json.loads((ROOT / "tests/views/data/sarif-2.1.0-rtm.5.json").read_text("utf-8")))
SCHEMAS = {
    kind: Draft202012Validator(json.loads((ROOT / f"docs/schemas/{kind}.json").read_text("utf-8")))
    for kind in ("plan", "findings", "error")
}
STRUCTURED = ("json", "sarif", "markdown", "github", "html")
MODES = {"plan": ["--plan"], "drift": ["--drift"], "apply": [], "validate": ["validate"]}
TOKEN = "dop_v1_4a5f-of-nobody"
PASSWORD = "hunter2-Tr0ub4dor"


def an_invalid_spec(checkout, monkeypatch):
    _with_a_password(checkout, monkeypatch)
    env = {"key": "DB", "value": "${PASSWORD}", "type": "SECRET", "scope": "${PASSWORD}"}
    spec = {"name": "SHOP", "services": [{"name": "web", "instance_count": "${PASSWORD}", "envs": [env]}]}
    (checkout / "specs/invalid.yaml").write_text(json.dumps(spec))


def a_configuration_that_cannot_be_read(checkout, monkeypatch):
    (checkout / "reconcile.yaml").write_text("variables: [\n")


def _with_a_password(checkout, monkeypatch):
    """A value that the run knows to be a secret."""
    (checkout / "reconcile.yaml").write_text("variables: [{name: PASSWORD, secret: true}]\n")
    monkeypatch.setenv("PASSWORD", PASSWORD)
    spec = checkout / "specs/shop.yaml"
    secret = "      - {key: DB, value: '${PASSWORD}', type: SECRET}\n"
    spec.write_text(spec.read_text().replace("    envs:\n", f"    envs:\n{secret}", 1))


def a_token_that_is_refused(checkout, monkeypatch):
    async def refuse(_transport, request):
        answer = {"id": "unauthorized", "message": f"Unable to authenticate {TOKEN}"}
        return httpx.Response(401, json=answer, request=request)

    monkeypatch.setenv("DIGITALOCEAN_TOKEN", TOKEN)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", refuse)


def an_error_that_quotes_a_secret(checkout, monkeypatch):
    async def quote(*_):
        raise Rejected(f"{PASSWORD} is too short", method="GET", path="/v2/apps", status=422, hint=f"not {PASSWORD}")

    _with_a_password(checkout, monkeypatch)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", TOKEN)
    monkeypatch.setattr("reconciler.live.client.Client.list_apps", quote)


def _raising(error):
    def arrange(checkout, monkeypatch):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr("reconciler.desired.load.find_specs", fail)

    return arrange


def nothing(checkout, monkeypatch):
    pass


class Case(NamedTuple):
    """What is arranged, what is added to the command, its exit code, the kind or type of error that programs read."""

    arrange: Callable[[Path, pytest.MonkeyPatch], None]
    more: list[str]
    code: int
    kind: str


EVERYWHERE = {
    "an invalid spec": Case(an_invalid_spec, [], 3, "findings"),
    "an unreadable configuration": Case(a_configuration_that_cannot_be_read, [], 3, "findings"),
    "a missing file": Case(nothing, ["missing.yaml"], 3, "findings"),
    "a missing configuration": Case(nothing, ["--config", "missing.yaml"], 3, "findings"),
    "a folder without specs": Case(nothing, [".git"], 3, "findings"),
    "an unknown app": Case(nothing, ["--app", "shpo"], 64, "usage_error"),
    "an unknown flag": Case(nothing, ["--nope"], 64, "usage_error"),
    "a value that is none": Case(nothing, ["--shard", "3/2"], 64, "usage_error"),
    "a bug": Case(_raising(ValueError(PASSWORD)), [], 1, "internal_error"),
    "a file that is refused": Case(_raising(PermissionError(13, "Permission denied", "x")), [], 1, "reconcile_error"),
    "an interrupt": Case(_raising(KeyboardInterrupt()), [], 130, "interrupted"),
}
ONLINE = {
    "a command that is misspelt": Case(nothing, ["validat"], 64, "usage_error"),
    "flags that conflict": Case(nothing, ["--sandbox", "--api-url", "https://elsewhere.example"], 64, "usage_error"),
    "no token": Case(nothing, [], 64, "usage_error"),
    "a token that is refused": Case(a_token_that_is_refused, [], 1, "unauthorized"),
    "an error that quotes a secret": Case(an_error_that_quotes_a_secret, [], 1, "rejected"),
}
MATRIX = {
    f"{mode}: {name}": (MODES[mode], case)
    for mode in MODES
    for name, case in {**EVERYWHERE, **({} if mode == "validate" else ONLINE)}.items()
}


def parsed(form, text):
    """The text as what reads this format reads it."""
    assert text.strip()
    assert text.isascii() or form in ("markdown", "github")
    match form:
        case "json":
            document = json.loads(text)
            SCHEMAS[document["kind"]].validate(document)
            return document
        case "sarif":
            document = json.loads(text)
            SARIF.validate(document)
            return document["runs"][0]
        case "markdown":
            assert_inert_markdown(text.removesuffix("\n"))
            assert text.startswith("### ")
        case "html":
            Reader(text)
            assert text.startswith("<!doctype html>")
        case "github":
            assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in text.splitlines())
    return text


def kind_of(document):
    return document["error"]["type"] if document["kind"] == "error" else document["kind"]


@pytest.mark.parametrize(("command", "case"), MATRIX.values(), ids=MATRIX)
def test_an_error_has_a_document_in_every_format(run, checkout, monkeypatch, capsys, command, case):
    case.arrange(checkout, monkeypatch)
    assert run(*command, *case.more) == case.code
    plain = capsys.readouterr()
    text = plain.err or plain.out  # findings are what validate is for: there people, too, read them on standard output
    for form in STRUCTURED:
        assert run(*command, *case.more, "--format", form) == case.code
        shown = capsys.readouterr()
        assert shown.err == plain.err, "what people read does not depend on what programs read"
        assert TOKEN not in shown.out + shown.err
        assert PASSWORD not in shown.out + shown.err
        document = parsed(form, shown.out.removeprefix(plain.out))
        if form == "json":
            assert kind_of(document) == case.kind
            if document["kind"] == "error":
                assert document["error"]["exit_code"] == case.code
                assert text.startswith(f"reconcile: {document['error']['message']}\n")
            else:
                assert all(f"[{finding['code']}]" in text for finding in document["findings"])
        if form == "sarif":
            assert ("results" in document) is (case.kind == "findings")


def test_a_result_is_not_followed_by_a_second_document(run, capsys):
    for form in ("json", "sarif", "markdown", "html"):
        assert run("--plan", "--sandbox", "--save", "/dev/null/p.json", "--format", form) == 1
        shown = capsys.readouterr()
        assert "cannot save the plan" in shown.err
        document = parsed(form, shown.out)
        assert form != "json" or document["kind"] == "plan"


def test_annotations_of_an_error_follow_the_log(run, capsys):
    assert run("--plan", "--sandbox", "--save", "/dev/null/p.json", "--format", "github") == 1
    *log, last = capsys.readouterr().out.splitlines()
    assert any("to create" in line for line in log)
    assert last.startswith("::error title=reconcile-error::cannot save the plan to /dev/null/p.json")


def test_a_plan_that_no_longer_holds_is_told_in_every_format(run, edit, capsys):
    assert run("--plan", "--sandbox", "--save", "p.json") == 0
    edit("shop", "value: info", "value: debug")
    capsys.readouterr()
    for form in ("json", "sarif", "markdown"):
        assert run("--sandbox", "--expect", "p.json", "--format", form) == 7
        document = parsed(form, capsys.readouterr().out)
        assert form != "json" or document["error"]["type"] == "plan_mismatch"


@pytest.mark.parametrize("form", STRUCTURED)
def test_other_commands_with_a_format_have_it_too(run, capsys, form):
    assert run("status", "nope", "--sandbox", f"--format={form}") == 64
    shown = capsys.readouterr()
    assert shown.err
    parsed(form, shown.out)


@pytest.mark.parametrize(
    "arguments",
    [["--format", "yaml"], ["--format"], ["--plan", "--", "--format", "json"], ["--nope"], ["--format", "text"]],
    ids=" ".join,
)
def test_whoever_asked_for_no_format_reads_errors_on_standard_error_alone(run, capsys, arguments):
    assert run(*arguments) in (3, 64)
    shown = capsys.readouterr()
    assert shown.err
    assert shown.out == ""


def test_a_reader_of_errors_who_has_gone_changes_no_exit_code(run, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Broken())
        assert run("--plan", "--format", "json") == 64
