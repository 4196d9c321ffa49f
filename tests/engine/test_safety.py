"""What forbids a run is asked by the engine itself: as a library, too, it writes nothing that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.clock import Clock
from reconciler.config import Config
from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine import safety
from reconciler.engine.apply import Finished, Watch
from reconciler.engine.load import Desired
from reconciler.engine.planner import Planned
from reconciler.errors import InvalidInput, PlanMismatch
from reconciler.live.client import Client
from reconciler.plan import saved
from reconciler.plan.model import Action
from reconciler.rollout.model import Event, RolloutReport
from reconciler.rollout.ports import RolloutJob
from tests.support.account import CONFIG, OURS, Spec, World, service, web

ALWAYS = {"start": "2000-01-01", "end": "2100-01-01", "reason": "holidays"}


def frozen_now(world: World) -> None:
    world.configure({**CONFIG, "freeze": [ALWAYS]})


@pytest.fixture
def applied(world: World) -> World:
    """One app is as Git wants it; from here on the tap shows what a test sends."""
    world.write(web())
    world.apply()
    world.tap.sent.clear()
    return world


def apply(world: World, planned: Planned, **options: Any) -> RolloutReport:
    """The engine as a library: whatever plan, with other options than it was made with."""
    planned = replace(planned, options=replace(planned.options, **options))
    return world.ask(lambda client: applying.apply(planned, client, world.clock))


def outcomes(report: RolloutReport) -> dict[str, str]:
    return {record.app: record.outcome.kind.value for record in report.records}


# --- freeze windows --------------------------------------------------------------------------------------------------


def test_nothing_is_written_inside_a_freeze_window_unless_it_is_overridden(applied: World):
    frozen_now(applied)
    applied.write(web(instance_count=2))
    planned = applied.planned()
    with pytest.raises(PlanMismatch, match=r"nothing was applied: a freeze window is open until .* \(holidays\)"):
        apply(applied, planned)
    assert applied.tap.writes == []
    assert outcomes(apply(applied, planned, override_freeze=True)) == {"web": "applied"}


def test_a_window_that_opens_after_the_plan_was_made_refuses_it(applied: World):
    opens = applied.clock.now() + timedelta(hours=1)
    window = {"start": opens.isoformat(), "end": (opens + timedelta(hours=1)).isoformat()}
    applied.configure({**CONFIG, "freeze": [window]})
    applied.write(web(instance_count=2))
    planned = applied.planned()
    applied.clock.run(applied.clock.sleep(3600))
    with pytest.raises(PlanMismatch, match="a freeze window is open"):
        apply(applied, planned)
    assert applied.tap.writes == []
    applied.clock.run(applied.clock.sleep(3600))
    assert outcomes(apply(applied, planned)) == {"web": "applied"}


# --- the expected plan -----------------------------------------------------------------------------------------------


@pytest.fixture
def reviewed(applied: World, tmp_path: Path) -> Path:
    """A plan that somebody has reviewed: a second instance."""
    applied.write(web(instance_count=2))
    planned = applied.planned()
    safety.save(tmp_path / "plan.json", planned)
    return tmp_path / "plan.json"


def test_what_is_not_the_expected_plan_is_refused_and_what_is_passes(applied: World, reviewed: Path):
    applied.write(web(instance_count=3))
    with pytest.raises(PlanMismatch, match="web: the spec in Git changed"):
        apply(applied, applied.planned(), expect=reviewed)
    assert applied.tap.writes == []
    applied.write(web(instance_count=2))
    assert outcomes(apply(applied, applied.planned(), expect=reviewed)) == {"web": "applied"}


def test_the_plans_that_are_applied_count_and_not_those_that_are_reported(applied: World, reviewed: Path):
    report = applied.plan()
    applied.write(web(instance_count=3))
    with pytest.raises(PlanMismatch, match="web: the spec in Git changed"):
        apply(applied, replace(applied.planned(), report=report), expect=reviewed)
    assert applied.tap.writes == []


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot read the saved plan"), ("{}", "is not a saved plan of this version")]
)
def test_an_expected_plan_that_is_none_refuses_everything(applied: World, tmp_path: Path, text: str | None, said: str):
    applied.write(web(instance_count=2))
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlanMismatch, match=said):
        apply(applied, applied.planned(), expect=tmp_path / "plan.json")
    assert applied.tap.writes == []


# --- guards ----------------------------------------------------------------------------------------------------------

IMAGE = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "redis", "tag": "7"}


def full() -> Spec:
    return {
        **web(),
        "workers": [{"name": "mailer", "image": IMAGE}],
        "databases": [{"name": "db", "engine": "PG", "version": "16"}],
        "domains": [{"domain": "www.example.com"}],
    }


def by_hand(planned: Planned) -> Planned:
    """The same plans as if no guard had judged them: every refused one would be done."""
    return replace(
        planned,
        apps=tuple(
            replace(app, plan=replace(app.plan, action=Action.UPDATE, override="")) if app.plan.override else app
            for app in planned.apps
        ),
    )


DANGERS: Mapping[str, Callable[[Spec], Any]] = {
    "remove=web/mailer": lambda spec: spec.pop("workers"),
    "remove=web/db": lambda spec: spec.pop("databases"),
    "remove=web/www.example.com": lambda spec: spec.pop("domains"),
    "replace=web/db": lambda spec: spec["databases"][0].update(engine="MYSQL", version="8"),
    "region=web": lambda spec: spec.update(region="nyc"),
    "archive=web": lambda spec: spec.update(maintenance={"archive": True}),
}


@pytest.mark.parametrize("made_by", [lambda planned: planned, by_hand], ids=["the planner", "hand"])
@pytest.mark.parametrize("need", DANGERS)
def test_what_a_guard_refuses_is_not_written_whoever_made_the_plan(
    world: World, need: str, made_by: Callable[[Planned], Planned]
):
    world.write(full())
    world.apply()
    world.tap.sent.clear()
    spec = full()
    DANGERS[need](spec)
    world.write(spec)
    planned = made_by(world.planned())
    report = apply(world, planned)
    assert outcomes(report) == {"web": "refused"}
    assert world.tap.writes == []
    assert outcomes(apply(world, by_hand(planned), allow=frozenset({need}))) == {"web": "applied"}


def test_a_deletion_that_was_not_allowed_is_not_written_whoever_made_the_plan(world: World):
    world.commit(0, web("old"), web())
    world.apply()
    (world.specs / "old.yaml").unlink()
    world.commit(1)
    world.tap.sent.clear()
    planned = world.planned(prune=True)
    deleting = tuple(
        replace(app, plan=replace(app.plan, action=Action.DELETE)) if app.plan.app == "old" else app
        for app in planned.apps
    )
    assert outcomes(apply(world, replace(planned, apps=deleting))) == {"web": "unchanged", "old": "refused"}
    assert world.tap.writes == []
    allowed = apply(world, replace(planned, apps=deleting), allow=frozenset({"delete=old"}))
    assert outcomes(allowed) == {"web": "unchanged", "old": "deleted"}


@pytest.mark.parametrize("fleet", [10, 0], ids=["as it is", "said to be none"])
def test_no_plan_changes_more_of_the_fleet_than_one_run_may(world: World, fleet: int):
    apps = [web(f"app-{number}", instance_count=1) for number in range(10)]
    world.write(*apps)
    world.apply(allow=frozenset({"max-changes"}))
    for spec in apps[:4]:
        service(spec)["instance_count"] = 2
    world.write(*apps)
    world.tap.sent.clear()
    planned = replace(by_hand(world.planned()), fleet=fleet)
    assert sorted(outcomes(apply(world, planned)).values()) == ["refused"] * 4 + ["unchanged"] * 6
    assert world.tap.writes == []
    allowed = apply(world, planned, allow=frozenset({"max-changes"}))
    assert sorted(outcomes(allowed).values()) == ["applied"] * 4 + ["unchanged"] * 6


def test_what_rolls_back_by_hand_rolls_out_no_plan(applied: World):
    applied.write(web(instance_count=2))
    (app,) = applied.planned().apps
    job = RolloutJob(app.plan, app.desired, app.policy)
    with pytest.raises(ValueError, match="web: only apply, which runs the safety checks"):
        applied.ask(lambda client: applying.roll_back(job, client, applied.clock, Watch()))
    assert applied.tap.writes == []


# --- what may be read and named --------------------------------------------------------------------------------------


def test_apps_that_the_own_specs_do_not_name_are_refused_before_app_platform_is_asked(applied: World):
    applied.write(web("desk"), file="proposed/desk.yaml")
    proposed = {"specs": (applied.root / "proposed",), "own_specs": (applied.specs,)}
    with pytest.raises(PlanMismatch, match="do not name: desk"):
        applied.planned(**proposed)
    assert applied.tap.sent == []
    applied.write(web("desk"))
    assert [plan.app for plan in applied.plan(**proposed).plans] == ["desk"]


def test_nothing_is_read_through_a_link_that_leads_out_of_the_checkout(world: World, tmp_path: Path):
    (tmp_path / "outside.yaml").write_text("token: of-somebody\n")
    (world.specs / "web.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(InvalidInput) as refused:
        loading.check(world.options(checkout=world.root))
    assert [finding.code for finding in refused.value.findings] == ["outside-checkout"]


# --- the whole run ---------------------------------------------------------------------------------------------------


@dataclass
class Front:
    """A third front end: notes what it is asked, in order."""

    world: World
    asked: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    stops: bool = False
    """Whether it stops the run at the first event."""
    answer: bool = True

    def loaded(self, desired: Desired) -> None:
        self.asked.append(f"loaded {len(desired.apps)}")

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        self.asked.append("connect")
        clock: Clock = self.world.clock
        async with Client(OURS, transport=self.world.tap, base_url="http://sandbox", clock=clock) as client:
            yield client

    def planned(self, planned: Planned) -> None:
        self.asked.append(f"planned {planned.report.plans[0].action.word}")

    def agrees(self, planned: Planned) -> bool:
        self.asked.append(f"asked about {len(planned.apps)}")
        return self.answer

    @contextmanager
    def watch(self, apps: Sequence[str]) -> Iterator[Watch]:
        self.asked.append(f"watch {' '.join(apps)}")
        yield Watch(self.seen, self.stop)

    def seen(self, event: Event) -> None:
        if event.outcome:
            self.asked.append("event")
        if self.stops:
            self.stop.set()


@pytest.fixture
def front(applied: World) -> Front:
    applied.write(web(instance_count=2))
    return Front(applied)


def run(front: Front, **wanted: Any) -> Finished:
    return front.world.clock.run(applying.run(front.world.options(**wanted), front, front.world.clock))


def test_a_run_asks_its_front_end_in_one_order_and_plans_alone_where_nothing_else_is_asked(front: Front):
    assert run(front).rollout is None
    assert front.asked == ["loaded 1", "connect"]
    assert front.world.tap.writes == []
    front.asked.clear()
    report = run(front, apply=True).rollout
    assert report is not None
    assert outcomes(report) == {"web": "applied"}
    assert front.asked == ["loaded 1", "connect", "planned update", "asked about 1", "watch web", "event"]


def test_a_plan_that_the_front_end_declines_is_not_applied(front: Front):
    front.answer = False
    finished = run(front, apply=True)
    assert (finished.declined, finished.rollout) == (True, None)
    assert front.asked == ["loaded 1", "connect", "planned update", "asked about 1"]
    assert front.world.tap.writes == []


def test_a_front_end_that_does_not_ask_about_freeze_windows_is_refused_before_anything_is_asked(front: Front):
    frozen_now(front.world)
    with pytest.raises(PlanMismatch, match="a freeze window is open"):
        run(front, apply=True)
    assert front.asked == ["loaded 1"]
    assert front.world.tap.sent == []


def test_a_plan_that_cannot_be_the_expected_one_is_refused_before_anything_is_asked(front: Front, tmp_path: Path):
    with pytest.raises(PlanMismatch, match="cannot read the saved plan"):
        run(front, apply=True, expect=tmp_path / "missing.json")
    assert front.asked == ["loaded 1"]


def test_a_plan_that_is_not_the_expected_one_is_shown_and_refused_before_progress_is(front: Front, tmp_path: Path):
    (tmp_path / "plan.json").write_text(saved.dump((), Config()))
    with pytest.raises(PlanMismatch, match="web: not in the saved plan"):
        run(front, apply=True, expect=tmp_path / "plan.json")
    assert front.asked == ["loaded 1", "connect", "planned update"]
    assert front.world.tap.writes == []


def test_specs_that_cannot_be_used_are_loaded_so_that_their_secrets_are_known_and_refused(front: Front):
    front.world.write(web(instance_count="many"))
    with pytest.raises(InvalidInput):
        run(front, apply=True)
    assert front.asked == ["loaded 1"]


def test_a_run_is_stopped_by_its_watch_and_names_what_goes_on(front: Front):
    front.stops = True
    report = run(front, apply=True).rollout
    assert report is not None
    assert (outcomes(report), report.left_running) == ({"web": "interrupted"}, ("web",))


def test_a_run_that_was_stopped_before_it_begins_changes_nothing(front: Front):
    front.stop.set()
    report = run(front, apply=True).rollout
    assert report is not None
    assert (outcomes(report), report.left_running, front.world.tap.writes) == ({"web": "skipped"}, (), [])
