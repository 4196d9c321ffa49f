"""The first difference of a process: what the walk takes, what deepdiff adds, and what deepdiff alone would take.

Each case runs in a process of its own, as a plan does, and all cases take turns: what else the machine does falls on
all of them. Prints medians, and each as a share of a search by deepdiff through the whole trees, its import included.
Run by `python -m benchmarks.diff`; the figures are in docs/decisions/010-what-deepdiff-does.md.
"""

import copy
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.specs import spec
from reconciler.plan.canonical import Tree, canonical
from reconciler.plan.diff import diff

ROUNDS = 15
ALONE = "a value, by deepdiff alone"
IMPORT = "deepdiff's import"


def _base() -> dict[str, Any]:
    _, document = spec(0)
    paths = ["/api/v2", "/api", "/assets", "/admin", "/health", "/docs", "/"]
    document["ingress"]["rules"] = [
        {"match": {"path": {"prefix": path}}, "component": {"name": "web"}} for path in paths
    ]
    document["of_tomorrow"] = {"steps": [{"name": name, "seconds": 10, "retries": 3} for name in "abcdef"]}
    return document


def _value(document: dict[str, Any]) -> None:
    document["services"][0]["instance_count"] = 3


def _inserted(document: dict[str, Any]) -> None:
    rule = {"match": {"path": {"prefix": "/new"}}, "component": {"name": "web"}}
    document["ingress"]["rules"].insert(2, rule)


def _moved(document: dict[str, Any]) -> None:
    rules = document["ingress"]["rules"]
    rules.insert(0, rules.pop(4))


def _unknown(document: dict[str, Any]) -> None:
    steps = document["of_tomorrow"]["steps"]
    steps[3]["seconds"] = 20
    steps.insert(0, {"name": "first", "seconds": 1})


EDITS: dict[str, Callable[[dict[str, Any]], None]] = {
    IMPORT: _value,
    ALONE: _value,
    "a value": _value,
    "an inserted rule": _inserted,
    "a moved rule": _moved,
    "items of an unknown list": _unknown,
}


def alone(before: Tree, after: Tree) -> object:
    """The same difference without our own walk."""
    from deepdiff import DeepDiff

    return DeepDiff(before, after)


def imported(_before: Tree, _after: Tree) -> object:
    """Nothing but the import."""
    import deepdiff

    return deepdiff


def once(case: str) -> None:
    """One process: milliseconds of the first difference and of the next, and whether deepdiff was imported."""
    document = _base()
    edited = copy.deepcopy(document)
    EDITS[case](edited)
    before, after = canonical(document), canonical(edited)
    compared = {ALONE: alone, IMPORT: imported}.get(case, diff)
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        found = compared(before, after)
        taken.append((time.perf_counter() - began) * 1000)
        assert found
    print(json.dumps([*taken, "deepdiff" in sys.modules]))


def main() -> None:
    """All cases, in turns."""
    results: dict[str, list[tuple[float, float, bool]]] = {case: [] for case in EDITS}
    for _ in range(ROUNDS):
        for case, found in results.items():
            command = [sys.executable, "-m", "benchmarks.diff", case]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    floor = statistics.median(first for first, _, _ in results[ALONE])
    print(f"{'':28}{'first':>12}{'ratio':>8}{'next':>12}  imports deepdiff (median of {ROUNDS} processes each)")
    for case, found in results.items():
        first, following = (statistics.median(one[at] for one in found) for at in (0, 1))
        heavy = "yes" if found[0][2] else "no"
        print(f"{case:28}{first:>9.2f} ms{first / floor:>8.3f}{following:>9.2f} ms  {heavy}")


if __name__ == "__main__":
    once(sys.argv[1]) if len(sys.argv) > 1 else main()
