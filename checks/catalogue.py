"""Run every test that carries a number of the catalogue, and write which cases are held: docs/catalogue.md.

    python checks/catalogue.py [--check]

A test belongs to a case if its name has the number as ``test_c07_…`` or ``…_c07_…``; a case is held if it has tests and
all of them pass. ``--check`` writes nothing. Exit 1 if a test fails, or if a case of C01 to C48 has none.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from dulwich.repo import Repo

TABLE = Path(__file__).parents[1] / "docs" / "catalogue.md"
NUMBER = re.compile(r"(?:^test|_)c(\d\d)(?=_)")

CASES = {
    1: "a secret's ciphertext made every plan dirty and every apply a deployment",
    2: "so did the credentials of registries, log destinations and headers",
    3: "defaults that the API leaves out, or writes, were differences",
    4: "lists that came back in another order were differences",
    5: "a plan, an error or a log showed a secret",
    6: "shell variables were blanked because they looked like ours",
    7: "ciphertext in the spec differed from the same ciphertext live",
    8: "variables of the app were dropped by an update and nobody said so",
    9: "fields that a tool or the platform did not know were dropped silently",
    10: "rules that match a host were dropped or refused",
    11: "a stale schema refused fields that the platform takes",
    12: "bindable variables were lost on export",
    13: "a field was accepted and never sent",
    14: "new features of the platform needed a release of the tool",
    15: "an answer without an expected field crashed the tool",
    16: "an update with a part of the spec reset the rest",
    17: "a missing scope of the token was an error nobody could read",
    18: "two writers overwrote each other",
    19: "double names and routes were found by the platform, one at a time",
    20: "moving an app to another project destroyed it",
    21: "a rename made a second app",
    22: "values leaked from one component to another by their position",
    23: "deprecated routes came back as rules and were a difference",
    24: "an ingress could not be emptied",
    25: "a new order of ingress rules was missed",
    26: "a default count was sent and broke autoscaling",
    27: "the port of a health check was lost",
    28: "alerts of different components were mixed up",
    29: "of several mistakes only the first was told",
    30: "validating needed a token",
    31: "waiting hung on a deployment that was never made, or over at once",
    32: "listing deployments failed, and everything with it",
    33: "the wrong deployment was followed",
    34: "a job that never runs was waited for",
    35: "canceled and superseded deployments were waited for without end",
    36: "one timeout for everything cut long builds short",
    37: "a failure ended with exit code 0, or never",
    38: "a failed first deployment led to the app's destruction",
    39: "errors said nothing: HTML pages, bare exit codes",
    40: "an update kept the old commit of a source",
    41: "a tag that moved was not noticed",
    42: "a run was green and the old version live",
    43: "a write was repeated blindly after a server error",
    44: "a create that timed out made two apps",
    45: "a version that was rolled back was applied again",
    46: "going back never happened, or never stopped",
    47: "a pin that somebody set by hand was fought",
    48: "a rollback that was cut short left the app pinned and forgotten",
}
"""What went wrong for users of other tools."""

INTRODUCTION = """\
What went wrong for users of other tools that manage App Platform declaratively, and the tests that hold it here.
`make catalogue` writes this page from a run of these tests."""

Results = dict[str, bool]
"""Whether a test (``tests/x/test_y.py::test_z``, without parameters) passed in all its forms."""


class Collector:
    """Listens to a run of pytest."""

    def __init__(self) -> None:
        self.results: Results = {}
        self.committed = _committed()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep only the tests with a number, and of files that others have, too."""
        items[:] = [
            item
            for item in items
            if NUMBER.search(_function(item.nodeid)) and item.nodeid.partition("::")[0] in self.committed
        ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a test, its setup or its teardown ended."""
        name = report.nodeid.split("[")[0]
        self.results[name] = self.results.get(name, True) and report.passed


def _committed() -> frozenset[str]:
    """The test files that Git knows."""
    with Repo(TABLE.parents[1]) as repo:
        return frozenset(name.decode() for name in repo.open_index() if name.startswith(b"tests/"))


def _function(node: str) -> str:
    return node.rpartition("::")[2].partition("[")[0]


def by_case(results: Results) -> dict[int, dict[str, bool]]:
    """The tests of each case, and whether they passed."""
    found: dict[int, dict[str, bool]] = defaultdict(dict)
    for node, passed in sorted(results.items()):
        for number in NUMBER.findall(_function(node)):
            found[int(number)][node] = passed
    return found


def table(results: Results) -> str:
    """The page."""
    held = by_case(results)
    lines = [
        "# The catalogue",
        "",
        INTRODUCTION,
        "",
        "| case | what went wrong | tests | held |",
        "| --- | --- | --- | --- |",
    ]
    for number, what in CASES.items():
        tests = held.get(number, {})
        verdict = "no test" if not tests else "yes" if all(tests.values()) else "**no**"
        lines.append(f"| C{number:02} | {what} | {_listed(tests)} | {verdict} |")
    count = sum(bool(held.get(number)) and all(held[number].values()) for number in CASES)
    return "\n".join([*lines, "", f"{count} of {len(CASES)} held, by {len(results)} tests.", ""])


def _listed(tests: dict[str, bool]) -> str:
    files: dict[str, list[str]] = defaultdict(list)
    for node in tests:
        file, _, name = node.partition("::")
        files[file].append(name)
    return "<br>".join(f"[{file}](../{file}): " + ", ".join(f"`{name}`" for name in files[file]) for file in files)


def main(arguments: list[str]) -> int:
    """Run, write, tell."""
    collector = Collector()
    pytest.main(["-n0", "-q", "--no-header", "-k", " or ".join(f"c{number:02}" for number in CASES)], [collector])
    text = table(collector.results)
    missing = [f"C{number:02}" for number in CASES if not by_case(collector.results).get(number)]
    failed = [node for node, passed in collector.results.items() if not passed]
    if "--check" not in arguments:
        TABLE.write_text(text, encoding="utf-8")
    for problem in [*failed, *(f"{case} has no test" for case in missing)]:
        print(problem)
    print(text.strip().splitlines()[-1])
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
