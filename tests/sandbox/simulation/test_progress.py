"""Properties of progress: whatever the spec, the fate and the time, the counts add up and steps never go back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.settings import Speed
from reconciler.sandbox.simulation.lifecycle import TERMINAL, next_due, progress, timeline
from reconciler.sandbox.simulation.store import Deployment
from tests.sandbox.lab import Tree

KINDS = ["PRE_DEPLOY", "POST_DEPLOY", "FAILED_DEPLOY", "SCHEDULED"]


@st.composite
def specs(draw: st.DrawFn) -> Tree:
    spec: Tree = {"name": "web"}
    for kind in ("services", "workers", "static_sites", "functions", "jobs"):
        found = []
        for number in range(draw(st.integers(0, 2))):
            item: Tree = {"name": f"{kind}-{number}"}
            if draw(st.booleans()):
                item["image"] = {"repository": "x"}
            if kind == "jobs":
                item["kind"] = draw(st.sampled_from(KINDS))
            found.append(item)
        spec[kind] = found
    return spec


fates = st.one_of(
    st.none(),
    st.sampled_from(["build", "deploy", "health"]).map(
        lambda where: {"fails": where, "component": "services-0", "code": "Code", "message": "why", "after": 0}
    ),
    st.sampled_from(["PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "DEPLOYING"]).map(lambda phase: {"hangs": phase}),
)


def deployment(spec: Tree, fate: Tree | None, speed: Speed) -> Deployment:
    plan = timeline(0.0, speed, builds=True, fate=fate)
    return Deployment(
        seq=1,
        id="d",
        app_id="a",
        kind="MANUAL",
        phase=plan[0][0],
        created_at=0.0,
        phase_at=0.0,
        spec=spec,
        cause="",
        action="",
        user={},
        tier="basic",
        timeline=plan,
        fate=fate,
    )


def at(made: Deployment, now: float) -> Tree:
    while (due := next_due(made)) is not None and due <= now:
        made.phase, made.phase_at = made.timeline[made.done]
        made.done += 1
    return progress(made, now)


def leaves(steps: list[Tree]) -> list[Tree]:
    return [leaf for step in steps for leaf in (leaves(step["steps"]) if step.get("steps") else [step])]


RANK = {"PENDING": 0, "RUNNING": 1, "SUCCESS": 2, "ERROR": 2}


@given(
    spec=specs(),
    fate=fates,
    speed=st.sampled_from([Speed(), Speed.realistic(), Speed.instant()]),
    times=st.lists(st.floats(0, 400), min_size=2, max_size=8).map(sorted),
)
def test_counts_add_up_and_steps_never_go_back(spec: Tree, fate: Tree | None, speed: Speed, times: list[float]) -> None:
    made = deployment(spec, fate, speed)
    before: list[int] = []
    for now in times:
        found = at(made, now)
        steps = leaves(found["steps"])
        counted = {kind: found.get(f"{kind.lower()}_steps", 0) for kind in RANK}
        assert 0 not in found.values(), "a count of zero is left out"
        assert sum(counted.values()) == found["total_steps"] == len(steps)
        assert counted == {kind: sum(step["status"] == kind for step in steps) for kind in RANK}
        assert counted["RUNNING"] <= 1
        assert [step["name"] for step in found["summary_steps"]] == ["build", "deploy"]
        ranks = [RANK[step["status"]] for step in steps]
        assert all(new >= old for new, old in zip(ranks, before or ranks, strict=True))
        before = ranks
        if made.phase == "ERROR":
            assert counted["ERROR"] == 1
            assert any(step.get("reason") == {"code": "Code", "message": "why"} for step in steps)
        elif made.phase == "ACTIVE":
            spare = sum(job.get("kind") == "FAILED_DEPLOY" for job in spec["jobs"])
            assert (counted["SUCCESS"], counted["PENDING"]) == (len(steps) - spare, spare)
        else:
            assert counted["ERROR"] == 0


@given(spec=specs(), fate=fates, cut=st.floats(0, 400))
def test_a_deployment_that_is_cut_short_has_nothing_running(spec: Tree, fate: Tree | None, cut: float) -> None:
    made = deployment(spec, fate, Speed.realistic())
    at(made, cut)
    if made.phase in TERMINAL:
        return
    made.phase, made.ended_at = "CANCELED", cut
    assert "running_steps" not in progress(made, cut + 1000)
