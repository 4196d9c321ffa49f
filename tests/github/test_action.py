from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from markdown_it import MarkdownIt

from reconciler.cli.action import ActionStep
from reconciler.clock import SystemClock
from reconciler.config import Config
from reconciler.engine.load import Desired
from reconciler.errors import Interrupted, InvalidInput, PlanMismatch, ReconcileError, TransportFailed
from reconciler.exit_codes import Exit
from reconciler.findings import Finding, Location, Severity
from reconciler.github.context import EventContext, read
from reconciler.github.inputs import Inputs, Mode
from reconciler.github.report import NOTHING_KNOWN, Result
from reconciler.plan.model import Action, Change, ChangeKind, Cost, Plan, PlanReport, SyncStatus
from reconciler.redaction import MASK, Redactor
from reconciler.rollout.model import Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.views import markdown
from tests.github.runner import ACTION, Runner
from tests.github.test_outputs import read_outputs
from tests.github.world import NEW, OLD, pull_event
from tests.support.fake_github import FakeGitHub, secondary_limit

SECRET = "dop_v1_0123456789abcdef"
SYNC = Plan("web", SyncStatus.IN_SYNC, Action.NONE)
CHANGED = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, live_digest="1")


@dataclass
class Tool:
    """Stands for the reconciler: says what it is told to, and remembers how it was asked."""

    result: Result | BaseException
    asked: list[tuple[Inputs, EventContext]] = field(default_factory=list)

    async def __call__(self, inputs: Inputs, context: EventContext) -> Result:
        self.asked.append((inputs, context))
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


def planned(plan: Plan, exit_code: Exit = Exit.OK, text: str = "") -> Tool:
    told = text or ("nothing differs" if plan is SYNC else "~ web")
    return Tool(Result(exit_code=exit_code, plan=PlanReport((plan,)), text=told, markdown=lambda limit: told[:limit]))


def rolled(kind: OutcomeKind, exit_code: Exit = Exit.OK) -> Tool:
    record = RolloutRecord("web", Action.UPDATE, Outcome(kind))
    report = RolloutReport((record,))
    return Tool(Result(exit_code=exit_code, rollout=report, text=kind, markdown=lambda limit: f"web {kind}"[:limit]))


@pytest.fixture
def fake() -> FakeGitHub:
    fake = FakeGitHub()
    fake.add_pull(7, OLD)
    return fake


@pytest.fixture
def runner(tmp_path: Path, fake: FakeGitHub) -> Iterator[Runner]:
    runner = Runner(tmp_path, fake)
    yield runner
    runner.clock.close()


def push(*commits: str) -> dict[str, Any]:
    return {"commits": [{"id": commit} for commit in commits]}


def said(fake: FakeGitHub) -> str:
    [comment] = fake.comments_by()
    return str(comment["body"])


def test_opened_pushed_again_merged_drifted_and_fixed_is_one_comment_and_one_closed_issue(
    runner: Runner, fake: FakeGitHub
) -> None:
    step = runner.step(planned(CHANGED), "pull_request", pull_event(sha=OLD))
    assert (step.exit_code, step.outputs["changes"]) == (0, "1")
    assert f"commit {OLD}" in said(fake)

    fake.pulls[7]["head"]["sha"] = NEW
    runner.step(planned(CHANGED), "pull_request", pull_event(sha=NEW))
    assert f"commit {NEW}" in said(fake)

    merged = "c" * 40
    fake.merge(7, merged)
    step = runner.step(rolled(OutcomeKind.APPLIED), "push", push(merged), sha=merged, mode="apply")
    assert (step.exit_code, step.warnings) == (0, [])
    assert "web applied" in said(fake)

    step = runner.step(planned(CHANGED, exit_code=Exit.DIFFERENCES), "schedule", mode="drift", environment="production")
    assert (step.exit_code, step.outputs["exit-code"], step.outputs["drift"]) == (0, "2", "true")
    [issue] = fake.issues.values()
    assert (issue["state"], issue["title"]) == ("open", "Drift in production")

    step = runner.step(planned(SYNC), "schedule", mode="drift", environment="production")
    assert (step.outputs["drift"], issue["state"]) == ("false", "closed")
    assert len(fake.comments) == len(fake.issues) == 1


