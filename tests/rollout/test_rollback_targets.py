"""Where one could go back to, and what failed: pure, over deployments as the platform tells them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from reconciler.live.models import Builds, Deployment, ProgressStep
from reconciler.plan.platform import failing_step, was_active
from reconciler.rollout.failure import candidates, other_versions, summary
from reconciler.rollout.model import Failure


def deployment(name: str, phase: str = "SUPERSEDED", **more: Any) -> Deployment:
    return Deployment.model_validate({"id": name, "phase": phase} | more)


def rollback(name: str, of: str = "", phase: str = "SUPERSEDED") -> Deployment:
    return deployment(name, phase, cloned_from=of, cause_details={"type": "MANUAL_ROLLBACK"})


def ids(history: list[Deployment], **more: Any) -> list[str]:
    return [found.id for found in candidates(history, **({"failed": ()} | more))]


def test_newest_first_but_the_one_active_before_leads() -> None:
    history = [deployment("e", "ERROR"), deployment("c"), deployment("b", "ACTIVE"), deployment("a")]
    assert ids(history, failed=["e"]) == ["c", "b", "a"]
    assert ids(history, failed=["e"], active_before="b") == ["b", "c", "a"]


def test_what_never_was_active_or_has_no_name_is_none() -> None:
    assert ids([deployment("e", "ERROR"), deployment("c", "CANCELED"), deployment(""), deployment("a")]) == ["a"]


def test_no_more_than_asked_for() -> None:
    assert len(ids([deployment(str(number)) for number in range(30)])) == 10
    assert ids([deployment(str(number)) for number in range(30)], most=3) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("phase", "progress", "expected"),
    [
        ("ACTIVE", None, True),
        ("SUPERSEDED", None, True),
        ("ACTIVE", {"total_steps": 6, "success_steps": 2}, True),
        ("SUPERSEDED", {}, True),
        ("SUPERSEDED", {"success_steps": 3}, True),
        ("SUPERSEDED", {"total_steps": 6, "success_steps": 6}, True),
        ("SUPERSEDED", {"total_steps": 6, "success_steps": 2}, False),
        ("SUPERSEDED", {"total_steps": 6, "success_steps": 6, "error_steps": 1}, False),
        ("ERROR", None, False),
        ("CANCELED", None, False),
        ("BUILDING", None, False),
    ],
)
def test_only_what_really_was_active_counts(phase: str, progress: Any, expected: bool) -> None:
    assert was_active(deployment("a", phase, progress=progress)) is expected


def test_what_a_rollback_went_back_from_is_none() -> None:
    history = [rollback("r", of="a", phase="ACTIVE"), deployment("c"), deployment("b"), deployment("a")]
    assert ids(history) == ["r", "a"]


def version(name: str, tag: str = "", commit: str = "", **more: Any) -> Deployment:
    """A deployment of an image by its tag, or of a commit."""
    source = {"image": {"repository": "web", "tag": tag} | more} if tag else {"git": {"branch": "main"}}
    services = [{"name": "web", "source_commit_hash": commit}, {"name": "proxy"}, None]
    built: dict[str, Any] = {"services": services, "workers": None, "unknown": 1} if commit else {}
    return deployment(name, spec={"name": "web", "services": [{"name": "web", **source}]}, **built)


def pulled(name: str, digest: str) -> Deployment:
    """A deployment of an image by one tag that was pushed again and again."""
    services = [{"name": "web", "source_image_digest": f"sha256:{digest}"}]
    return version(name, "stable").model_copy(update={"services": TypeAdapter(Builds).validate_python(services)})


@pytest.mark.parametrize(
    ("active", "earlier", "expected"),
    [
        (version("c", "2"), [version("b", "2"), version("a", "1")], ["a"]),
        (version("c", "2", digest="sha256:1"), [version("b", "2", digest="sha256:1")], []),
        (pulled("c", "2"), [pulled("b", "2"), pulled("a", "1")], ["a"]),
        (version("c", commit="22"), [version("b", commit="22"), version("a", commit="11")], ["a"]),
        (version("c", commit="22"), [version("b")], []),
        (version("c"), [version("b"), deployment("a", spec={"name": "web", "workers": ["odd"]})], ["a"]),
        (deployment("c", spec={"workers": ["odd"]}), [deployment("b", spec={"workers": ["odd"]})], []),
    ],
)
def test_c92_a_person_goes_back_to_another_version(
    active: Deployment, earlier: list[Deployment], expected: list[str]
) -> None:
    found = other_versions(earlier, active, lambda one, other: one == other)
    assert [one.id for one in found] == expected


def test_without_knowing_where_a_rollback_went_only_the_one_before_it_is_left_out() -> None:
    history = [rollback("r", phase="ACTIVE"), deployment("c"), deployment("b"), deployment("a")]
    assert ids(history) == ["r", "b", "a"]
    for odd in ("gone", "r"):
        assert ids([rollback("r", of=odd), deployment("c"), deployment("b")]) == ["r", "b"]
    assert ids([deployment("c"), rollback("r", of="c"), deployment("b"), deployment("a")]) == ["c", "r", "a"]


def test_an_earlier_rollback_is_good_even_if_a_later_one_went_further_back() -> None:
    history = [rollback("r2", of="a"), deployment("d"), rollback("r1", of="a"), deployment("c"), deployment("a")]
    assert ids(history) == ["r2", "r1", "a"]


def step(name: str, status: str = "ERROR", component: str = "", code: str = "", steps: Any = ()) -> dict[str, Any]:
    reason = {"code": code, "message": "why"} if code else None
    return {"name": name, "status": status, "component_name": component, "reason": reason, "steps": list(steps)}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], None),
        ([step("build", "SUCCESS")], None),
        ([step("build")], "build"),
        ([step("build", steps=[step("components", steps=[step("api", component="api", code="X")])])], "api"),
        ([step("deploy", code="X", steps=[step("api", component="api", code="X")])], "api"),
        ([step("deploy", steps=[step("other", component="other"), step("api", code="X")])], "api"),
        ([step("deploy", steps=[step("hook", "PENDING"), step("api", component="api")])], "api"),
    ],
)
def test_the_innermost_step_that_names_a_component_and_says_why_is_told(steps: Any, expected: str | None) -> None:
    found = failing_step([ProgressStep.model_validate(each) for each in steps])
    assert (found.name if found else None) == expected


def test_c34_a_failed_deploy_job_whose_step_never_ends_does_not_hide_what_failed() -> None:
    steps = [step("deploy", steps=[step("api", component="api", code="X"), step("cleanup", "RUNNING", "cleanup")])]
    found = failing_step([ProgressStep.model_validate(each) for each in steps])
    assert found is not None
    assert found.component_name == "api"


def test_a_summary_says_what_is_known() -> None:
    assert summary("d", Failure()) == "deployment d failed"
    assert summary("d", Failure("api", "s", "Code", "why")) == "deployment d failed: api: Code: why"
