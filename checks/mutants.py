"""Change the policy of rollouts, one small change at a time, and see that a test fails for each.

    python -m checks.mutants [MODULE …] [--only TEXT] [--quick] [--show]

checks/mutators.py makes the mutants of the pure modules of `reconciler/rollout`, and of those of `reconciler/plan` that
decide what is done, what is stalled, whose a pin is and what is refused. One pytest session collects the tests;
for each mutant a process is forked from it, takes on the changed code, and runs them until one fails: those of tables
and single functions, for what is left the walk over all states, then whole rollouts on the sandbox. A mutant on which
a test takes many times as long as it should is caught as well. Those that no test can catch stand in
checks/equivalent_mutants.py, each with its reason.

Prints a table, module by module, and each survivor; exit 1 if one is not explained, or an explanation is out of date.
`--only` takes the mutants whose name has that text in it, `--quick` runs the first tests only, `--show` tells what
caught each.
"""

from __future__ import annotations

import ast
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest
from cyclopts import App

from checks.equivalent_mutants import EQUIVALENT
from checks.mutators import Mutant, mutants

TESTS = Path(__file__).parents[1] / "tests"

MODULES = (
    "rollout.policy",
    "rollout.policy_rollback",
    "rollout.policy_settle",
    "rollout.health",
    "rollout.reduce",
    "rollout.outcomes",
    (
        "rollout.model:Rules pause TRIES LOOKS SENDS SENDS_BACK MISSING HOPS HEALTH_EVERY"
        " UNCONFIRMED LOOK_EVERY PHASE_EVERY RETRY_PAUSE"
    ),
    "rollout.failure:candidates other_versions",
    "rollout.observations:RolloutContext Observations deployments_of pinned_id new_ones ours_among",
    "rollout.scheduler:order_of",
    "config_names:find_circle",
    "config_sections:AT_MOST_EVERY",
    "appspec.kinds:components",
    "rollout.writes:commit revert",
    "plan.decide",
    "plan.model:compared_cost unchanged_cost",
    "plan.deployment_history",
    "plan.platform:failed_in is_platform_fault was_active own_rollbacks failed_for ended_at failing_step",
    "plan.guard",
)
"""The pure modules that decide, and what is as good as pure, below `reconciler`; of some only what these reach."""

TIERS = {
    "tables": (
        "rollout/test_policy.py",
        "rollout/test_policy_rollback.py",
        "rollout/test_policy_settle.py",
        "rollout/test_recorder.py",
        "rollout/test_health.py",
        "rollout/test_rollback_targets.py",
        "rollout/test_reduce.py",
        "rollout/test_outcomes.py",
        "rollout/test_observations.py",
        "rollout/test_order.py",
        "rollout/test_pins_by_hand.py",
        "rollout/test_endings.py",
        "rollout/test_state.py",
        "plan/test_decide.py",
        "plan/test_decide_platform.py",
        "plan/test_cost.py",
        "plan/test_deployment_history.py",
        "plan/test_guard.py",
        "plan/test_newer.py",
        "plan/test_platform.py",
        "appspec/test_kinds.py",
        "test_config.py",
    ),
    "walk": ("rollout/test_walk.py",),
    "rollouts": (
        "rollout/test_oddities.py",
        "rollout/test_going_back.py",
        "rollout/test_deploying.py",
        "rollout/test_races.py",
        "rollout/test_many.py",
    ),
}
"""The files of tests below `tests`, the cheapest first; what wants the walk counts as walk."""

PROCESSES = os.cpu_count() or 1
MEMORY = 4 << 30
TIMES, GRACE = 4, 5.0
"""A test may take so many times the CPU seconds that it takes without a mutant, and so many more."""

SLOW = 0.1
"""CPU seconds from which on a test is run after the quicker ones."""

app = App(result_action="return_value")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which test caught a mutant, and that test's tier; both empty for a survivor."""

    module: str
    mutant: Mutant
    tier: str
    test: str

    @property
    def key(self) -> str:
        """The mutant's name in the list of equivalent ones."""
        return f"{self.module}.{self.mutant.key}"


def package_of(module: str) -> str:
    """The package that a module belongs to, which its tests' folder is called by; `tests` itself for one in none."""
    return module.partition(".")[0] if "." in module else "tests"


@cache
def found_in(entry: str) -> Sequence[tuple[str, Mutant]]:
    """Every mutant of an entry of `MODULES`: a module, and after a colon the functions from which all is reached.

    Raises:
        ModuleNotFoundError: there is no such module.
        LookupError: it holds nothing that could be changed, or no such function.
    """
    module, _, roots = entry.partition(":")
    home = importlib.import_module(f"reconciler.{module}")
    source = Path(str(home.__file__)).read_text(encoding="utf-8")
    wanted = reached(source, roots.split()) if roots else None
    found = tuple((module, mutant) for mutant in mutants(source, vars(home), wanted))
    if not found:
        raise LookupError(f"reconciler.{module} has no mutants: does it still decide anything?")
    return found