def test_a_merge_that_is_rolled_back_says_so_everywhere(runner: Runner, fake: FakeGitHub) -> None:
    fake.merge(7, NEW)
    step = runner.step(
        rolled(OutcomeKind.ROLLED_BACK, exit_code=Exit.ROLLED_BACK), "push", push(NEW), sha=NEW, mode="apply"
    )
    assert (step.exit_code, step.outputs["rolled-back"], step.outputs["exit-code"]) == (4, "web", "4")
    assert "web rolled_back" in step.summary
    assert "web rolled_back" in said(fake)


def test_every_pull_request_that_a_push_merged_is_told_and_no_other(runner: Runner, fake: FakeGitHub) -> None:
    first, second = "c" * 40, "d" * 40
    for number, commit in ((8, first), (9, second)):
        fake.add_pull(number, OLD)
        fake.merge(number, commit)
    fake.add_pull(10, OLD, base="release")
    fake.merge(10, second)
    fake.commits[second].append(7)
    runner.step(rolled(OutcomeKind.APPLIED), "push", push(first, second), sha=second, mode="apply")
    assert [comment["pull"] for comment in fake.comments_by()] == [8, 9]


def test_the_tokens_are_masked_before_anything_else_even_before_the_inputs_are_understood(runner: Runner) -> None:
    step = runner.step(planned(CHANGED), "pull_request", pull_event(), token=SECRET, mode="destroy")
    assert step.log[:2] == [f"::add-mask::{SECRET}", "::add-mask::gh-token"]
    assert step.exit_code == 64


def test_what_the_tool_does_is_asked_for_with_the_inputs(runner: Runner) -> None:
    tool = planned(SYNC)
    runner.step(tool, "workflow_dispatch", mode="drift", app="web", api_url="https://box.example", shard="1/2")
    [(inputs, context)] = tool.asked
    assert (inputs.mode, inputs.apps, inputs.api_url, inputs.shard) == (
        Mode.DRIFT,
        ("web",),
        "https://box.example",
        (1, 2),
    )
    assert context.event == "workflow_dispatch"


def test_a_fork_without_secrets_is_validated_offline_and_the_summary_says_why(runner: Runner, fake: FakeGitHub) -> None:
    tool = Tool(Result(exit_code=Exit.INVALID, markdown=lambda limit: "1 spec is broken"[:limit]))
    step = runner.step(tool, "pull_request", pull_event(head="stranger/shop"), token="")
    assert tool.asked[0][0].mode is Mode.VALIDATE
    assert step.exit_code == 3
    assert "**No plan:** this pull request is from a fork" in step.summary
    assert "1 spec is broken" in step.summary
    assert (fake.writes(), step.warnings) == ([], [])


def test_dependabot_gets_no_secrets_either_and_its_pull_request_is_told(runner: Runner, fake: FakeGitHub) -> None:
    tool = Tool(Result(exit_code=Exit.INVALID, markdown=lambda limit: "1 problem"[:limit]))
    step = runner.step(tool, "pull_request", pull_event(), actor="dependabot[bot]", token="")
    assert "Dependabot" in step.summary
    assert "1 problem" in said(fake)


def test_the_sandbox_needs_no_token(runner: Runner) -> None:
    tool = planned(SYNC)
    runner.step(tool, "pull_request", pull_event(), sandbox="true", token="")
    assert tool.asked[0][0].mode is Mode.PLAN


def test_a_push_without_a_token_is_not_quietly_validated_instead(runner: Runner) -> None:
    tool = Tool(ReconcileError("there is no token"))
    step = runner.step(tool, "push", push(OLD), mode="apply", token="")
    assert tool.asked[0][0].mode is Mode.APPLY
    assert step.exit_code == 1


def test_the_second_workflow_of_a_fork_finds_its_pull_request_by_the_event_alone(
    runner: Runner, fake: FakeGitHub
) -> None:
    fake.add_pull(8, NEW, head="stranger:topic")
    fake.add_pull(9, OLD, head="stranger:other")
    run = {
        "head_sha": NEW,
        "head_branch": "topic",
        "head_repository": {"full_name": "stranger/shop", "owner": {"login": "stranger"}},
        "pull_requests": [],
    }
    runner.step(planned(CHANGED), "workflow_run", {"workflow_run": run})
    [comment] = fake.comments_by()
    assert comment["pull"] == 8
    assert f"commit {NEW}" in comment["body"]


