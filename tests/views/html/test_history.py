"""An app's past as a page has it, from the platform's deployments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reconciler.live.models import Deployment, LiveApp
from reconciler.views.app_status import AppStatus
from reconciler.views.html.history import SHOWN, history
from tests.plan.platform import app
from tests.plan.timeline import NOW, deployment, live_app
from tests.plan.timeline import history as deployments

A, B = ({**app(), "region": region} for region in ("ams", "fra"))


def stepped(one: Deployment, *steps: tuple[str, float, float], **more: Any) -> Deployment:
    """The deployment with topmost steps, each from so many to so many seconds after its creation."""
    assert one.created_at is not None
    created = one.created_at
    told = [
        {
            "name": name,
            "status": "SUCCESS",
            "started_at": (created + timedelta(seconds=began)).isoformat(),
            "ended_at": (created + timedelta(seconds=ended)).isoformat(),
        }
        for name, began, ended in steps
    ]
    return Deployment.model_validate(one.model_dump() | {"progress": {"steps": told}} | more)


def test_the_phases_of_a_deployment_are_those_of_its_steps_and_the_waits_between_them() -> None:
    one = stepped(deployment("d1", A, "ACTIVE"), ("build", 3, 40), ("deploy", 45, 60))
    (past,) = history(AppStatus(live_app(A, active=one), (one,)), NOW).deployments
    assert past.phases == (
        ("PENDING_BUILD", 0, 3),
        ("BUILDING", 3, 40),
        ("PENDING_DEPLOY", 40, 45),
        ("DEPLOYING", 45, 60),
        ("ACTIVE", 60, 60),
    )
    assert (past.seconds, past.serves, past.word, past.tone) == (60, True, "active", "good")


def test_a_deployment_without_steps_has_no_timeline() -> None:
    one = deployment("d1", A, "ACTIVE")
    (past,) = history(AppStatus(live_app(A, active=one), (one,)), NOW).deployments
    assert (past.phases, past.seconds) == ((), None)


def test_of_an_app_whose_deployments_were_not_read_the_active_one_is_known() -> None:
    one = deployment("d1", A, "ACTIVE", user="kim")
    found = history(AppStatus(live_app(A, active=one)), NOW)
    assert [past.who for past in found.deployments] == ["Kim"]
    assert (found.complete, found.deployed, found.conditions) == (False, one.created_at, ())


def test_an_app_without_any_deployment_has_no_past_and_says_that_nothing_is_active() -> None:
    found = history(AppStatus(LiveApp.model_validate({"id": "app-1", "spec": A})), NOW)
    assert (found.deployments, found.deployed) == ((), None)
    assert found.conditions == (("nothing active", "bad"),)


def test_what_was_rolled_back_is_called_so_and_what_failed_says_where() -> None:
    past = deployments((A, "ACTIVE", {"rollback": True}), (B, "SUPERSEDED"), (B, "ERROR"), (A, "SUPERSEDED"))
    found = history(AppStatus(live_app(A, active=past[0]), past), NOW)
    assert [(one.word, one.tone) for one in found.deployments] == [
        ("active", "good"), ("rolled back", "bad"), ("error", "bad"), ("superseded", "quiet"),
    ]  # fmt: skip
    assert found.deployments[2].reason == "DeployContainerExitNonZero"
    assert ("rolled back", "warning") in found.conditions
    assert found.complete


def test_only_the_newest_are_shown() -> None:
    past = deployments(*[(A, "SUPERSEDED")] * 30)
    assert len(history(AppStatus(live_app(A), past), NOW).deployments) == SHOWN
