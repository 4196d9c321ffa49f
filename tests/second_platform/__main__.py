"""Play every scenario, or those that are named: `python -m tests.second_platform [NAME …]`."""

from __future__ import annotations

import sys
from collections import Counter

from tests.second_platform.catalog import EXPECTED_TO_FAIL, SCENARIOS, verdict
from tests.second_platform.play import play


def main(names: list[str]) -> int:
    """Print a table and a line with counts; 1 if anything is to be said against a scenario."""
    chosen = [scenario for scenario in SCENARIOS if not names or scenario.name in names]
    if unknown := set(names) - {scenario.name for scenario in chosen}:
        sys.stderr.write(f"no such scenario: {', '.join(sorted(unknown))}\n")
        return 64
    counts: Counter[str] = Counter()
    width = max(len(scenario.name) for scenario in chosen)
    for scenario in chosen:
        result = play(scenario)
        found = verdict(scenario, result.wrong)
        status = "FAILED" if found else "awaited" if result.wrong else "ok"
        counts[status] += 1
        sys.stdout.write(f"{scenario.name:{width}}  {status:7}  {', '.join(result.endings)}\n")
        for problem in found or (result.wrong if names else []):
            sys.stdout.write(f"    {problem}\n")
    awaited = f" ({len(EXPECTED_TO_FAIL)} on the list)" if not names else ""
    sys.stdout.write(
        f"{len(chosen)} scenarios: {counts['ok']} ok, {counts['awaited']} awaited{awaited}, {counts['FAILED']} FAILED\n"
    )
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