def test_when_nothing_differs_any_more_the_comment_says_so_and_none_is_opened_for_it(
    runner: Runner, fake: FakeGitHub
) -> None:
    step = runner.step(planned(SYNC), "pull_request", pull_event())
    assert not fake.comments
    assert "nothing differs" in step.summary
    runner.step(planned(CHANGED), "pull_request", pull_event())
    runner.step(planned(SYNC), "pull_request", pull_event())
    assert "nothing differs" in said(fake)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ReconcileError("broken"), 1),
        (TransportFailed("no answer", method="GET", path="/v2/apps"), 1),
        (InvalidInput((Finding(Severity.ERROR, "x", "no name", location=Location("a.yaml", 3)),)), 3),
        (PlanMismatch("moved on", hint="plan again"), 7),
    ],
)
def test_outputs_and_summary_are_written_on_failure_too(runner: Runner, error: ReconcileError, exit_code: int) -> None:
    step = runner.step(Tool(error), "push", push(OLD), mode="apply")
    assert (step.exit_code, step.outputs) == (exit_code, NOTHING_KNOWN | {"exit-code": str(exit_code)})
    assert error.message in step.summary
    assert any(line.startswith("::error title=reconcile::") for line in step.log)


def test_invalid_input_says_where(runner: Runner) -> None:
    error = InvalidInput((Finding(Severity.ERROR, "x", "no name", location=Location("a.yaml", 3, 1)),))
    assert "a.yaml:3:1: no name" in runner.step(Tool(error), "push", push(OLD), mode="apply").summary


@pytest.mark.parametrize(("error", "exit_code"), [(ValueError("a bug"), "1"), (asyncio.CancelledError(), "130")])
def test_a_bug_and_an_interruption_leave_outputs_and_go_on_up(
    runner: Runner, error: BaseException, exit_code: str
) -> None:
    with pytest.raises(type(error)):
        runner.step(Tool(error), "push", push(OLD), mode="apply")
    assert read_outputs((runner.last / "output").read_text())["exit-code"] == exit_code
    assert (runner.last / "summary").read_text().startswith("## reconcile apply\n\n### reconcile failed")


def test_an_apply_that_broke_off_is_told_on_the_merged_pull_request_a_plan_that_did_is_only_red(
    runner: Runner, fake: FakeGitHub
) -> None:
    runner.step(Tool(ReconcileError("no answer")), "pull_request", pull_event())
    assert not fake.comments
    fake.merge(7, NEW)
    runner.step(Tool(ReconcileError("no answer")), "push", push(NEW), sha=NEW, mode="apply")
    assert "no answer" in said(fake)


def test_an_input_that_cannot_be_ends_with_64_and_touches_nothing(runner: Runner, fake: FakeGitHub) -> None:
    step = runner.step(planned(CHANGED), "pull_request", pull_event(), mode="destroy")
    assert (step.exit_code, step.outputs["exit-code"], fake.log) == (64, "64", [])
    assert "plan, apply, drift, validate" in step.summary


def test_a_failed_comment_fails_no_run(runner: Runner, fake: FakeGitHub) -> None:
    fake.tokens["gh-token"].comments = False
    step = runner.step(planned(CHANGED), "pull_request", pull_event())
    assert step.exit_code == 0
    assert "pull-requests: write" in step.warnings[0]


@pytest.mark.parametrize("number", ["%C2%B2", "9" * 5000, "-1"])
def test_a_number_that_a_person_wrote_into_our_comment_or_issue_fails_no_run(
    runner: Runner, fake: FakeGitHub, number: str
) -> None:
    runner.step(planned(CHANGED), "pull_request", pull_event())
    runner.step(planned(CHANGED, Exit.DIFFERENCES), "schedule", mode="drift")
    [comment] = fake.comments.values()
    [issue] = fake.issues.values()
    comment["body"] = re.sub(r"run=[0-9.]+", f"run={number}.{number}", comment["body"])
    issue["body"] = re.sub(r"seen=[0-9]+", f"seen={number}", issue["body"])
    planned_again = runner.step(planned(CHANGED, text="~ web again"), "pull_request", pull_event())
    detected_again = runner.step(planned(CHANGED, Exit.DIFFERENCES), "schedule", mode="drift")
    assert [(step.exit_code, step.warnings) for step in (planned_again, detected_again)] == [(0, []), (0, [])]
    assert "~ web again" in said(fake)


