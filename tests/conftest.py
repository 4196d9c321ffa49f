"""The suite draws the same examples in each run, so that a failure belongs to a change.

To look for new ones: HYPOTHESIS_PROFILE=search pytest …
"""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.account import World
from tests.support.parsing import parse_as_in_a_process_of_its_own

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# Where the environment forbids bytecode, each worker would rewrite and each command would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

parse_as_in_a_process_of_its_own()

gc.set_threshold(200_000, 20, 100)  # as the command has it: a suite, too, is a large heap of which little is garbage

# A suite started in the background or under nohup inherits ignored signals, and so would the commands that it tests.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account and a repository, both empty."""
    found = World(tmp_path)
    yield found
    found.close()


SLOWEST = (
    "rollout/test_walk.py",
    "engine/test_no_trace.py",
    "desired/test_bounds.py",
    "docs/test_findings_page.py",
    "cli/test_hostile_names.py",
    "cli/test_formats.py",
    "cli/test_story.py",
    "cli/test_streams.py",
    "github/test_story.py",
    "engine/test_secrets.py",
    "rollout/test_going_back.py",
)
"""Files that take five seconds and more: they begin first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest files; the others keep their order."""
    here = Path(__file__).parent
    rank = {here / name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: rank.get(item.path, len(SLOWEST)))
