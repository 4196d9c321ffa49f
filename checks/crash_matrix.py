"""Kill the process at every request of every scenario, run again, and look at what is left: the crash matrix.

    python -m checks.crash_matrix [--kill N] [--listed] [SCENARIO …]

For each scenario and each request in it the process dies before the request is sent, after it took effect but before
its answer, and after its answer; the next run comes at once, or ten minutes later. Then others act right before each
request of a run, two runs go on at once, and `--kill` real processes are killed with SIGKILL at seeded random moments,
against a sandbox in a process of its own. `--listed` follows even a single rollout by the listing of apps. Prints a
table, scenario by kind of request by point, with how the runs after the death ended, and the size of it all; exit 1
unless every cell holds what tests/survival/scenarios.py demands.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from math import ceil

from cyclopts import App

from reconciler.rollout import watch
from tests.survival.environment import POINTS
from tests.survival.matrix import DELAYS, Cell, matrix
from tests.survival.races import Raced, on_push, races, two_at_once
from tests.survival.scenarios import BASIC, Scenario, by_name, variants
from tests.survival.served import SCENARIOS, kills

PROCESSES = 2

RACED = ("create", "update", "build fails", "deploy fails", "health fails", "health fails, restored")
"""Scenarios in which others act."""

PAIRED = ("create", "update", "deploy fails", "health fails", "health fails, restored", "two apps updated in order")
"""Scenarios that two runs go through at once."""

app = App(result_action="return_value")


def cells_of(scenario: Scenario) -> list[Cell]:
    """Every cell of one scenario."""
    return list(matrix([scenario]))


def shown(cells: list[Cell]) -> str:
    """One scenario's table: kind of request by point, each with how the clean runs ended and how often."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for cell in cells:
        found[cell.request, cell.point][cell.outcome if not cell.wrong else f"WRONG: {cell.outcome}"] += 1
    lines = [f"\n{cells[0].scenario}: {max(cell.at for cell in cells) + 1} requests, {len(cells)} deaths"]
    for request in dict.fromkeys(cell.request for cell in cells):
        lines.append(f"  {request}")
        for point in POINTS:
            told = ", ".join(f"{number} × {name}" for name, number in found[request, point].most_common())
            lines.append(f"    {point:7} {told}")
    return "\n".join(lines)


def wrongs(cells: list[Cell]) -> list[str]:
    """What does not hold, a cell a line."""
    return [
        f"  WRONG {cell.scenario}, request {cell.at} ({cell.request}), {cell.point}, next run after {cell.delay:g} s: "
        f"{cell.outcome}: {'; '.join(cell.wrong)}"
        for cell in cells
        if cell.wrong
    ]


def deaths_in_process(scenarios: list[Scenario]) -> int:
    """The matrix; the number of cells that do not hold."""
    total: Counter[str] = Counter()
    began, failed = time.monotonic(), 0
    with ProcessPoolExecutor(PROCESSES) as pool:
        for cells in pool.map(cells_of, scenarios):
            print(shown(cells), flush=True)
            bad = wrongs(cells)
            print("\n".join(bad)) if bad else None
            failed += len(bad)
            total.update(cell.outcome for cell in cells)
    size = sum(total.values())
    print(f"\n{len(scenarios)} scenarios, {size} deaths ({len(POINTS)} points, next run after {_delays()}), ", end="")
    print(f"{size - failed} converged or told, {failed} not; {time.monotonic() - began:.0f} s")
    for outcome, number in total.most_common():
        print(f"  {number:6} × {outcome}")
    return failed


def _delays() -> str:
    return " and ".join(f"{delay:g} s" for delay in DELAYS)


def deaths_of_processes(number: int) -> int:
    """Real kills; the number of those after which something does not hold."""
    print(f"\nkill -9 of the real command at {number} random moments (seeds 0 to {number - 1})")
    found: dict[str, Counter[str]] = defaultdict(Counter)
    failed = died = 0
    for kill in kills(range(number)):
        died += kill.died
        found[kill.scenario][" ".join(map(str, kill.codes))] += 1
        if kill.wrong:
            failed += 1
            print(f"  WRONG seed {kill.seed}, {kill.scenario}, after {kill.after:.2f} s: {'; '.join(kill.wrong)}")
    for scenario in SCENARIOS:
        told = ", ".join(f"{count} × exit {codes}" for codes, count in found[scenario].most_common())
        print(f"  {scenario:28} {told}")
    print(f"{died} were killed before they ended, {number - failed} of {number} converged or told")
    return failed


def races_of(name: str) -> list[Raced]:
    """Every race of one scenario."""
    return list(races(on_push(name)))


def others_acting() -> int:
    """Somebody else acts right before each request; the number of races after which something does not hold."""
    print("\nsomebody else acts right before each request of a run")
    failed = size = 0
    with ProcessPoolExecutor(PROCESSES) as pool:
        for found in pool.map(races_of, RACED):
            for deed in dict.fromkeys(race.deed for race in found):
                told = Counter(race.outcome for race in found if race.deed == deed).most_common()
                shown = ", ".join(f"{count} × {outcome.replace('_', ' ')}" for outcome, count in told)
                print(f"  {found[0].scenario:16} {deed:9} {shown}")
            bad = [race for race in found if race.wrong]
            for race in bad:
                print(f"  WRONG {race.scenario}, {race.deed} at {race.at} ({race.request}): {'; '.join(race.wrong)}")
            size, failed = size + len(found), failed + len(bad)
    print(f"{size - failed} of {size} races were won by nobody's loss")
    return failed


def two_runs(first: int = 0) -> int:
    """Two runs at once, the second begun later and later; the number of pairs after which something does not hold.

    A look by a listing may be as old as `watch.FRESH`: two runs that begin within that time both deploy their spec.
    """
    print("\ntwo runs at once")
    failed = size = 0
    for name in PAIRED:
        codes: Counter[str] = Counter()
        for later in range(first, 72, 3):
            one, other, wrong = two_at_once(by_name(name), later)
            codes[f"exits {one.code} and {other.code}"] += 1
            size, failed = size + 1, failed + bool(wrong)
            if wrong:
                print(f"  WRONG {name}, {later} s later: {'; '.join(wrong)}")
        print(f"  {name:28} {', '.join(f'{count} × {told}' for told, count in codes.most_common())}")
    print(f"{size - failed} of {size} pairs ended as one run would")
    return failed


@app.default
def main(*scenario: str, kill: int = 25, listed: bool = False) -> int:
    """Run the matrix (of some scenarios, by their names; then nothing else), the races and the kills."""
    if listed:
        watch.FEW = 0
    everything = [*BASIC, *variants()]
    chosen = [found for found in everything if not scenario or found.name in scenario]
    failed = deaths_in_process(chosen)
    if not scenario:
        failed += others_acting() + two_runs(ceil(watch.FRESH) if listed else 0)
        failed += deaths_of_processes(kill) if kill else 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(app())