def test_a_part_of_the_report_that_breaks_on_github_s_answer_fails_no_run_and_stops_no_other(
    runner: Runner, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(*_given: object) -> None:
        raise KeyError("name")

    monkeypatch.setattr("reconciler.github.checks.check", check)
    step = runner.step(planned(CHANGED), "pull_request", pull_event(), check_run="true")
    assert step.exit_code == 0
    assert step.warnings == [
        "::warning title=reconcile::internal error: KeyError, so something is missing on GitHub",
    ]
    assert "~ web" in said(fake)


def test_a_file_whose_name_is_no_unicode_is_reported_everywhere(
    runner: Runner, fake: FakeGitHub, tmp_path: Path
) -> None:
    found = Finding(Severity.ERROR, "x", "no name", location=Location("specs/w\udcff.yaml", 3, 1))
    result = Result(Exit.INVALID, findings=(found,), text="x", page="w\udcff", sarif="w\udcff")
    files = {name: str(tmp_path / name) for name in ("report_file", "sarif_file")}
    result = replace(result, plan=PlanReport((CHANGED,)), markdown=lambda _limit: "w\udcff")
    step = runner.step(Tool(result), "pull_request", pull_event(), check_run="true", **files)
    assert (step.exit_code, step.warnings) == (3, [])
    [check] = fake.checks.values()
    assert check["annotations"][0]["path"] == "specs/w?.yaml"
    assert "w?" in said(fake)
    assert [Path(file).read_text() for file in files.values()] == ["w?", "w?"]


def test_a_token_that_cannot_be_sent_fails_no_run(runner: Runner, fake: FakeGitHub) -> None:
    fake.merge(7, NEW)
    step = runner.step(rolled(OutcomeKind.APPLIED), "push", push(NEW), mode="apply", github_token="gh_sécret")
    assert (step.exit_code, step.outputs["changes"], fake.log) == (0, "1", [])
    assert len(step.warnings) == 1


def test_outputs_and_summary_stand_before_github_is_asked_for_anything(
    runner: Runner, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Watching(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append((runner.last / "output").read_text() + (runner.last / "summary").read_text())
            return httpx.Response(500)

    monkeypatch.setattr(fake, "transport", Watching)
    step = runner.step(planned(CHANGED), "pull_request", pull_event())
    assert step.exit_code == 0
    assert "changes" in seen[0]
    assert "~ web" in seen[0]


def test_a_lookup_that_fails_fails_no_run(runner: Runner, fake: FakeGitHub) -> None:
    fake.refuse("GET", ".*/commits/.*", secondary_limit(9999), times=9)
    step = runner.step(rolled(OutcomeKind.APPLIED), "push", push(OLD), mode="apply")
    assert step.exit_code == 0
    assert "rate limit" in step.warnings[0]


def test_a_runner_whose_files_cannot_be_written_is_a_warning(runner: Runner) -> None:
    tool = Tool(Result(exit_code=Exit.OK, sarif="{}"))
    step = runner.step(tool, "workflow_dispatch", sarif_file="/dev/null/such.sarif")
    assert "cannot write" in step.warnings[0]
    assert step.exit_code == 0


def test_c90_sarif_is_written_where_it_is_asked_for_in_a_new_folder_too(runner: Runner, tmp_path: Path) -> None:
    file = tmp_path / "new" / "out.sarif"
    runner.step(Tool(Result(exit_code=Exit.OK, sarif="{}")), "workflow_dispatch", sarif_file=str(file))
    assert file.read_text() == "{}"


def test_comment_off_and_issue_off_write_nothing(runner: Runner, fake: FakeGitHub) -> None:
    runner.step(planned(CHANGED), "pull_request", pull_event(), comment="off")
    runner.step(planned(CHANGED, exit_code=Exit.DIFFERENCES), "schedule", mode="drift", issue="off")
    assert fake.log == []


def test_without_a_github_token_there_is_a_warning(runner: Runner, fake: FakeGitHub) -> None:
    step = runner.step(planned(CHANGED), "pull_request", pull_event(), github_token="")
    assert (len(step.warnings), fake.log) == (1, [])


def test_fail_on_drift_fails_on_drift_and_still_tells(runner: Runner, fake: FakeGitHub) -> None:
    step = runner.step(planned(CHANGED, exit_code=Exit.DIFFERENCES), "schedule", mode="drift", fail_on_drift="true")
    assert (step.exit_code, len(fake.issues)) == (2, 1)


def test_a_detection_that_failed_neither_opens_nor_closes(runner: Runner, fake: FakeGitHub) -> None:
    runner.step(planned(CHANGED, exit_code=Exit.DIFFERENCES), "schedule", mode="drift")
    step = runner.step(Tool(ReconcileError("no answer")), "schedule", mode="drift")
    assert (step.exit_code, step.outputs["drift"]) == (1, "")
    assert [issue["state"] for issue in fake.issues.values()] == ["open"]


def test_a_detection_that_was_interrupted_neither_opens_nor_closes(runner: Runner, fake: FakeGitHub) -> None:
    step = runner.step(planned(CHANGED, exit_code=Exit.INTERRUPTED), "schedule", mode="drift")
    assert (step.exit_code, step.outputs["drift"], fake.issues) == (130, "", {})
    runner.step(planned(CHANGED, exit_code=Exit.DIFFERENCES), "schedule", mode="drift")
    runner.step(planned(SYNC, exit_code=Exit.INTERRUPTED), "schedule", mode="drift")
    runner.step(Tool(Interrupted("stopped")), "schedule", mode="drift")
    assert [issue["state"] for issue in fake.issues.values()] == ["open"]


def test_a_merge_queue_s_trial_is_planned_and_tells_nobody(runner: Runner, fake: FakeGitHub) -> None:
    head_ref = f"refs/heads/gh-readonly-queue/main/pr-7-{OLD}"
    event = {"merge_group": {"head_sha": NEW, "head_ref": head_ref}}
    step = runner.step(planned(CHANGED), "merge_group", event)
    assert (step.exit_code, fake.log) == (0, [])


def test_what_a_spec_says_cannot_command_the_runner(runner: Runner) -> None:
    step = runner.step(planned(CHANGED, text="::error::from a spec"), "workflow_dispatch")
    at = step.log.index("::error::from a spec")
    word = step.log[at - 1].removeprefix("::stop-commands::")
    assert step.log[at + 1] == f"::{word}::"


def test_a_token_that_something_quotes_reaches_neither_log_nor_summary_nor_comment(
    runner: Runner, fake: FakeGitHub
) -> None:
    leak = f"the request had {SECRET} in it"
    tool = Tool(
        Result(
            exit_code=Exit.OK,
            text=leak,
            markdown=lambda limit: leak,
            annotations=(f"::notice::{leak}",),
            plan=PlanReport((CHANGED,)),
        )
    )
    step = runner.step(tool, "pull_request", pull_event(), token=SECRET)
    assert step.log[0] == f"::add-mask::{SECRET}"
    assert SECRET not in "\n".join([*step.log[1:], step.summary, said(fake), *step.outputs.values()])


def test_all_outputs_of_action_yml_are_written_and_no_others(runner: Runner) -> None:
    step = runner.step(planned(CHANGED), "workflow_dispatch")
    assert set(step.outputs) == set(ACTION["outputs"])


def test_every_input_of_action_yml_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.github import inputs

    read = set()
    plain = inputs.raw
    monkeypatch.setattr(inputs, "raw", lambda environ, name: read.add(name) or plain(environ, name))
    inputs.parse({})
    assert read == set(ACTION["inputs"])


def test_the_defaults_of_action_yml_are_those_of_the_code() -> None:
    from reconciler.github import inputs
    from tests.github.runner import input_variables

    assert inputs.parse(input_variables({}, token="")) == Inputs()


HOSTILE = [
    "`code` ``` fence",
    "</details></summary><h1>out</h1>",
    "@everyone @acme/admins #1",
    "::error::red",
    "nul \x00 and \u202egnirts\u202c",
    "[click](https://evil.example) <https://evil.example> https://evil.example",
    "![img](https://evil.example/x.png)",
    "<!-- reconcile:comment key=stolen -->",
    "x" * 70_000,
    "`\x00\u202e</details>@everyone\n::error::" * 2_000,
]


def hostile_plan(number: int) -> Plan:
    changes = tuple(
        Change(("services", HOSTILE[index - 2], "envs", f"KEY{index}", "value"), ChangeKind.CHANGED, "before", value)
        for index, value in enumerate(HOSTILE)
    )
    name = HOSTILE[number // 50] if number % 50 == 49 else f"app-{number}"
    return Plan(name, SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=changes, reason=HOSTILE[1], cost=Cost(5.0, 12.0))


@pytest.mark.parametrize("apps", [1, 300])
def test_a_fleet_of_hostile_specs_makes_a_comment_within_the_limit_that_does_nothing(
    runner: Runner, fake: FakeGitHub, apps: int
) -> None:
    report = PlanReport(tuple(hostile_plan(number) for number in range(apps)))
    tool = Tool(Result(exit_code=Exit.OK, plan=report, markdown=lambda limit: markdown.plan(report, limit=limit)))
    step = runner.step(tool, "pull_request", pull_event(), environment="production")
    body = said(fake)
    assert len(body) <= 65_536
    assert len(step.summary.encode()) <= 1024 * 1024
    assert f"{apps:,} to update" in body
    html = MarkdownIt("gfm-like", {"linkify": False}).render(body.partition("\n")[2])
    # What GitHub would make of it: our own run link and nothing else to click, load, or leave the page's structure.
    assert re.findall(r'(?:href|src)="([^"]*)"', html) == [
        f"https://github.example/acme/shop/actions/runs/{runner.run_id}"
    ]
    assert "<h1>" not in html
    assert html.count("<details") == html.count("</details>")
    outside = re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert "@everyone" not in outside
    assert not any(character in body for character in "\x00\u202e\u202c")
    runner.step(tool, "pull_request", pull_event(), environment="production")
    assert len(fake.comments_by()) == 1


# --- secrets, the last safety net -----------------------------------------------------------------------------------


def with_secret(*secrets: str) -> Desired:
    return Desired((), Config(), (), frozenset(), keys=frozenset(secrets))


def test_what_was_loaded_is_hidden_from_then_on_and_in_every_environment_after_it() -> None:
    tokens = Inputs(token="dop_v1_staging", github_token="ghs_of_the_run")
    first = ActionStep(tokens, read({}), {}, SystemClock(), print, Redactor())
    first.loaded(with_secret("Tr0ub4dor-and-3"))
    second = replace(first, inputs=replace(tokens, token="dop_v1_production"))
    second.loaded(with_secret("correct-horse-battery"))
    text = "Tr0ub4dor-and-3 correct-horse-battery dop_v1_staging dop_v1_production ghs_of_the_run"
    assert second.redact(text) == " ".join([MASK] * 5)
    assert first.redact("Tr0ub4dor-and-3 dop_v1_staging") == f"{MASK} {MASK}"


def test_a_suggested_apply_is_for_the_apps_of_the_run_and_no_others() -> None:
    inputs = Inputs(apps=("web",), exclude=("web-old",), specs=("infra/specs",), shard=(1, 2))
    step = ActionStep(inputs, read({}), {}, SystemClock(), print, Redactor())
    assert step.suggest.command("reconcile") == "reconcile infra/specs --app web --exclude web-old --shard 1/2"
    assert step.suggest.command("reconcile status web") == "reconcile status web"


def test_the_page_is_written_where_it_is_asked_for_and_named_in_the_outputs_and_the_summary(
    runner: Runner, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "report.html"
    tool = Tool(Result(exit_code=Exit.OK, page="<!doctype html>"))
    step = runner.step(tool, "workflow_dispatch", report_file=str(file))
    assert file.read_text() == "<!doctype html>"
    assert step.outputs["report-file"] == str(file)
    assert "#artifacts)" in step.summary


def test_a_page_that_cannot_be_written_or_was_not_made_is_not_named(runner: Runner) -> None:
    tool = Tool(Result(exit_code=Exit.OK, page="<!doctype html>"))
    step = runner.step(tool, "workflow_dispatch", report_file="/dev/null/report.html")
    assert (step.exit_code, step.outputs["report-file"]) == (0, "")
    assert "cannot write" in step.warnings[0]
    assert "#artifacts" not in step.summary
    step = runner.step(Tool(ReconcileError("no answer")), "workflow_dispatch", report_file="report.html")
    assert step.outputs["report-file"] == ""
