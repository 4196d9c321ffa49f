"""Run every test that carries a number of the catalogue, and write which cases are held: docs/catalogue.md.

    python checks/catalogue.py [--check]

A test belongs to a case if its name has the number as ``test_c07_…`` or ``…_c07_…``; a case is held if it has tests and
all of them pass; a case of the second volume (from C49) that has none is open. ``--check`` writes nothing. Exit 1 if a
test fails, or if a case of C01 to C48 has none.
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
    49: "the platform rolled back by itself, and a second rollback was put on top of it",
    50: "a deployment that a newer one replaced was said to be canceled by a person",
    51: "a fault of the platform was taken for one of the spec",
    52: "somebody settled a rollback otherwise, and it was said to serve",
    53: "something else was stored or served than what was sent, and the run was green",
    54: "deployments listed oldest first led to other decisions",
    55: "a deployment that could not be found was taken for a deleted app",
    56: "a token that may not read was polled with until the budget ended",
    57: "a probe that could not be sent, or was wrong itself, rolled back a healthy app",
    58: "an app in maintenance was probed and rolled back",
    59: "a regular expression that never ends held the run, whatever the signal",
    60: "healthy was said where no health was reported",
    61: "after a failed rollback the next plan promised to commit it",
    62: "a propose that broke down was called an invalid spec",
    63: "the API token was put into a spec by a variable, sent and printed",
    64: "credentials in the address of a repository were shown",
    65: "a plain value that only live has was published in a comment",
    66: "masking spoilt text and gave short secrets away",
    67: "ciphertext in the spec of a new app was found out by the platform",
    68: "a secret came out in another encoding",
    69: "instances and autoscaling that a size does not have were found out by the platform",
    70: "a schedule, a duration or a pattern that does not parse was found out by the platform",
    71: "the parts of an image's address were mixed up",
    72: "a log destination without a target, or with two, was found out by the platform",
    73: "ingress rules that cannot match, or never do, were found out by the platform",
    74: "a domain in another's zone, or in two apps, was found out by the platform",
    75: "a source or a bindable variable that names nothing was found out by the platform",
    76: "a health check on a port that is not served was found out by the platform",
    77: "a development database of an engine that has none was found out by the platform",
    78: "hints led elsewhere, and one notice was followed by a page of them",
    79: "spec files were passed over without a word, or other YAML taken for them",
    80: "a new commit behind the same spec could not be deployed",
    81: "apps were deleted before those that depend on them",
    82: "a renamed component lost its secrets silently",
    83: "what was imported did not validate",
    84: "an import wrote outside of its folder, or hung",
    85: "later steps of a pipeline could not learn what was deployed",
    86: "a freeze was found out only when applying",
    87: "advice about a rename would have renamed production",
    88: "specs were applied to the wrong account",
    89: "an apply to a young fleet read every app's health first",
    90: "a signal at the start was lost, and the apply went on",
    91: "a deployment that a push made failed, and all was said to be in sync",
    92: "a rollback went back to the very version that serves",
}
"""What went wrong for users of other tools, and from C49 on what was found by trying."""

FIRST_VOLUME = 48
"""The last case without which nothing is released; a later one may still be open."""

INTRODUCTION = """\
What went wrong for users of tools that manage App Platform declaratively, and the tests that hold it here; a case
without any is open. `make catalogue` writes this page from a run of these tests."""

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
        untested = "no test" if number <= FIRST_VOLUME else "open"
        verdict = untested if not tests else "yes" if all(tests.values()) else "**no**"
        lines.append(f"| C{number:02} | {what} | {_listed(tests)} | {verdict} |")
    count = sum(bool(held.get(number)) and all(held[number].values()) for number in CASES)
    left = len(CASES) - sum(bool(held.get(number)) for number in CASES)
    return "\n".join([*lines, "", f"{count} of {len(CASES)} held, by {len(results)} tests; {left} open.", ""])


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
    held = by_case(collector.results)
    missing = [f"C{number:02}" for number in CASES if number <= FIRST_VOLUME and not held.get(number)]
    failed = [node for node, passed in collector.results.items() if not passed]
    if "--check" not in arguments:
        TABLE.write_text(text, encoding="utf-8")
    for problem in [*failed, *(f"{case} has no test" for case in missing)]:
        print(problem)
    print(text.strip().splitlines()[-1])
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
