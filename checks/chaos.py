"""Roll out 200 apps while a tenth of all requests goes wrong, seed by seed, and look at what is left.

    python -m checks.chaos [--apps N] [--first SEED] [--last SEED]

See tests/survival/chaos.py for the story (create all, update all while a tenth fails, mend), for what goes wrong and
for the bound on requests. Prints a line a seed and step; exit 1 unless all converged within the bounds.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor

from cyclopts import App

from tests.survival.chaos import RUNS, SHARE, Chaos, Step

PROCESSES = 2

app = App(result_action="return_value")


def story(apps: int, seed: int) -> tuple[int, list[Step], float]:
    """One seed's story: the seed, its steps, the seconds it took."""
    began = time.monotonic()
    return seed, Chaos(apps, seed).story(), time.monotonic() - began


@app.default
def main(*, apps: int = 200, first: int = 1, last: int = 10) -> int:
    """Play the story with every seed from the first to the last."""
    print(f"{apps} apps, {SHARE:.0%} of the requests go wrong, at most {RUNS} runs a step, seeds {first} to {last}\n")
    print(f"{'seed':>4}  {'step':8}{'exits':16}{'requests':>9}{'bound':>7}{'went wrong':>12}{'virtual time':>14}")
    failed = requests = troubled = 0
    seeds = range(first, last + 1)
    with ProcessPoolExecutor(PROCESSES) as pool:
        for seed, steps, seconds in pool.map(story, [apps] * len(seeds), seeds):
            for step in steps:
                codes = " ".join(map(str, step.codes))
                print(f"{seed:>4}  {step.name:8}{codes:16}{step.requests:>9}{step.bound:>7}", end="")
                print(f"{step.troubled:>12}{step.seconds:>12.0f} s")
                print("".join(f"      WRONG {wrong}\n" for wrong in step.wrong), end="")
                failed += bool(step.wrong)
                requests += step.requests
                troubled += step.troubled
            print(f"      took {seconds:.0f} s", flush=True)
    share = troubled / requests
    print(
        f"\n{len(seeds)} seeds, {requests} requests, {troubled} of them ({share:.1%}) went wrong; {failed} steps failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(app())
