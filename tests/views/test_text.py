"""What people read on a terminal, exactly."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from reconciler.plan.model import Action, Change, ChangeKind, Cost, Note, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import Event, Outcome, OutcomeKind, RolloutRecord, RolloutReport
from reconciler.views import environments, lines, markdown, markdown_rollout, text
from reconciler.views.progress import LineProgress
from reconciler.views.summary import OUTCOMES
from tests.views import samples

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_a_plan_says_what_changes_where_and_what_it_costs(expected_text):
    assert text.plan(samples.PLAN) == expected_text


def test_a_verbose_plan_also_lists_the_fields_of_new_apps(expected_text):
    assert text.plan(samples.PLAN, verbose=True) == expected_text


def test_a_plan_without_differences_is_short(expected_text):
    assert text.plan(samples.IN_SYNC) == expected_text


def test_many_apps_in_sync_are_counted():
    shown = text.plan(samples.FLEET)
    assert "  = 300 apps in sync" in shown.splitlines()
    assert "app-042" not in shown
    assert "app-042" in text.plan(samples.FLEET, verbose=True)


def test_no_apps_at_all_are_said_so():
    assert text.plan(PlanReport(())) == "No apps · 0 requests"


def test_colour_adds_styles_and_nothing_else():
    for plain, coloured in (
        (text.plan(samples.PLAN), text.plan(samples.PLAN, color=True)),
        (text.rollout(samples.ROLLOUT), text.rollout(samples.ROLLOUT, color=True)),
        (lines.findings(samples.FINDINGS), lines.findings(samples.FINDINGS, color=True)),
    ):
        assert coloured != plain
        assert [line.rstrip() for line in _STYLE.sub("", coloured).split("\n")] == plain.split("\n")


def test_plain_text_does_not_need_rich():
    code = (
        "import sys; from reconciler.views import text, markdown, json_documents, annotations, sarif, progress; "
        "from tests.views import samples; text.plan(samples.PLAN); markdown.plan(samples.PLAN); "
        "sys.exit(any(name.split('.')[0] in ('rich', 'httpx', 'deepdiff', 'jsonschema') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_narrow_terminal_still_shows_whole_paths():
    shown = text.plan(samples.PLAN, width=50)
    for change in samples.WEB.changes:
        assert change.human_path.split("/")[-1] in shown
    assert "services/api/envs/SESSION_KEY/value" in shown


def test_a_long_path_has_its_value_on_the_next_line():
    path = ("services", "a" * 32, "envs", "B" * 32, "value")
    change = Change(path, ChangeKind.CHANGED, "1", "2")
    plan = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(change,))
    assert text.plan(PlanReport((plan,))).splitlines()[1:3] == [f"      {'/'.join(path)}", "          1 → 2"]


def test_many_kept_secrets_are_counted_unless_all_are_wanted():
    notes = tuple(Note(("envs", f"KEY_{number}", "value"), "kept", "cannot be compared") for number in range(9))
    change = Change(("region",), ChangeKind.CHANGED, "ams", "fra")
    report = PlanReport((Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(change,), notes=notes),))
    assert "9 values: (secret) kept: cannot be compared" in text.plan(report)
    assert "KEY_4" not in text.plan(report)
    assert "KEY_4" in text.plan(report, verbose=True)


def test_a_long_reason_goes_beneath_its_app():
    plan = Plan("web", SyncStatus.BLOCKED, Action.REFUSE, "pinned " * 40)
    first, *rest = text.plan(PlanReport((plan,))).splitlines()
    assert first == "  ! web  blocked"
    assert all(len(line) <= 100 for line in rest)
    assert sum(line.count("pinned") for line in rest) == 40


def test_an_unfinished_rollback_is_not_called_blocked():
    plan = Plan(
        "web", SyncStatus.BLOCKED, Action.NONE, "an earlier run was interrupted", follow="d", resume_rollback=True
    )
    assert "  = web  rollback to finish: an earlier run was interrupted" in text.plan(PlanReport((plan,)))


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([(Action.UPDATE, Cost(10, 15))], "$10.00 → $15.00/mo"),
        ([(Action.UPDATE, Cost(10, 10))], "$10.00/mo"),
        ([(Action.NONE, Cost(10, None)), (Action.CREATE, Cost(None, 5))], "$10.00 → $15.00/mo"),
        ([(Action.NONE, Cost()), (Action.CREATE, Cost(None, 5))], "+$5.00/mo"),
        ([(Action.UPDATE, Cost()), (Action.UPDATE, Cost(9, 4))], "-$5.00/mo, without 1 app of unknown cost"),
        ([(Action.REFUSE, Cost(10, 99))], "$10.00/mo"),
        ([(Action.DELETE, Cost(7, None))], "$7.00 → $0.00/mo"),
        ([(Action.UPDATE, Cost(1, 2, estimated=True))], "≈$1.00 → $2.00/mo"),
        ([(Action.NONE, Cost())], ""),
    ],
)
def test_the_total_cost_never_claims_more_than_is_known(costs, expected):
    plans = tuple(Plan("a", SyncStatus.OUT_OF_SYNC, action, cost=cost) for action, cost in costs)
    summary = text.plan(PlanReport(plans)).splitlines()[-1]
    assert summary.split(" · ")[1:-1] == ([expected] if expected else [])


def test_a_rollout_tells_why_and_what_to_do(expected_text):
    assert text.rollout(samples.ROLLOUT) == expected_text


@pytest.mark.parametrize("width", [80, 120])
def test_a_rollout_fits_the_terminal(width, expected_text):
    shown = text.rollout(samples.ROLLOUT, width=width)
    assert all(len(line) <= width for line in shown.splitlines()[:-1] if "://" not in line)
    assert shown == expected_text


@pytest.mark.parametrize("verbose", [False, True])
def test_decisions_that_were_told_while_they_were_made_are_told_again_only_when_asked_for(verbose):
    shown = text.rollout(RolloutReport((samples.ROLLED_BACK,)), verbose=verbose)
    assert ("committing the rollback" in shown) is verbose


def test_a_link_to_a_log_stands_on_its_own_line_without_its_credential():
    shown = text.rollout(RolloutReport((samples.ROLLED_BACK,)), width=60).splitlines()
    assert "      https://logs.example.com/run.log?…" in shown


def test_what_is_refused_for_one_reason_is_said_once():
    why = "2 of 3 apps would change, but one run may change at most 30%"
    change = Change(("region",), ChangeKind.CHANGED, "ams", "fra")
    plans = tuple(
        Plan(app, SyncStatus.OUT_OF_SYNC, Action.REFUSE, why, changes=(change,), override="--allow max-changes")
        for app in ("web", "api")
    )
    other = Plan("db", SyncStatus.OUT_OF_SYNC, Action.REFUSE, "moves the app", override="--allow region=db")
    assert text.plan(PlanReport((*plans, other))).splitlines()[:-2] == [
        "  ! 2 apps  refused",
        "      region   ams → fra",
        "      in web, api",
        "  ! db   refused: moves the app",
        "      to allow it: --allow region=db",
        "",
        f"  2 apps refused: {why}",
        "      to allow it: --allow max-changes",
    ]


def test_a_new_app_that_is_refused_has_a_line_as_one_that_is_created():
    why = "2 of 2 apps would be created, but one run may change at most 30%"
    region = Change(("region",), ChangeKind.ADDED, None, "fra")
    plans = [
        Plan(app, SyncStatus.ABSENT, Action.REFUSE, why, changes=(region,), override="--allow max-changes")
        for app in ("web", "api")
    ]
    assert text.plan(PlanReport(tuple(plans))).splitlines()[:-2] == [
        "  ! web  refused (new app)",
        "  ! api  refused (new app)",
        "",
        f"  2 apps refused: {why}",
        "      to allow it: --allow max-changes",
    ]
    assert "region" in text.plan(PlanReport(tuple(plans)), verbose=True)
    paused = replace(plans[0], action=Action.NONE, reason="paused in reconcile.yaml", override="", paused=True)
    assert text.plan(PlanReport((paused,))).splitlines()[0] == "  = web  paused: absent; paused in reconcile.yaml"
    gone = replace(plans[0], changes=(), reason="the app was deleted while the plan was being made", override="")
    assert "new app" not in text.plan(PlanReport((gone,)))


def test_a_rotated_secret_is_told_once():
    path = ("services", "api", "envs", "KEY", "value")
    change = Change(path, ChangeKind.CHANGED, None, None, sensitive=True)
    note = Note(path, "rotated", "the new value will be sent")
    report = PlanReport((Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(change,), notes=(note,)),))
    assert text.plan(report).count("KEY") == 1
    assert markdown.plan(report).partition("```diff")[2].count("KEY") == 1


def test_a_skipped_app_took_no_time():
    record = RolloutRecord("web", Action.UPDATE, Outcome(OutcomeKind.SKIPPED, "it depends on api"), seconds=15.0)
    assert text.rollout(RolloutReport((record,))).splitlines()[0] == "  · web  skipped"


def test_a_verbose_rollout_tells_all(expected_text):
    assert text.rollout(samples.ROLLOUT, verbose=True) == expected_text


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_outcome_has_a_line_of_its_own(kind):
    record = RolloutRecord("web", Action.UPDATE, Outcome(kind, "because"))
    shown = text.rollout(RolloutReport((record,)))
    assert ("because" in shown) is not (kind.good or kind is OutcomeKind.TAKEN_BACK)
    assert shown.splitlines()[0].split("web")[1].strip() in shown.splitlines()[-1]


def test_the_most_serious_outcome_stands_last():
    lines = [line for line in text.rollout(samples.ROLLOUT).splitlines() if re.match(r"  \S ", line)]
    assert [line.split()[1] for line in lines] == ["site", "web", "api", "billing"]


def test_many_unchanged_apps_are_counted_in_a_rollout():
    records = tuple(RolloutRecord(f"app-{n}", Action.NONE, Outcome(OutcomeKind.UNCHANGED)) for n in range(30))
    assert text.rollout(RolloutReport(records)).splitlines()[0] == "  = 30 apps in sync"


def test_findings_stand_by_place_with_their_hint_beneath(expected_text):
    assert lines.findings(samples.FINDINGS) == expected_text


def test_no_findings_are_said_so():
    assert lines.findings(()) == "no findings"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event(4.2, "web", "build started", "BUILDING", 3, 7), "    4.2s  web       BUILDING 3/7  build started"),
        (Event(0.0, "web", "sending the update"), "    0.0s  web       sending the update"),
        (Event(72.34, "billing", "ok", "ACTIVE", 7, 7, OutcomeKind.APPLIED), "   72.3s  billing   ✓ applied  ok"),
        (Event(9, "web", "", outcome=OutcomeKind.ROLLBACK_FAILED), "    9.0s  web       ✗ rollback failed"),
    ],
)
def test_an_event_is_one_plain_line(event, line):
    assert text.event(event, names=8) == line


def test_every_outcome_has_its_text():
    assert set(OUTCOMES) == set(OutcomeKind)


# --- fleets: the cause before ids, one line for each, what is alike together, each command once ---


def _ended(number, kind, reason, *commands, **more):
    app = f"app-{number:03d}"
    outcome = Outcome(kind, reason, tuple(f"reconcile {command}".replace("APP", app) for command in commands))
    return RolloutRecord(app, Action.UPDATE, outcome, seconds=72.3, requests=9, **more)


def _identity(number):
    return f"8b2e4f10-93ab-4c44-8f3e-{number:012d}"


def _success(number):
    return _ended(number, OutcomeKind.APPLIED, "healthy for 30s", live_url=f"https://app-{number:03d}.example.com")


def _failure(number):
    if number % 3:
        return _success(number)
    failure = replace(
        samples.FAILURE,
        component="web",
        code="BuildJobExitNonZero" if number % 2 else "",
        message="web unhealthy for 5 s",
    )
    reason = f"deployment {_identity(number)} failed: web unhealthy for 5 s; rolled back to {samples.OLD}"
    return _ended(number, OutcomeKind.ROLLED_BACK, reason, "status APP", failure=failure)


def _stopped(number):
    if number >= 10:
        return _ended(number, OutcomeKind.SKIPPED, "the run was stopped before it began", "specs/")
    reason = f"stopped while deployment {_identity(number)} was BUILDING; it continues on App Platform"
    return _ended(number, OutcomeKind.INTERRUPTED, reason, "specs/", "status APP")


def _pinned(number):
    if number % 3:
        return _failure(number)
    reason = "going back failed, too: no deployment became healthy within 5m. The app is left pinned to the rollback"
    commands = ("rollback APP --commit", "rollback APP --revert", "status APP")
    return _ended(number, OutcomeKind.ROLLBACK_FAILED, reason, *commands)


SCREENS = {"success": _success, "failure": _failure, "ctrl-c": _stopped, "exit-5": _pinned}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("size", [3, 30, 300])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_end_of_a_run_at_every_size(screen, size, width, expected_text):
    records = tuple(SCREENS[screen](number) for number in range(size))
    running = tuple(record.app for record in records if record.outcome.kind is OutcomeKind.INTERRUPTED)
    shown = text.rollout(RolloutReport(records, requests=9 * size, seconds=372.0, left_running=running), width=width)
    assert all(len(line) <= width for line in shown.splitlines() if "https://" not in line)
    assert screen == "exit-5" or len(shown.splitlines()) < 75
    assert shown == expected_text


def test_ctrl_c_of_ten_rollouts_fits_a_screen():
    report = RolloutReport(
        tuple(map(_stopped, range(10))), left_running=tuple(f"app-{number:03d}" for number in range(10))
    )
    assert len(text.rollout(report, width=80).splitlines()) <= 12


def _denied(number):
    reason = (
        "nothing was changed: POST /v2/apps: 403 You are missing the required permission app:create "
        f"(id forbidden, request sandbox-{number:08d}); the token needs the scope app:create"
    )
    return _ended(number, OutcomeKind.FAILED, reason, "specs/")


@pytest.mark.parametrize("size", [2, 40])
def test_a_scope_that_the_token_lacks_is_said_once_with_what_was_not_changed(size):
    report = RolloutReport(tuple(map(_denied, range(size))))
    for shown in (text.rollout(report, width=80), markdown_rollout.rollout(report, None)):
        in_a_row = " ".join(shown.split())
        assert in_a_row.count("the token needs the scope app:create") == 1
        assert in_a_row.count("nothing was changed") == 1
        assert f"{size} apps failed" in in_a_row
        assert "app-000" in shown
        assert "app-001" in shown


def test_progress_says_once_why_several_apps_failed():
    progress = LineProgress(["app-000", "app-001"])
    ends = [Event(1.0, one.app, one.outcome.reason, outcome=one.outcome.kind) for one in map(_denied, range(2))]
    shown = [lines.render(progress.lines(end)) for end in ends]
    assert "the scope app:create" in shown[0]
    assert shown[1] == "    1.0s  app-001  ✗ failed  as app-000"


def test_a_command_names_the_app_where_only_one_needs_it():
    records = [*map(_failure, (0, 3, 6)), _pinned(9)]
    shown = text.rollout(RolloutReport(tuple(records)), width=120)
    assert "reconcile rollback app-009 --commit" in shown
    assert shown.count("reconcile status APP") == 1


def test_equal_changes_of_many_apps_are_shown_once_on_a_terminal(expected_text):
    change = Change(("services", "web", "image", "tag"), ChangeKind.CHANGED, "1", "2")
    alike = [
        Plan(f"app-{number:02d}", SyncStatus.OUT_OF_SYNC, Action.UPDATE, changes=(change,), cost=Cost(5.0, 12.0))
        for number in range(40)
    ]
    assert text.plan(PlanReport((*alike, samples.WEB)), width=80) == expected_text
    assert text.plan(PlanReport(tuple(alike)), verbose=True).count("1 → 2") == 40


# --- several environments ---


def _fleet(changed: range, *, value: str = "2") -> PlanReport:
    """30 apps, of which some change a value; where each is written differs."""
    place = Note(("region",), "written", "specs/app.yaml:1:1")
    plans = [
        Plan(
            f"app-{number:02}",
            SyncStatus.OUT_OF_SYNC if number in changed else SyncStatus.IN_SYNC,
            Action.UPDATE if number in changed else Action.NONE,
            changes=(Change(("region",), ChangeKind.CHANGED, "1", value),) if number in changed else (),
            notes=(replace(place, text=f"specs/app-{number:02}.yaml:1:1"),),
        )
        for number in range(30)
    ]
    return PlanReport(tuple(plans))


def test_apps_that_change_alike_are_one_though_their_values_are_written_in_different_files():
    shown = text.plan(_fleet(range(3))).splitlines()
    assert shown[:3] == ["  ~ 3 apps  update", "      region   1 → 2", "      in app-00, app-01, app-02"]


def test_the_apps_listed_are_not_said_to_be_the_youngest():
    young = Note((), "unjudged", "became active just now")
    plans = [replace(plan, notes=(young,)) for plan in _fleet(range(0)).plans[:7]]
    (sentence,) = (line for line in text.plan(PlanReport(tuple(plans))).splitlines() if "health-checked" in line)
    assert "apply will check the 5 youngest of these: app-00, app-01" in sentence


def test_a_fleet_of_several_environments_is_as_short_as_one():
    both = [environments.EnvironmentPlan(place, _fleet(range(3))) for place in ("staging", "prod")]
    assert environments.plan(both).splitlines()[:5] == [
        "  ~ 3 apps  update in staging, prod",
        "      region   1 → 2",
        "      in app-00, app-01, app-02",
        "  = 27 apps  in sync in staging, prod",
        "",
    ]
    assert "app-29" in environments.plan(both, verbose=True)
    assert environments.plan(both, verbose=True).count("1 → 2") == 3


def test_long_values_that_are_shortened_alike_are_not_taken_for_the_same():
    one, other = (_fleet(range(1), value="x" * 500 + end).plans[0] for end in "ab")
    both = [environments.EnvironmentPlan("prod", PlanReport((one, replace(other, app="app-01"))))]
    assert "2 apps" not in environments.plan(both).splitlines()[0]
