"""The suite draws the same examples in each run, so that a failure belongs to a change.

To look for new ones: HYPOTHESIS_PROFILE=search pytest …
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.account import World
from tests.support.authorities import read_public_authorities_once
from tests.support.parsing import parse_as_in_a_process_of_its_own

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Where the environment forbids bytecode, each worker would rewrite and each command would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

parse_as_in_a_process_of_its_own()
read_public_authorities_once()

if find_spec("sniffio") is None:  # httpx asks at every request in process: a search of every folder that Python knows
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # as the import system has it: known to be missing

os.fsync = lambda _file: None  # dulwich waits for the disk at every ref and object; no test pulls the plug

gc.set_threshold(200_000, 20, 100)  # as the command has it: a suite, too, is a large heap of which little is garbage

# A suite started in the background or under nohup inherits ignored signals, and so would the commands that it tests.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: tests that wait for a browser or for a process leave a core to others."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8) + 1


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account and a repository, both empty."""
    found = World(tmp_path)
    yield found
    found.close()
