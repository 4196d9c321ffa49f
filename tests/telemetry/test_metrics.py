"""What a run leaves in the metrics, and what it keeps of those before."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Action, SyncStatus
from reconciler.rollout.model import OutcomeKind
from reconciler.telemetry.facts import RunFacts
from reconciler.telemetry.metrics import DEFINITIONS, Samples, updated
from tests.telemetry.facts import NOON, at, ended, plan, planned, rolled_out, run

WEB, API = plan("web", SyncStatus.IN_SYNC), plan("api", SyncStatus.IN_SYNC)


def value(samples: Samples, name: str, *labels: str) -> float | None:
    return samples[f"reconcile_{name}"].get(labels)


def app(samples: Samples, name: str, of: str = "web", environment: str = "") -> float | None:
    return value(samples, f"app_{name}", environment, of)


def after(*runs: RunFacts) -> Samples:
    samples: Samples = {}
    for one in runs:
        samples = updated(samples, one)
    return samples


def test_the_last_run_of_each_command_is_kept():
    samples = after(run(planned(WEB), command="drift", exit_code=2, ended=at(10)), run(command="apply", exit_code=1))
    for name, drift, apply in (
        ("timestamp_seconds", NOON.timestamp() + 10, NOON.timestamp() + 90),
        ("duration_seconds", 10, 90),
        ("exit_code", 2, 1),
        ("requests", 42, 42),
    ):
        assert value(samples, f"last_run_{name}", "drift", "") == drift
        assert value(samples, f"last_run_{name}", "apply", "") == apply
    assert value(samples, "request_budget_remaining", "") == 4958


def test_counters_go_on_over_runs():
    failing = run(rolled_out(ended("web", OutcomeKind.ROLLED_BACK)), exit_code=4)
    samples = after(failing, failing, run())
    assert value(samples, "runs_total", "apply", "", "4") == 2
    assert value(samples, "runs_total", "apply", "", "0") == 1
    assert value(samples, "requests_total", "apply", "") == 3 * 42
    assert value(samples, "rollouts_total", "", "web", "rolled_back") == 2


def test_an_app_in_sync_succeeded_when_the_plan_was_made_and_one_applied_when_it_ended():
    new = plan("api", SyncStatus.OUT_OF_SYNC, Action.UPDATE)
    samples = after(run(planned(WEB, new), rolled_out(ended("api", OutcomeKind.APPLIED))))
    assert app(samples, "last_success_timestamp_seconds") == NOON.timestamp() + 2
    assert app(samples, "last_success_timestamp_seconds", "api") == NOON.timestamp() + 60
    assert app(samples, "monthly_cost_usd") == 5
    assert app(samples, "monthly_cost_usd", "api") == 12
    assert app(samples, "last_rollout_duration_seconds", "api") == 30
    assert app(samples, "last_rollout_duration_seconds") is None, "there was no rollout"
    assert value(samples, "last_run_apps", "apply", "", "applied") == 1
    assert value(samples, "last_run_apps", "apply", "", "failed") == 0


def test_an_app_that_never_succeeded_has_no_time_of_success():
    new = plan("web", SyncStatus.ABSENT, Action.CREATE)
    samples = after(run(planned(new), rolled_out(ended("web", OutcomeKind.DEGRADED)), exit_code=5))
    assert app(samples, "last_success_timestamp_seconds") is None
    assert app(samples, "drift") == 1
    assert app(samples, "stalled") == 1


@pytest.mark.parametrize(
    "failing",
    [
        run(exit_code=1),
        run(planned(plan("web", SyncStatus.UNKNOWN)), exit_code=1),
        run(planned(plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE)), exit_code=7),
        run(rolled_out(ended("web", OutcomeKind.ROLLED_BACK)), exit_code=4),
        run(planned(API, whole=False)),
    ],
    ids=["no plan", "not readable", "refused", "rolled back", "of another app"],
)
def test_what_a_run_did_not_achieve_leaves_the_last_success_as_it_was(failing):
    samples = after(run(planned(WEB)), failing)
    assert app(samples, "last_success_timestamp_seconds") == NOON.timestamp() + 2


def test_an_app_without_a_spec_goes_once_a_run_looked_at_all_specs_of_its_environment():
    both = run(planned(WEB, API), planned(WEB, environment="staging"))
    assert app(after(both, run(planned(API, whole=False))), "drift") == 0
    gone = after(both, run(planned(API)))
    assert app(gone, "drift") is None
    assert app(gone, "drift", "api") == 0
    assert app(gone, "drift", environment="staging") == 0, "another environment's app of that name"


def test_an_app_that_was_deleted_is_gone_from_every_metric():
    doomed = planned(plan("web", SyncStatus.OUT_OF_SYNC, Action.DELETE), API)
    samples = after(run(planned(WEB, API)), run(doomed, rolled_out(ended("web", OutcomeKind.DELETED))))
    assert [labels for values in samples.values() for labels in values if "web" in labels] == []
    assert app(samples, "drift", "api") == 0


STATES = [
    (SyncStatus.IN_SYNC, Action.NONE, (0, 0, 0)),
    (SyncStatus.IN_SYNC, Action.REDEPLOY, (0, 0, 0)),
    (SyncStatus.PROGRESSING, Action.NONE, (0, 0, 0)),
    (SyncStatus.ABSENT, Action.CREATE, (1, 0, 0)),
    (SyncStatus.OUT_OF_SYNC, Action.UPDATE, (1, 0, 0)),
    (SyncStatus.IN_SYNC, Action.UPDATE, (1, 0, 0)),
    (SyncStatus.BLOCKED, Action.REFUSE, (1, 0, 1)),
    (SyncStatus.STALLED, Action.NONE, (1, 1, 0)),
    (SyncStatus.DEGRADED, Action.NONE, (1, 1, 0)),
    (SyncStatus.UNKNOWN, Action.NONE, (None, None, None)),
]


@pytest.mark.parametrize(("status", "action", "expected"), STATES)
def test_the_state_that_a_plan_shows(status, action, expected):
    samples = after(run(planned(plan("web", status, action))))
    assert (app(samples, "drift"), app(samples, "stalled"), app(samples, "pinned")) == expected


def test_a_plan_of_each_status_is_in_the_table():
    assert {status for status, _, _ in STATES} == set(SyncStatus)


KEPT = (1, 0, 0)
"""As the plan had it: out of sync."""

ENDS = {
    OutcomeKind.UNCHANGED: (0, 0, 0),
    OutcomeKind.APPLIED: (0, 0, 0),
    OutcomeKind.PAUSED: KEPT,
    OutcomeKind.ROLLED_BACK: (1, 1, 0),
    OutcomeKind.TAKEN_BACK: (1, 1, 0),
    OutcomeKind.PINNED: (1, 1, 1),
    OutcomeKind.LEFT: (1, 1, 0),
    OutcomeKind.DEGRADED: (1, 1, 0),
    OutcomeKind.ROLLBACK_FAILED: (1, 1, 0),
    OutcomeKind.BLOCKED: (1, 0, 1),
    OutcomeKind.STALLED: (1, 1, 0),
    OutcomeKind.SUPERSEDED: (1, 0, 0),
    OutcomeKind.CANCELED: (1, 1, 0),
    OutcomeKind.DIVERGED: (1, 0, 0),
    OutcomeKind.UNCONFIRMED: KEPT,
    OutcomeKind.PLATFORM_FAULT: KEPT,
    OutcomeKind.TIMED_OUT: KEPT,
    OutcomeKind.REFUSED: KEPT,
    OutcomeKind.SKIPPED: KEPT,
    OutcomeKind.INTERRUPTED: KEPT,
    OutcomeKind.FAILED: KEPT,
}


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind is not OutcomeKind.DELETED])
def test_the_state_after_a_rollout(kind):
    before = planned(plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE))
    samples = after(run(before, rolled_out(ended("web", kind))))
    assert (app(samples, "drift"), app(samples, "stalled"), app(samples, "pinned")) == ENDS[kind]


def test_a_rollout_that_went_on_and_failed_differs_though_its_plan_did_not():
    before = planned(plan("web", SyncStatus.PROGRESSING))
    assert app(after(run(before, rolled_out(ended("web", OutcomeKind.ROLLED_BACK)))), "drift") == 1


def test_a_pin_that_cannot_be_ruled_out_counts_as_one():
    record = ended("web", OutcomeKind.TIMED_OUT, pinned=True)
    assert app(after(run(rolled_out(record))), "pinned") == 1


def test_names_follow_the_conventions_of_prometheus():
    for name, about in DEFINITIONS.items():
        assert name.startswith("reconcile_")
        assert name.endswith("_total") is (about.kind == "counter"), name
        assert about.about.endswith("."), name
        assert not name.endswith(("_ms", "_minutes", "_hours")), name
