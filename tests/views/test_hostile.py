"""Whatever stands in a spec, a log or an answer: no view lets it move a cursor, fake a line, or speak for itself."""

import html
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.desired.preview import Difference
from reconciler.plan.model import Action, Change, ChangeKind, Move, Note, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import Event
from reconciler.views import (
    annotations,
    environments,
    json_documents,
    json_rollout,
    lines,
    markdown,
    markdown_rollout,
    previews,
    sarif,
    text,
)
from reconciler.views.previews import PreviewState
from tests.views import samples

_BLOCKS = {"heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "fence", "html_block"}
_BLOCKS |= {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}
_INLINE = {"text", "softbreak", "strong_open", "strong_close", "code_inline", "link_open", "link_close"}
_CELL = r"(?:<b>total</b>|<b>[^<>]*</b> |<code>[^<>]*</code>|<br>|[^<>]*|<b>[^<>]*</b>|<a href=\"https://cloud[.]digitalocean[.]com/[^<>\"]*\">deployment</a>)*"
_TABLE = re.compile(rf"<table>\n(<tr>(<th>[a-z]*</th>|<td>{_CELL}</td>)+</tr>\n)+</table>\n?")
_SUMMARY = r"((\S+|1 differences from) <code>(?P<name>[^<>]*)</code>[^<>]*|How the rollout went)"
_OUR_HTML = re.compile(rf"(<details( open)?>\n<summary>{_SUMMARY}</summary>|</details>)\n?")
_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def assert_inert_markdown(document):
    assert all(char.isprintable() or char == "\n" for char in document)
    assert "##[" not in document
    assert not any(line.lstrip().startswith("::") for line in document.split("\n"))
    for token in _PARSER.parse(document):
        assert token.type in _BLOCKS, token.type
        if token.type == "html_block" and token.content.startswith("<table>"):
            assert _TABLE.fullmatch(token.content), token.content
            assert samples.MARK not in re.sub(r"<code>[^<>]*</code>", "", token.content)
        elif token.type == "html_block":
            ours = _OUR_HTML.fullmatch(token.content)
            assert ours, token.content
            outside = token.content.replace(f"<code>{ours['name']}</code>", "")
            assert samples.MARK not in outside
            assert html.unescape(ours["name"] or "") is not None
        for child in token.children or ():
            assert child.type in _INLINE, child.type
            if child.type == "link_open":
                assert child.attrs["href"].startswith(("https://cloud.digitalocean.com/", *OURS))
            if child.type == "text":
                assert samples.MARK not in child.content


def assert_inert_text(shown):
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "##[" not in shown
    assert not any(line.lstrip().startswith("::") for line in shown.split("\n"))


OURS = ("https://github.com/octo/infra/blob/abc/", "https://github.com/octo/infra/actions/")
LINKS = markdown.Links("", OURS[0].rstrip("/"), OURS[1] + "workflows/apply.yml")


def assert_ascii_json(document):
    assert document.isascii()
    assert all(char.isprintable() or char == "\n" for char in document)
    assert "##[" not in document
    assert json.loads(document)["version"] == 1


def assert_folded_logs(report):
    shown = annotations.grouped(report).split("\n")
    logs = [log for record in report.records for log in record.logs]
    assert [line.startswith("::group::") for line in shown].count(True) == shown.count("::endgroup::") == len(logs)
    rest = [line for line in shown if not line.startswith("::group::") and line != "::endgroup::"]
    assert_inert_text("\n".join(rest))
    assert all(line.isprintable() and "##[" not in line for line in shown)


# One drawn report goes through every format: drawing it takes longer than all of them.


@settings(max_examples=150, deadline=None)
@given(
    samples.hostile_plans,
    st.sampled_from([65_536, 4_000, 1_500]),
    st.sampled_from([LINKS, markdown.NO_LINKS]),
    st.integers(20, 200),
    st.booleans(),
)
def test_any_plan_is_inert_markdown_within_its_limit_inert_text_and_ascii_json(report, limit, links, width, verbose):
    document = markdown.plan(report, limit=limit, links=links)
    assert_inert_markdown(document)
    assert len(document.encode()) <= limit
    assert_inert_text(text.plan(report, width=width, verbose=verbose))
    assert_ascii_json(json_documents.plan(report))


@settings(max_examples=150, deadline=None)
@given(
    samples.hostile_rollouts,
    samples.hostile_plans,
    st.sampled_from([65_536, 4_000, 1_500]),
    st.integers(20, 200),
    st.booleans(),
)
def test_any_rollout_is_inert_markdown_within_its_limit_inert_text_folded_logs_and_ascii_json(
    report, planned, limit, width, verbose
):
    named = zip(planned.plans, report.records, strict=False)
    planned = replace(planned, plans=tuple(replace(plan, app=record.app) for plan, record in named))
    document = markdown_rollout.rollout(report, planned, limit=limit)
    assert_inert_markdown(document)
    assert len(document.encode()) <= limit
    assert_inert_text(text.rollout(report, width=width, verbose=verbose))
    assert_folded_logs(report)
    assert_ascii_json(json_rollout.rollout(report))


@settings(max_examples=150, deadline=None)
@given(samples.hostile, samples.hostile, samples.hostile, samples.hostile)
def test_any_preview_is_inert_markdown_and_text(name, url, reason, differs):
    different = (Difference(differs, reason),)
    one = PreviewState(name, name, 7, "a" * 40, "healthy", reason, url, 5.0, differences=different)
    document = previews.markdown([one])
    assert_inert_markdown(document)
    assert_inert_text(previews.text([one], verbose=True))


@settings(max_examples=100, deadline=None)
@given(samples.hostile_plans, samples.hostile_plans)
def test_any_plans_of_environments_are_inert_markdown_and_text(one, other):
    plans = [environments.EnvironmentPlan("staging", one), environments.EnvironmentPlan("production", other)]
    assert_inert_text(environments.plan(plans))
    document = environments.markdown(plans)
    assert samples.MARK not in "".join(
        child.content for token in _PARSER.parse(document) for child in token.children or () if child.type == "text"
    )


@settings(max_examples=80, deadline=None)
@given(samples.hostile_findings, st.sampled_from([65_536, 500]), st.sampled_from([LINKS, markdown.NO_LINKS]))
def test_any_findings_are_inert_markdown_within_their_limit(found, limit, links):
    document = markdown.findings(found, limit=limit, links=links)
    assert_inert_markdown(document)
    assert len(document.encode()) <= limit


@settings(max_examples=80, deadline=None)
@given(samples.hostile_findings)
def test_any_findings_are_inert_text_annotations_and_sarif(found):
    assert_inert_text(lines.findings(found))
    commands = annotations.annotations(found)
    assert all(char.isprintable() or char == "\n" for char in commands)
    assert len(commands.splitlines()) == len(found)
    assert "##[" not in commands
    document = sarif.sarif(found)
    assert document.isascii()
    assert all(char.isprintable() or char == "\n" for char in document)
    assert len(json.loads(document)["runs"][0]["results"]) == len(found)


@settings(max_examples=80, deadline=None)
@given(samples.hostile, samples.hostile, samples.hostile)
def test_any_event_is_one_line(app, happened, phase):
    line = text.event(Event(1.0, app, happened, phase, 1, 2))
    assert line.isprintable()
    assert "##[" not in line


@settings(max_examples=100, deadline=None)
@given(samples.hostile, samples.hostile)
def test_a_hostile_value_cannot_add_a_line_to_a_plan(before, after):
    def lines(old, new):
        change = Change(("services", "web", "envs", "A", "value"), ChangeKind.CHANGED, old, new)
        plan = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(change,))
        return text.plan(PlanReport((plan,))).count("\n"), markdown.plan(PlanReport((plan,))).count("\n")

    assert lines(before, after) == lines("a", "b")


