"""Play histories of pull requests, seed by seed: every event runs the action, a tenth of all requests fail, runs die.

    python -m checks.previews [--first SEED] [--last SEED]

See tests/survival/previews.py for what happens and what must hold. Prints a line for each seed that went wrong and for
every fiftieth; exit 1 unless everything held in all.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from cyclopts import App

from tests.survival.previews import DEATHS, SHARE, History

PROCESSES = 2

app = App(result_action="return_value")


def story(seed: int) -> tuple[int, int, int, list[str]]:
    """One seed: its runs, those that died, what did not hold."""
    played = History(seed).play()
    return seed, played.runs, played.died, played.wrong


@app.default
def main(*, first: int = 1, last: int = 500) -> int:
    """Play every seed from the first to the last."""
    print(f"{SHARE:.0%} of the requests fail, {DEATHS:.0%} of the runs die, seeds {first} to {last}")
    runs = died = failed = 0
    with ProcessPoolExecutor(PROCESSES) as pool:
        for seed, its_runs, its_deaths, wrong in pool.map(story, range(first, last + 1), chunksize=5):
            runs, died, failed = runs + its_runs, died + its_deaths, failed + bool(wrong)
            print("".join(f"seed {seed} WRONG {one}\n" for one in wrong), end="")
            if seed % 50 == 0:
                print(f"seed {seed}: {runs} runs, {died} died, {failed} histories failed", flush=True)
    print(f"{last - first + 1} histories, {runs} runs, {died} died; {failed} histories failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(app())
