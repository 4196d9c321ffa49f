"""Follow three things through the code, and count the files they pass: what a newcomer has to open.

    python -m checks.hops [WALK] [--files]

The walks are `plan` (an `instance_count` from its YAML to the line of the plan), `failing` (a deployment that fails its
health checks, to the exit code 4) and `secret` (a rotated secret, to the request that sends it). Each runs the real
command on the embedded sandbox. A hop is a call that leads from one file of `reconciler/` to another; the sandbox plays
the platform and does not count, and neither do imports. `--files` lists the files in the order they are first reached.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from cyclopts import App

from reconciler.cli.main import main as reconcile
from tests.support.warp import warp

ROOT = Path(__file__).parents[1]
PACKAGE = str(ROOT / "reconciler") + os.sep
PLATFORM = str(ROOT / "reconciler" / "sandbox") + os.sep

MOST_FILES = 75
"""Files that a failing deployment may pass; beyond it, following one means opening too many.

The bare architecture passes 60. The rest are subjects of their own that every rollout meets: the command and its
signals, the token's limits, the watch of a fleet, the names in the configuration, the ends of a fleet in few lines, and
those that are asked whether they have anything to do: messages, the log for machines.
"""

app = App(result_action="return_value")


class Trace:
    """Which files were reached, in order, and how often a call led from one to another."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.hops = 0
        self._known: dict[CodeType, str] = {}
        self._last = ""

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a call, as `sys.setprofile` reports it."""
        if event != "call":
            return
        code = frame.f_code
        file = self._known.get(code)
        if file is None:
            file = self._known[code] = _counted(code)
        if file and file != self._last:
            self.hops += 1
            self.files[file] = self.files.get(file, 0) + 1
            self._last = file


def _counted(code: CodeType) -> str:
    """The file below `reconciler/` that a function is in; empty for what does not count."""
    name = code.co_filename
    if not name.startswith(PACKAGE) or name.startswith(PLATFORM) or code.co_name == "<module>":
        return ""
    return name.removeprefix(PACKAGE)


@contextmanager
def _checkout() -> Iterator[Path]:
    """A copy of the example specs to run in, on a clock that does not make anybody wait."""
    before = Path.cwd()
    patch = pytest.MonkeyPatch()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("specs", "reconcile.yaml"):
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, Path(folder) / name)
        os.chdir(folder)
        try:
            warp(patch)
            yield Path(folder)
        finally:
            patch.undo()
            os.chdir(before)


def _quietly(*words: str) -> int:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return reconcile(words)


def _edit(folder: Path, before: str, after: str) -> None:
    spec = folder / "specs" / "shop.yaml"
    text = spec.read_text(encoding="utf-8")
    if before not in text:
        raise LookupError(f"specs/shop.yaml has no {before!r}")
    spec.write_text(text.replace(before, after, 1), encoding="utf-8")


def _plan(folder: Path) -> tuple[tuple[str, ...], int]:
    _edit(folder, "instance_count: 2", "instance_count: 3")
    return ("--plan", "--sandbox"), 0


def _failing(folder: Path) -> tuple[tuple[str, ...], int]:
    _edit(folder, "value: info", "value: debug")
    _quietly("sandbox", "fail", "shop", "health")
    return ("--sandbox",), 4


def _secret(folder: Path) -> tuple[tuple[str, ...], int]:
    spec = folder / "specs" / "vault.yaml"
    spec.write_text(_VAULT.replace("VALUE", "first"), encoding="utf-8")
    assert _quietly("--sandbox", "--app", "vault") == 0
    spec.write_text(_VAULT.replace("VALUE", "second"), encoding="utf-8")
    return ("--sandbox", "--app", "vault", "--rotate", "vault/web/API_KEY"), 0


_VAULT = """\
name: vault
services:
  - name: web
    image: {registry_type: DOCKER_HUB, registry: library, repository: nginx, tag: "1.27"}
    envs:
      - {key: API_KEY, type: SECRET, value: VALUE}
"""


WALKS: dict[str, Callable[[Path], tuple[tuple[str, ...], int]]] = {
    "plan": _plan,
    "failing": _failing,
    "secret": _secret,
}


def walk(name: str) -> Trace:
    """Run one walk from its start to its exit code.

    Raises:
        AssertionError: the command ended with another code than it should.
    """
    with _checkout() as folder:
        assert _quietly("--sandbox") == 0
        words, wanted = WALKS[name](folder)
        _quietly("--version")
        trace = Trace()
        sys.setprofile(trace)
        try:
            code = _quietly(*words)
        finally:
            sys.setprofile(None)
        assert code == wanted, f"{name}: exit {code} instead of {wanted}"
        return trace


@app.default
def main(*names: str, files: bool = False) -> int:
    """Print each walk's figures; exit 1 if the failing deployment passes too many files."""
    too_many = False
    for name in names or tuple(WALKS):
        trace = walk(name)
        print(f"{name:8} {len(trace.files):3} files, {trace.hops:5} hops")
        if files:
            print("\n".join(f"  {count:5}  {file}" for file, count in trace.files.items()))
        too_many |= name == "failing" and len(trace.files) > MOST_FILES
    return 1 if too_many else 0


if __name__ == "__main__":
    sys.exit(app())