def _hostile_fleet():
    nasty = "".join(samples.FRAGMENTS)
    values = (nasty, "x" * 70_000, nasty * 200, "`" * 70_000, "\u202e" * 70_000)
    plans = tuple(
        Plan(
            f"app-{number:03d}",
            SyncStatus.OUT_OF_SYNC,
            Action.UPDATE,
            changes=tuple(
                Change(
                    ("services", "web", "envs", f"KEY_{index}", "value"), ChangeKind.CHANGED, value, f"{value}{number}"
                )
                for index, value in enumerate(values)
            ),
        )
        for number in range(300)
    )
    return PlanReport(plans, requests=302)


def test_300_apps_with_hostile_and_huge_values_stay_under_the_limit_and_readable():
    report = _hostile_fleet()
    document = markdown.plan(report, links=markdown.Links(full="https://github.com/octo/infra/actions/runs/1"))
    assert len(document) <= len(document.encode()) <= 65_536
    assert document.startswith("### 300 apps: 300 to update\n")
    for number in range(300):
        assert f"app-{number:03d} " in document
    assert document.count("5 changes") == 300
    assert "](<https://github.com/octo/infra/actions/runs/1>)" in document
    assert document == markdown.plan(report, links=markdown.Links(full="https://github.com/octo/infra/actions/runs/1"))


