"""A fleet in sync: `reconcile --plan` against the bare floor, measured side by side against a served sandbox.

Prints requests, wall time, CPU time and peak memory of both, and their ratios with the aims. Run by `make bench`; the
sizes of fleets can be given as arguments.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from benchmarks.processes import ROOT, Cost, middle, ratios, side_by_side
from benchmarks.specs import spec

PORT = 18080
URL = f"http://127.0.0.1:{PORT}"
SIZES = {200: 15, 1000: 11, 10_000: 5}
"""Apps, and how often each command is run."""

AIMS = {200: 1.5, 1000: 1.5, 10_000: 1.2}
MOST_MEMORY = {10_000: 400}
SERVE = f"""
import sys
from pathlib import Path
from reconciler.sandbox.server import serve
serve(Path(sys.argv[1]), port={PORT})
"""
"""The command `reconcile sandbox serve` would say that it was interrupted when it is ended."""


def seed(folder: Path, count: int) -> None:
    """Write the specs and create their apps directly, past the client's rate limit.

    The fleet has a configuration of its own: that of this repository names apps which it has not.
    """
    (folder / "reconcile.yaml").write_text("guards: {max_changes: 10}\n")
    with httpx.Client(base_url=URL, headers={"Authorization": "Bearer bench"}, timeout=60) as client:
        for number in range(count):
            name, document = spec(number)
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
            answer = client.post("/v2/apps", json={"spec": document})
            assert answer.is_success, answer.text


def run(count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        specs = Path(folder, "specs")
        specs.mkdir()
        serve = [sys.executable, "-c", SERVE, f"{folder}/box.db"]
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, cwd=ROOT)
        try:
            wait_until_served()
            seed(specs, count)
            time.sleep(3)  # the deployments come to their end
            compare(count, specs, rounds)
        finally:
            server.terminate()
            server.wait()


def wait_until_served() -> None:
    for _ in range(100):
        try:
            httpx.get(URL + "/v2/apps")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the sandbox did not start")


def compare(count: int, specs: Path, rounds: int) -> None:
    floor = [sys.executable, str(ROOT / "benchmarks/floor.py"), str(specs), URL]
    ours = [sys.executable, "-m", "reconciler", str(specs), "--plan", "--format", "json", "--api-url", URL]
    costs, output = side_by_side({"floor": floor, "ours": ours}, rounds)
    report = json.loads(output["ours"])
    assert all(plan["status"] == "in_sync" for plan in report["apps"]), "the fleet is not in sync"
    show(count, report["requests"], costs["floor"], costs["ours"])


def show(count: int, requests: int, floors: list[Cost], all_ours: list[Cost]) -> None:
    floor, ours, ratio = middle(floors), middle(all_ours), ratios(all_ours, floors)
    print(f"\n{count:,} apps in sync, {requests} requests (median of {len(floors)} rounds, and of their ratios)")
    print(f"{'':10}{'floor':>12}{'reconcile':>12}{'ratio':>8}")
    for field, unit in (("wall", "s"), ("cpu", "s"), ("memory", "MiB")):
        base, mine = getattr(floor, field), getattr(ours, field)
        aim = f"  (aim {AIMS[count]})" if field == "wall" and count in AIMS else ""
        if field == "memory" and count in MOST_MEMORY:
            aim = f"  (aim {MOST_MEMORY[count]} MiB)"
        print(f"{field:10}{base:>10.2f} {unit:3}{mine:>8.2f} {unit:3}{getattr(ratio, field):>5.2f}{aim}")


if __name__ == "__main__":
    for size in map(int, sys.argv[1:]) if len(sys.argv) > 1 else SIZES:
        run(size, SIZES.get(size, 3))
