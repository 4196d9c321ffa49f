"""A fleet in sync: `reconcile --plan` against the bare floor, measured side by side against a served sandbox.

Prints requests, wall time, CPU time and peak memory of both, and their ratios. Run by `make bench`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from benchmarks.specs import spec

ROUNDS = 5
PORT = 18080
URL = f"http://127.0.0.1:{PORT}"
ROOT = Path(__file__).resolve().parent.parent
SERVE = f"""
import sys
from pathlib import Path
from reconciler.sandbox.server import serve
serve(Path(sys.argv[1]), port={PORT})
"""
"""The command `reconcile sandbox serve` would say that it was interrupted when it is ended."""


@dataclass
class Cost:
    wall: float
    cpu: float
    memory: float  # MiB


def measure(command: list[str], environ: dict[str, str]) -> tuple[Cost, str]:
    """Wall seconds, CPU seconds and peak memory of one process, and what it printed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    assert process.returncode == 0, f"{command} ended with {process.returncode}: {output[-500:]}"
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), output


def middle(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, field) for cost in costs) for field in ("wall", "cpu", "memory")))


def seed(folder: Path, count: int) -> None:
    """Write the specs and create their apps directly, past the client's rate limit."""
    with httpx.Client(base_url=URL, headers={"Authorization": "Bearer bench"}, timeout=60) as client:
        for number in range(count):
            name, document = spec(number)
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
            answer = client.post("/v2/apps", json={"spec": document})
            assert answer.is_success, answer.text


def run(count: int) -> None:
    environ = {**os.environ, "DIGITALOCEAN_TOKEN": "bench", "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory() as folder:
        specs = Path(folder, "specs")
        specs.mkdir()
        serve = [sys.executable, "-c", SERVE, f"{folder}/box.db"]
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, cwd=ROOT)
        try:
            wait_until_served()
            seed(specs, count)
            time.sleep(3)  # the deployments come to their end
            compare(count, specs, environ)
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


def compare(count: int, specs: Path, environ: dict[str, str]) -> None:
    floor = [sys.executable, str(ROOT / "benchmarks/floor.py"), str(specs), URL]
    ours = [sys.executable, "-m", "reconciler", str(specs), "--plan", "--format", "json", "--api-url", URL]
    floors, runs, output = [], [], ""
    for _ in range(ROUNDS):  # side by side: what else the machine does falls on both
        floors.append(measure(floor, environ)[0])
        cost, output = measure(ours, environ)
        runs.append(cost)
    report = json.loads(output)
    assert all(plan["status"] == "in_sync" for plan in report["apps"]), "the fleet is not in sync"
    show(count, report["requests"], middle(floors), middle(runs))


def show(count: int, requests: int, floor: Cost, ours: Cost) -> None:
    print(f"\n{count} apps in sync, {requests} requests (median of {ROUNDS} rounds)")
    print(f"{'':10}{'floor':>12}{'reconcile':>12}{'ratio':>8}")
    for field, unit in (("wall", "s"), ("cpu", "s"), ("memory", "MiB")):
        base, mine = getattr(floor, field), getattr(ours, field)
        print(f"{field:10}{base:>10.2f} {unit:3}{mine:>8.2f} {unit:3}{mine / base:>5.2f}")


if __name__ == "__main__":
    for size in (200, 1000):
        run(size)