def test_300_apps_with_hostile_and_huge_values_fit_a_step_summary_with_every_change():
    document = markdown.plan(_hostile_fleet(), limit=1 << 20)
    assert len(document.encode()) <= 1 << 20
    assert_inert_markdown(document)
    assert document.count("KEY_4/value") == 300


def test_300_apps_with_hostile_and_huge_values_are_readable_on_a_terminal():
    shown = text.plan(_hostile_fleet())
    assert_inert_text(shown)
    assert shown.count("\n") == 300 * 6 + 1
    assert max(map(len, shown.split("\n"))) < 160


SECRET = "hunter2-Tr0ub4dor"


def _leaky():
    """A plan into which a secret slipped in every way the views can know of."""
    registry = {"name": "web", "image": {"registry_type": "GHCR", "registry_credentials": f"bot:{SECRET}"}}
    drain = {"name": "d", "datadog": {"endpoint": "https://dd.example", "api_key": SECRET}}
    env = {"key": "TOKEN", "value": SECRET, "type": "SECRET"}
    changes = (
        Change(("envs", "A", "value"), ChangeKind.CHANGED, SECRET, SECRET + "2", sensitive=True),
        Change(("envs", "B"), ChangeKind.ADDED, None, {"key": "B", "value": f"EV[1:{SECRET}:x]", "type": "SECRET"}),
        Change(("envs", "C", "value"), ChangeKind.CHANGED, f"EV[1:{SECRET}:x]", f"EV[1:{SECRET}:y]"),
        Change(("envs", "TOKEN"), ChangeKind.REMOVED, env, None),
        Change(("services", "web"), ChangeKind.ADDED, None, registry),
        Change(("services", "web", "envs"), ChangeKind.REORDERED, [env], [env, env]),
        Change(("envs", "D", "value"), ChangeKind.REORDERED, sensitive=True, moves=(Move(SECRET, f"before {SECRET}"),)),
        Change(("envs", "D", "value"), ChangeKind.ADDED, sensitive=True, place=f"before {SECRET}"),
        Change(("services", "web", "image", "registry_credentials"), ChangeKind.ADDED, None, SECRET),
        Change(("services", "web", "log_destinations", "d"), ChangeKind.REMOVED, drain, None),
        Change(("services", "web", "log_destinations", "d", "datadog", "api_key"), ChangeKind.CHANGED, SECRET, "x"),
    )
    note = Note(("envs", "A", "value"), "kept", "ciphertext cannot be compared")
    return PlanReport((Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=changes, notes=(note,)),))


@pytest.mark.parametrize(
    "view",
    [
        text.plan,
        lambda report: text.plan(report, verbose=True, width=4000),
        lambda report: text.plan(report, color=True),
        markdown.plan,
        lambda report: markdown.plan(report, limit=600),
        json_documents.plan,
    ],
)
def test_c05_a_secret_that_slipped_into_a_plan_is_not_shown(view):
    shown = view(_leaky())
    assert "web" in shown
    assert SECRET not in shown
    assert SECRET[:6] not in shown
