"""C49 and C51, read from deployments: the platform's own rollbacks, and failures that are its own."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.live.models import Deployment
from reconciler.plan.platform import (
    FAULTS,
    FailedIn,
    failed_for,
    failed_in,
    failing_step,
    failure_codes,
    is_platform_fault,
    own_rollback,
    own_rollbacks,
    was_active,
)
from tests.plan.platform import app

GOOD, BAD, OTHER = ({**app(), "region": region} for region in ("ams", "fra", "lon"))
LINEAGE = {"previous_deployment_id": "bad", "cloned_from": "good"}
CAUSE = {"cause": 'automated rollback after failed deployment of "bad"'}
AUTO, UNKNOWN, MANUAL = ({"cause_details": {"type": kind}} for kind in ("AUTO_ROLLBACK", "HEALED", "MANUAL"))


def made(ident: str, spec: Any = GOOD, phase: str = "ACTIVE", **more: Any) -> Deployment:
    return Deployment.model_validate({"id": ident, "spec": spec, "phase": phase, **more})


def by_user(name: str, kind: str = "") -> dict[str, Any]:
    action = {"user": {"uuid": "u"}, "name": name}
    return {"cause_details": {"type": kind, "digitalocean_user_action": action}}


BEFORE = [made("bad", BAD, "ERROR"), made("good", GOOD, "SUPERSEDED")]


@pytest.mark.parametrize("phase", ["PENDING_BUILD", "BUILDING", "DEPLOYING", "ACTIVE", "ERROR", "SUPERSEDED"])
@pytest.mark.parametrize(
    ("facts", "proven"),
    [
        (AUTO, True),
        (AUTO | LINEAGE, True),
        (CAUSE, True),
        (CAUSE | UNKNOWN, True),
        (CAUSE | MANUAL, True),
        (LINEAGE, False),
        (LINEAGE | UNKNOWN, False),
        (LINEAGE | {"cause_details": None, "cause": None}, False),
    ],
    ids=["type", "type-and-lineage", "cause", "cause-unknown-type", "cause-manual", "lineage", "unknown", "nulls"],
)
def test_c49_the_platforms_own_rollback_is_recognised_in_every_phase(
    facts: dict[str, Any], proven: bool, phase: str
) -> None:
    found = own_rollback(made("own", phase=phase, **facts), BEFORE)
    assert found is not None
    assert (found.failed_id, found.proven) == ("bad", proven)


@pytest.mark.parametrize(
    "one",
    [
        made("own", **LINEAGE, **MANUAL),
        made("own", **LINEAGE, cause_details={"type": "DEPLOY_ON_PUSH"}),
        made("own", **LINEAGE, cause_details={"type": "MAINTENANCE"}),
        made("own", **LINEAGE, **by_user("CREATE_DEPLOYMENT")),
        made("own", **LINEAGE, **by_user("RESTART")),
        made("own", **LINEAGE, cause_details={"type": "MANUAL_ROLLBACK"}),
        made("own", **CAUSE, **by_user("ROLLBACK_APP", "AUTO_ROLLBACK")),
        made("own", **CAUSE, **by_user("RESTART")),
        made("own", **CAUSE, cause_details={"type": "MANUAL_ROLLBACK"}),
        made("own", OTHER, **LINEAGE),
        made("own", BAD, **LINEAGE),
        made("own", previous_deployment_id="bad"),
        made("own", cloned_from="good"),
        made("own", previous_deployment_id="good", cloned_from="good"),
        made("own", cause="app spec updated"),
        made("own", cause="a rollback after the failed deployment of something else"),
        made("own", cause="a rollback after the failed deployment of something else", previous_deployment_id="good"),
        made("own", cause='deployed again after "gone"', previous_deployment_id="gone"),
    ],
    ids=lambda one: f"{one.cause_details}{one.cloned_from}{one.cause}"[:60],
)
def test_c49_what_a_person_or_a_push_made_or_what_never_served_is_none(one: Deployment) -> None:
    assert own_rollback(one, BEFORE) is None


def test_c49_its_lineage_counts_only_with_a_spec_that_was_active_before_the_failed_one() -> None:
    never = [made("bad", BAD, "ERROR"), made("good", GOOD, "ERROR"), made("first", OTHER, "SUPERSEDED")]
    assert own_rollback(made("own", **LINEAGE), never) is None
    later = [made("new", GOOD, "SUPERSEDED"), made("bad", BAD, "ERROR"), made("first", OTHER, "SUPERSEDED")]
    assert own_rollback(made("own", **LINEAGE), later) is None


def test_c49_a_cause_may_name_a_deployment_that_is_in_no_list_yet() -> None:
    found = own_rollback(made("own", **CAUSE, previous_deployment_id="bad"), [])
    assert found is not None
    assert (found.failed_id, found.proven) == ("bad", True)
    assert own_rollback(made("own", cause="failed", previous_deployment_id=""), []) is None


def test_c49_a_type_alone_takes_the_newest_failure_and_none_where_there_is_none() -> None:
    own = made("own", **AUTO)
    assert [own_rollbacks(each)["own"].failed_id for each in ([own, *BEFORE], [own])] == ["bad", ""]


ALSO = made("worse", OTHER, "ERROR")


@pytest.mark.parametrize(
    ("history", "failed_id"),
    [
        ([made("own", **AUTO), ALSO, *BEFORE], "worse"),
        ([made("own", phase="ERROR", **AUTO), ALSO, *BEFORE], "worse"),
        ([ALSO, made("own", **AUTO), *BEFORE], "bad"),
        ([made("own", **AUTO, previous_deployment_id="bad"), ALSO, *BEFORE], "bad"),
        ([made("own", **CAUSE, previous_deployment_id="good"), *BEFORE], "bad"),
        ([made("own", **CAUSE), made("", OTHER, "ERROR"), *BEFORE], "bad"),
    ],
    ids=[
        "the newest failure before it",
        "not its own failure",
        "not a failure since",
        "the one before it in its lineage, not the newest failure",
        "the one in its cause, not the one before it in its lineage",
        "no deployment without an id",
    ],
)
def test_c49_a_rollback_of_the_platforms_goes_back_from(history: list[Deployment], failed_id: str) -> None:
    own = own_rollbacks(history)["own"]
    assert (own.failed_id, own.proven) == (failed_id, True)


def test_c49_when_its_rollback_comes_twice_both_belong_to_the_deployment_of_a_user() -> None:
    again = made("again", **AUTO, previous_deployment_id="own", cloned_from="good")
    own = made("own", GOOD, "ERROR", **CAUSE | LINEAGE)
    owns = own_rollbacks([again, own, *BEFORE])
    assert owns.keys() == {"again", "own"}
    assert [failed_for(one, owns) for one in owns.values()] == ["bad", "bad"]


def test_c49_rollbacks_that_name_each_other_end() -> None:
    one = made("one", GOOD, "ERROR", **AUTO, previous_deployment_id="two")
    two = made("two", GOOD, "ERROR", **AUTO, previous_deployment_id="one")
    owns = own_rollbacks([one, two])
    assert {failed_for(each, owns) for each in owns.values()} <= {"one", "two"}


def test_c49_in_no_list_there_is_none() -> None:
    assert own_rollbacks([]) == {}
    assert own_rollbacks(BEFORE) == {}


# --- where it failed, and why ---


def step(name: str, status: str = "SUCCESS", code: str = "", message: str = "", *inner: Any) -> dict[str, Any]:
    reason = {"code": code, "message": message} if code or message else None
    return {"name": name, "status": status, "reason": reason, "steps": list(inner)}


def failed(*steps: dict[str, Any], phase: str = "ERROR") -> Deployment:
    return made("bad", BAD, phase, progress={"steps": list(steps)})


BUILT = step("build")


@pytest.mark.parametrize(
    ("deployment", "where"),
    [
        (failed(step("build", "ERROR")), FailedIn.BUILD),
        (failed(step("build", "PENDING", "", "", step("components", "ERROR"))), FailedIn.BUILD),
        (failed(BUILT, step("deploy", "ERROR")), FailedIn.DEPLOY),
        (failed(BUILT, step("Deploy", "PENDING", "", "", step("api", "ERROR"))), FailedIn.DEPLOY),
        (failed(step("build", "ERROR"), step("deploy", "ERROR")), FailedIn.BUILD),
        (failed(BUILT, step("finalize", "ERROR")), FailedIn.UNKNOWN),
        (failed(BUILT, step("deploy")), FailedIn.UNKNOWN),
        (failed(BUILT, step("deploy", "ERROR"), step("finalize", "ERROR")), FailedIn.DEPLOY),
        (made("bad", BAD, "ERROR"), FailedIn.UNKNOWN),
    ],
)
def test_the_topmost_step_that_failed_says_in_which_phase(deployment: Deployment, where: FailedIn) -> None:
    assert failed_in(deployment) is where


@pytest.mark.parametrize(
    ("deployment", "blameless"),
    [
        (failed(step("build", "ERROR", "InternalError")), True),
        (failed(step("build", "ERROR", "BuildRateLimit")), True),
        (failed(BUILT, step("deploy", "ERROR", "ResourceExhausted")), True),
        (failed(step("build", "ERROR")), True),
        (made("bad", BAD, "ERROR"), True),
        (failed(step("build", "ERROR", "BuildJobExitNonZero")), False),
        (failed(step("build", "ERROR", "", "it did not start")), False),
        (failed(step("build", "ERROR", "InternalError"), step("deploy", "ERROR", "DeployContainerExitNonZero")), False),
        (failed(step("build", "ERROR", "InternalError", "", step("api", "ERROR", "BuildJobExitNonZero"))), False),
        (failed(step("build", "SUCCESS", "PreBuiltImage"), step("deploy", "ERROR", "InternalError")), True),
        (failed(*(step("deploy", "ERROR", code) for code in FAULTS)), True),
        (failed(step("build", "ERROR", "InternalError"), phase="CANCELED"), False),
        (failed(phase="ACTIVE"), False),
    ],
)
def test_c51_a_fault_of_the_platform_is_one_by_all_its_reasons(deployment: Deployment, blameless: bool) -> None:
    assert is_platform_fault(deployment) is blameless


def test_a_reason_without_a_code_counts_as_its_message() -> None:
    assert failure_codes(failed(step("build", "ERROR", "", "too old"), step("deploy", "ERROR"))) == {"too old"}


API = {"component_name": "api"}
ODD = {"reason": {"retryable": True}}


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([], None),
        ([BUILT, step("deploy")], None),
        ([step("build", "SUCCESS", "PreBuiltImage") | API, step("deploy", "ERROR")], "deploy"),
        ([step("deploy", "ERROR", "X", "", step("api", "ERROR", "Y"))], "api"),
        ([step("deploy", "ERROR", "", "", step("api", "ERROR"))], "api"),
        ([step("first", "ERROR", "X"), step("second", "ERROR", "Y")], "first"),
        ([step("mute", "ERROR"), step("coded", "ERROR", "X")], "coded"),
        ([step("mute", "ERROR"), step("explained", "ERROR", "", "it did not start")], "explained"),
        ([step("mute", "ERROR") | API, step("coded", "ERROR", "X")], "coded"),
        ([step("odd", "ERROR") | ODD, step("coded", "ERROR", "X")], "coded"),
        ([step("all", "ERROR"), step("one", "ERROR") | API], "one"),
        ([step("all", "ERROR", "X"), step("one", "ERROR", "X") | API], "one"),
    ],
    ids=[
        "none",
        "none that failed",
        "none that did well, whatever it says",
        "the inner one of two that say why",
        "the inner one of two that say nothing",
        "the first of two that say why",
        "one with a code before one that says nothing",
        "one with a message before one that says nothing",
        "one that says why before one that names a component",
        "one that says why before one with a reason that has no words",
        "one that names a component before one that does not",
        "one that says why and names a component before one that only says why",
    ],
)
def test_the_step_that_is_shown_is_the_innermost_that_says_why_and_where(steps: list[Any], shown: str | None) -> None:
    progress = failed(*steps).progress
    found = failing_step(progress.steps if progress else ())
    assert (found.name if found else None) == shown


@pytest.mark.parametrize(
    ("deployment", "served"),
    [
        (made("d"), True),
        (made("d", progress={"total_steps": 2, "success_steps": 1}), True),
        (made("d", phase="SUPERSEDED"), True),
        (made("d", phase="SUPERSEDED", progress={"total_steps": 2, "success_steps": 2}), True),
        (made("d", phase="SUPERSEDED", progress={"total_steps": 2, "success_steps": 1}), False),
        (made("d", phase="SUPERSEDED", progress={"total_steps": 2, "success_steps": 2, "error_steps": 1}), False),
        (made("d", phase="SUPERSEDED", progress={"total_steps": 0, "success_steps": 0}), True),
        (made("d", phase="SUPERSEDED", progress={"success_steps": 3}), True),
        (made("d", phase="CANCELED"), False),
        (made("d", phase="ERROR"), False),
        (made("d", phase="DEPLOYING"), False),
    ],
)
def test_what_ever_served(deployment: Deployment, served: bool) -> None:
    assert was_active(deployment) is served