def reached(source: str, roots: Sequence[str]) -> set[str]:
    """The names at the top of a module that functions use, and those use, and so on.

    Raises:
        LookupError: there is no such function.
    """
    tops = {name: node for node in ast.parse(source).body for name in _names_of(node)}
    if missing := set(roots) - set(tops):
        raise LookupError(f"no such function: {', '.join(sorted(missing))}")
    found: set[str] = set()
    open_ones = list(roots)
    while open_ones:
        name = open_ones.pop()
        found.add(name)
        used = {node.id for node in ast.walk(tops[name]) if isinstance(node, ast.Name)}
        open_ones += sorted(used & set(tops) - found)
    return found


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


# ---- taking on a mutant -------------------------------------------------------------------------------------------


def take_on(module: str, mutant: Mutant) -> None:
    """Change this process's code into a mutant's, for good."""
    found: Any = importlib.import_module(f"reconciler.{module}")
    if mutant.place == mutant.name:
        for name, importer in list(sys.modules.items()):
            if name.startswith(("reconciler.", "tests.")) and mutant.name in vars(importer):
                setattr(importer, mutant.name, mutant.value)
        return
    for name in mutant.place.split("."):
        found = vars(found)[name]
    function = found.__init__ if isinstance(found, type) else getattr(found, "__func__", found)
    if mutant.code is not None:
        function.__code__ = mutant.code
    elif mutant.name in (function.__kwdefaults__ or ()):
        function.__kwdefaults__[mutant.name] = mutant.value
    else:
        code, defaults = function.__code__, list(function.__defaults__)
        defaults[code.co_varnames.index(mutant.name) - code.co_argcount] = mutant.value
        function.__defaults__ = tuple(defaults)


# ---- running the tests --------------------------------------------------------------------------------------------


def tier_of(item: pytest.Item) -> str:
    """The tier of a test."""
    if "walk" in getattr(item, "fixturenames", ()):
        return "walk"
    name = item.path.relative_to(TESTS).as_posix()
    return next(tier for tier, names in TIERS.items() if name in names)


