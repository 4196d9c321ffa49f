"""Processes and what they cost: CPU time, wall time, peak memory, measured side by side."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Cost:
    wall: float
    cpu: float
    memory: float  # MiB


def environ() -> dict[str, str]:
    """The environment of measured commands: bytecode is kept, as in an installation."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "DIGITALOCEAN_TOKEN": "bench", "NO_COLOR": "1"}


def measure(command: list[str]) -> tuple[Cost, str]:
    """Wall seconds, CPU seconds and peak memory of one process, and what it printed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ(), cwd=ROOT) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    assert process.returncode == 0, f"{command} ended with {process.returncode}: {output[-500:]}"
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), output


def side_by_side(commands: Mapping[str, list[str]], rounds: int) -> tuple[dict[str, list[Cost]], dict[str, str]]:
    """The costs of each command and what it printed last. They take turns: what else the machine does falls on all."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    output: dict[str, str] = {}
    for _ in range(rounds):
        for name, command in commands.items():
            cost, output[name] = measure(command)
            costs[name].append(cost)
    return costs, output


FIELDS = ("wall", "cpu", "memory")


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(statistics.median(getattr(cost, field) for cost in costs) for field in FIELDS))


def ratios(costs: list[Cost], floor: list[Cost]) -> Cost:
    """The median of the ratios of neighbours: a machine that slows down for a while slows both of them down."""
    pairs = list(zip(costs, floor, strict=True))
    return Cost(
        *(statistics.median(getattr(one, name) / getattr(base, name) for one, base in pairs) for name in FIELDS)
    )
