"""Chaos: many apps created, updated and partly failing while a share of all requests goes wrong, again and again.

Every trouble has its own share and seed in the sandbox, so that a run can be repeated. What must hold: runs converge
within a bounded number, there is never a second app of a name, nothing of Git is lost, and the requests stay within
`bound`.
"""

from __future__ import annotations

import itertools
import random
import zlib
from dataclasses import dataclass, field

from reconciler.sandbox import Fault, Settings, Speed
from tests.survival.environment import Environment, Run, Spec, built, tag_of, web

SHARE = 0.1
"""Share of all requests that goes wrong, all kinds of trouble together."""

TROUBLES = (
    Fault("rate_limit", times=None, seconds=1),
    Fault("server_error", times=None),
    Fault("server_error", times=None, status=503),
    Fault("gateway_timeout", times=None),  # as HTML
    Fault("gateway_timeout", times=None, status=502),
    Fault("reset_before", times=None),
    Fault("reset_after", times=None),
    Fault("latency", times=None, seconds=7),
    Fault("latency", times=None, seconds=150),  # longer than anybody waits
    Fault("truncated", times=None),
)
"""All that goes wrong, an equal share each."""

RUNS = 6
"""Runs within which a step of the story must have converged."""

EVERY = 10
"""Every tenth app's update fails: in its build if it is built from source, as every third is, else while it is
deployed or by its health.
"""

SPEED = Speed(pending_build=5, build=20, skipped_build=2, pending_deploy=5, deploy=20, settle=5)
IN_FLIGHT = 20
"""Apps that are rolled out at the same time."""

OLD, NEW, NEXT = "1.26", "1.27", "1.28"


@dataclass(frozen=True)
class Step:
    """What became of a step of the story: its runs' exit codes and requests, the bound, what does not hold."""

    name: str
    codes: tuple[int, ...]
    requests: int
    bound: int
    troubled: int
    seconds: float
    wrong: tuple[str, ...]


@dataclass
class Chaos:
    """One account, one seed."""

    apps: int
    seed: int
    environment: Environment = field(init=False)
    steps: list[Step] = field(default_factory=list)
    wanted: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = Environment(Settings(speed=SPEED, seed=self.seed), {"guards": {"max_changes": 100}})

    @property
    def names(self) -> list[str]:
        return [f"app-{number:03d}" for number in range(self.apps)]

    def story(self) -> list[Step]:
        """Create all, update all while some fail, fix what failed; each until it has converged."""
        with self.environment as environment:
            environment.box.configure(rate_per_minute=250)
            self._trouble()
            self._step("create", dict.fromkeys(self.names, OLD), set())
            failing = self.names[::EVERY]
            for name, where in zip(failing, itertools.cycle(("deploy", "health")), strict=False):
                environment.box.fail(name, "build" if from_source(name) else where)
            self._step("update", dict.fromkeys(self.names, NEW), set(failing))
            self._step("mend", {name: NEXT if name in failing else NEW for name in self.names}, set())
        return self.steps

    def _trouble(self) -> None:
        """A share of all requests goes wrong from now on."""
        for number, fault in enumerate(TROUBLES):
            seed = zlib.crc32(f"{self.seed}/{number}".encode())
            one = SHARE / len(TROUBLES)
            data = {name: getattr(fault, name) for name in Fault.__dataclass_fields__}
            self.environment.box.fault(Fault(**(data | {"share": one, "seed": seed})))

    def _step(self, name: str, wanted: dict[str, str], failing: set[str]) -> None:
        """Git wants these versions; run until the last run has nothing left to do."""
        environment = self.environment
        changed = sum(self.wanted.get(app) != tag for app, tag in wanted.items())
        self.wanted = wanted
        environment.commit(*(spec(app, tag) for app, tag in wanted.items()))
        jitter = random.Random(self.seed).random
        began, before = environment.clock.monotonic(), deployments(environment)
        runs: list[Run] = []
        troubled = 0
        while len(runs) < RUNS and not (runs and settled(runs[-1], failing)):
            tap = environment.tap()
            runs.append(environment.clock.run(environment.running(tap, random=jitter, concurrency=IN_FLIGHT)))
            troubled += tap.troubled
        seconds = environment.clock.monotonic() - began
        sent = sum(len(run.sent) for run in runs)
        most = bound(self.apps, changed, len(failing), len(runs))
        wrong = self._wrong(wanted, failing, runs, before)
        if sent > most:
            wrong.append(f"{sent} requests, more than {most}")
        self.steps.append(Step(name, tuple(run.code for run in runs), sent, most, troubled, seconds, tuple(wrong)))

    def _wrong(self, wanted: dict[str, str], failing: set[str], runs: list[Run], before: dict[str, int]) -> list[str]:
        """What does not hold, looked at without any trouble in the way."""
        environment = self.environment
        faults = [
            Fault(**{name: each[name] for name in Fault.__dataclass_fields__}) for each in environment.box.faults()
        ]
        environment.box.clear_faults()
        wrong = [] if settled(runs[-1], failing) else [f"not settled after {len(runs)} runs: exit {runs[-1].code}"]
        apps = environment.apps()
        names = [app.name for app in apps]
        wrong += [f"{name}: two apps" for name in set(names) if names.count(name) > 1]
        wrong += [f"{name}: lost" for name in wanted if name not in names]
        after = deployments(environment)
        for app in apps:
            active = app.active_deployment
            serves = tag_of(active.spec) if active else "nothing"
            expected = {OLD} if app.name in failing else {wanted[app.name]}
            if serves not in expected:
                wrong.append(f"{app.name}: serves {serves}, not {expected}")
            if app.pinned_deployment is not None:
                wrong.append(f"{app.name}: left pinned")
            made = after[app.name] - before.get(app.name, 0)
            allowed = 3 if app.name in failing else 2
            if made > allowed:
                wrong.append(f"{app.name}: {made} deployments, not {allowed} at most")
        for fault in faults:
            environment.box.fault(fault)
        return wrong


