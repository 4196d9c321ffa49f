"""The crash matrix: every scenario, every request in it, every point of it at which the process can die."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.survival.environment import POINTS, Death, Environment, Point, Run
from tests.survival.scenarios import SETTLED, Scenario, counts, secrets, violations

DELAYS = (0.0, 600.0)
"""Seconds until the next run: at once, or as a schedule has it."""

BETWEEN = 60.0
"""Seconds between clean runs: what the platform does by itself, such as a rollback of its own, has ended by then."""

AFTER = 120.0
"""Seconds after the clean runs in which what goes on without them, such as a restored spec's deployment, ends."""

WRITES = ("PUT", "POST", "DELETE")
_ASKS = ("/propose", "/rollback/validate")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Plain:
    """A run of the scenario in which nobody dies: its requests, and the deployments it ends with, by app."""

    sent: tuple[str, ...]
    deployments: dict[str, int]

    def telling(self) -> list[int]:
        """The requests that tell most: the first of each kind since the last write. The others only wait."""
        out: list[int] = []
        kinds: set[str] = set()
        for at, request in enumerate(self.sent):
            kinds = set() if at and writes(self.sent[at - 1]) else kinds
            if kind_of(request) not in kinds:
                kinds.add(kind_of(request))
                out.append(at)
        return out


@dataclass(frozen=True)
class Cell:
    """One death and what came after it. ``wrong`` is what does not hold."""

    scenario: str
    at: int
    request: str
    point: Point
    delay: float
    outcome: str
    wrong: tuple[str, ...]


_plain: dict[str, Plain] = {}


def plain(scenario: Scenario) -> Plain:
    """The scenario without a death; it must end as it says, too. It is the same each time, and run once."""
    told = repr(scenario)
    if told not in _plain:
        _plain[told] = _undisturbed(scenario)
    return _plain[told]


def _undisturbed(scenario: Scenario) -> Plain:
    with scenario.begin() as environment:
        known = secrets(environment)
        run = environment.run()
        environment.wait(BETWEEN)
        again = environment.run()
        wrong = violations(scenario, environment, again.code, known, counts(environment))
        assert not wrong, (scenario.name, wrong, run.code, again.code)
        return Plain(run.sent, counts(environment))


def cell(scenario: Scenario, base: Plain, death: Death, delay: float) -> Cell:
    """Die, wait, run cleanly until all is settled, and look at what is left."""
    with scenario.begin() as environment:
        known = secrets(environment)
        died = environment.run(death)
        wrong: list[str] = [] if died.died else ["the run did not die"]
        environment.wait(delay)
        runs = clean_runs(environment)
        wrong += quiet_after(runs)
        environment.wait(AFTER)
        wrong += violations(scenario, environment, runs[-1].code, known, base.deployments)
        request = kind_of(base.sent[death.at])
        return Cell(scenario.name, death.at, request, death.point, delay, told(runs), tuple(wrong))


def clean_runs(environment: Environment) -> list[Run]:
    """Runs that nobody disturbs: as many as everything needs at most, and one more that must find nothing to do."""
    runs = [environment.run()]
    for _ in range(SETTLED):
        environment.wait(BETWEEN)
        runs.append(environment.run())
    return runs


def quiet_after(runs: list[Run]) -> list[str]:
    """The last run must not write: nothing flaps."""
    return [f"still writes: {request}" for request in runs[-1].sent if writes(request)]


def writes(request: str) -> bool:
    """Whether a request changes something."""
    return request.startswith(WRITES) and not request.endswith(_ASKS)


def kind_of(request: str) -> str:
    """A request without its ids: ``GET app/deployments/id``."""
    path = _ID.sub("id", request).replace("/v2/apps/id", "app").replace("/v2/apps", "apps")
    return re.sub(r"/_logs/.*", "log", path)


def told(runs: Iterable[Run]) -> str:
    """How the runs ended, each kind of ending once: ``rolled back, stalled``."""
    kinds = [
        record.outcome.kind.value.replace("_", " ")
        for run in runs
        for record in (run.report.records if run.report else ())
    ]
    shown = [kind for kind in dict.fromkeys(kinds) if kind != "unchanged"]
    return ", ".join(shown) or "in sync"


def deaths(base: Plain, points: Iterable[Point] = POINTS) -> Iterator[Death]:
    """Every death there is."""
    for at in range(len(base.sent)):
        for point in points:
            yield Death(at, point)


def matrix(
    scenarios: Iterable[Scenario],
    delays: Iterable[float] = DELAYS,
    wanted: Callable[[str, Death], bool] = lambda request, death: True,
) -> Iterator[Cell]:
    """All cells of some scenarios; ``wanted`` may leave some out."""
    for scenario in scenarios:
        base = plain(scenario)
        for death in deaths(base):
            if wanted(base.sent[death.at], death):
                for delay in delays:
                    yield cell(scenario, base, death, delay)