@dataclass(eq=False)
class Hunt:
    """A pytest plugin: instead of running the tests once, runs them for every mutant, each in a process of its own.

    ``broken`` is a test that fails without a mutant; nothing is hunted then.
    """

    prey: Sequence[tuple[str, Mutant]]
    quick: bool = False
    show: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    broken: str = ""
    _items: list[pytest.Item] = field(default_factory=list)
    _seconds: dict[str, float] = field(default_factory=dict)
    _tier: str = ""
    _test: str = ""
    _writing: int = -1
    _running: dict[int, tuple[IO[bytes], tuple[str, Mutant] | None]] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """A test was set up, run or taken down; what went wrong need not be shown, which takes long."""
        if call.excinfo is not None:
            self._tell(self._tier, self._test)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hunt with the tests of each tier what the tiers before it left."""
        gc.freeze()
        left = list(self.prey)
        for tier in list(TIERS)[: 1 if self.quick else None]:
            items = [item for item in session.items if tier_of(item) == tier]
            if items and left and not self.broken:
                left = self._hunt(items, left)
        self.verdicts += [Verdict(module, mutant, "", "") for module, mutant in left]
        return True

    def _hunt(self, items: list[pytest.Item], prey: Sequence[tuple[str, Mutant]]) -> list[tuple[str, Mutant]]:
        """See that all is well without a mutant, then run the tests for each; what is left is returned."""
        self._items, self._seconds = items, {}
        self._fork(None)
        _, plain = self._next()
        self.broken, self._seconds = plain["test"], plain["seconds"]
        left = []
        for number in range(0 if self.broken else len(prey) + PROCESSES):
            if number >= PROCESSES and self._running and (survivor := self._judge()):
                left.append(survivor)
            if number < len(prey):
                self._fork(prey[number])
        return left

    def _judge(self) -> tuple[str, Mutant] | None:
        """Wait for the next process to end; the mutant that survived, if it did."""
        hunted, told = self._next()
        if hunted and not told["tier"]:
            return hunted
        if hunted:
            self.verdicts.append(Verdict(*hunted, told["tier"], told["test"]))
            if self.show:
                print(f"{told['tier']}: {self.verdicts[-1].key}  [{told['test']}]", flush=True)
        return None

    def _fork(self, hunted: tuple[str, Mutant] | None) -> None:
        told = tempfile.TemporaryFile()  # noqa: SIM115 (closed once the process ended; a pipe would fill up)
        pid = os.fork()
        if pid == 0:
            try:
                self._run(hunted, told.fileno())
            finally:
                os._exit(1)
        self._running[pid] = (told, hunted)

    def _next(self) -> tuple[tuple[str, Mutant] | None, dict[str, Any]]:
        """The next process to end: what it hunted, what it told."""
        pid, status = os.wait()
        file, hunted = self._running.pop(pid)
        with file:
            file.seek(0)
            told = file.read()
        if told:
            return hunted, json.loads(told)
        if hunted and status:  # a signal, or no memory left to report anything with
            return hunted, {"tier": "died", "test": ""}
        raise RuntimeError(f"the process for {hunted[1].key if hunted else 'no mutant'} ended without a word")

    def _run(self, hunted: tuple[str, Mutant] | None, writing: int) -> NoReturn:
        """In a process of its own: run the tests until one fails."""
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        self._writing = writing
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if hunted:
            take_on(*hunted)
        items = self._in_order(hunted[0]) if hunted else self._items
        for item, following in pairwise([*items, None]):
            self._tier, self._test = tier_of(item), item.nodeid
            began = time.process_time()
            if hunted:
                _limit(TIMES * self._seconds[item.nodeid] + GRACE, lambda *_: self._tell("time", self._test))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self._seconds[item.nodeid] = time.process_time() - began
        self._tell("", "")

    def _in_order(self, module: str) -> list[pytest.Item]:
        """The tests of the module's package: quick ones first, of these the module's own.

        The first that wants the walk must stay the first.
        """

        def rank(item: pytest.Item) -> tuple[bool, bool]:
            if tier_of(item) == "walk":
                return False, False
            return self._seconds[item.nodeid] > SLOW, item.path.stem != f"test_{module.rpartition('.')[2]}"

        return sorted((item for item in self._items if item.path.parent.name == package_of(module)), key=rank)

    def _tell(self, tier: str, test: str) -> NoReturn:
        """Tell the process that forked this one, and end."""
        told = {"tier": tier, "test": test, "seconds": self._seconds}
        os.write(self._writing, json.dumps(told).encode())
        os._exit(0)


def _limit(seconds: float, late: Any) -> None:
    """Call ``late`` after so many seconds of CPU, or ten times as many of idleness."""
    signal.signal(signal.SIGPROF, late)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * seconds)


# ---- telling ------------------------------------------------------------------------------------------------------


def table(verdicts: Sequence[Verdict]) -> str:
    """Module by module: mutants, those caught and by what, those explained, survivors."""
    ways = [*TIERS, "time", "died"]
    lines = [f"{'module':24} {'mutants':>7} " + " ".join(f"{way:>8}" for way in ways) + " equivalent survived"]
    for module in [*(entry.partition(":")[0] for entry in MODULES), ""]:
        found = [verdict for verdict in verdicts if module in (verdict.module, "")]
        if not found:
            continue
        told = Counter(verdict.tier for verdict in found)
        explained = sum(1 for verdict in found if not verdict.tier and verdict.key in EQUIVALENT)
        counts = " ".join(f"{told[way]:8}" for way in ways)
        lines.append(f"{module or 'all':24} {len(found):7} {counts} {explained:10} {told[''] - explained:8}")
    return "\n".join(lines)


def wrongs(verdicts: Sequence[Verdict], *, everything: bool) -> list[str]:
    """Survivors without a reason, and reasons that are out of date (of mutants that are gone, if all were hunted)."""
    found = [
        f"SURVIVED reconciler/{verdict.module.replace('.', '/')}.py:{verdict.mutant.line} {verdict.key}"
        for verdict in verdicts
        if not verdict.tier and verdict.key not in EQUIVALENT
    ]
    found += [
        f"OUT OF DATE {verdict.key}: caught by {verdict.test}"
        for verdict in verdicts
        if verdict.tier and verdict.key in EQUIVALENT
    ]
    if everything:
        keys = {verdict.key for verdict in verdicts}
        found += [f"OUT OF DATE {key}: there is no such mutant" for key in EQUIVALENT if key not in keys]
    return found


@app.default
def main(*module: str, only: str = "", quick: bool = False, show: bool = False) -> int:
    """Hunt the mutants of all modules, or of some."""
    began = time.monotonic()
    prey: list[tuple[str, Mutant]] = []
    for name in module or MODULES:
        prey += [each for each in found_in(name) if only in f"{name}.{each[1].key}"]
    hunt = Hunt(prey, quick, show)
    paths = [TESTS / name for names in TIERS.values() for name in names]
    options = ["-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:terminal", "-s"]
    code = pytest.main([*options, *map(str, paths)], plugins=[hunt])
    if code or hunt.broken:
        print(f"without any mutant this fails: {hunt.broken or 'the tests as a whole'}")
        return 1
    order = {id(mutant): number for number, (_, mutant) in enumerate(prey)}
    verdicts = sorted(hunt.verdicts, key=lambda verdict: order[id(verdict.mutant)])
    bad = wrongs(verdicts, everything=not module and not only)
    print(table(verdicts))
    print("\n".join(bad) or "every mutant is caught or explained", f"({time.monotonic() - began:.0f} s)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(app())