def from_source(name: str) -> bool:
    return int(name.partition("-")[2]) % 3 == 0


def spec(name: str, tag: str) -> Spec:
    return built(name, tag) if from_source(name) else web(name, tag)


def deployments(environment: Environment) -> dict[str, int]:
    """How many deployments each app has, past any trouble."""
    state = environment.box.state()
    return {app["name"]: len(app["deployments"]) for app in state["apps"]}


def settled(run: Run, failing: set[str]) -> bool:
    """Whether a run left nothing to do: all in sync or applied, and what fails taken back or stalled."""
    if run.report is None:
        return False
    bad = {record.app for record in run.report.records if not record.outcome.kind.good}
    kinds = {record.outcome.kind.value for record in run.report.records if record.app in bad}
    return bad <= failing and kinds <= {"rolled_back", "stalled"}


PLAN = 3
"""Requests to plan an app: its deployments, a proposal; and the listings, less than one an app."""

LONGEST_DEPLOYMENT = 50.0
"""Seconds, for one that is built."""

LOST = 6
"""Requests to find out what became of a write whose answer was lost: four looks, two of them with the history."""


def bound(apps: int, changed: int, failing: int, runs: int) -> int:
    """The most requests that a step may take.

    - Each app that changed is planned once and rolled out once: a look, the write, a read of its deployment every 2 s
      at least and every 0.3 s for all in flight together (at least), five readings of its health in the soak of 10 s,
      a look back.
    - Each failing one goes back once: what failed (deployment, links of a log), where to (app, history), validation,
      a look; the rollback, followed and judged like the first; commit and look.
    - Of all writes a share `SHARE` may be lost.
    - Each run lists the apps, twice if a page changed meanwhile, and looks at the health of those in sync, as they are
      young; a later one also plans those that are not in sync.
    - Every request is sent again as often as trouble asks for, 1 / (1 - SHARE) times on average; a quarter more is
      for bad luck, as this is a bound and no mean.
    """
    every = max(2.0, 0.3 * min(apps, IN_FLIGHT))
    forward = 2 + LONGEST_DEPLOYMENT / every + 5 + 1
    back = 6 + forward + 2
    listing = 2 * -(-apps // 200)
    once = listing + apps - changed + changed * (PLAN + forward + SHARE * LOST) + failing * (back + 2 * SHARE * LOST)
    later = (runs - 1) * (listing + apps + failing * PLAN)
    return round((once + later) / (1 - SHARE) * 1.25)
