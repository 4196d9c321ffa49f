"""Runs the action as the runner does: inputs through `action.yml`, an event file, files for outputs and summary."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reconciler.github import action
from reconciler.github.context import EventContext
from reconciler.github.inputs import Inputs
from reconciler.github.report import Result
from tests.github.test_outputs import read_outputs
from tests.github.world import OLD, REPO
from tests.support.fake_github import FakeGitHub
from tests.support.virtual_time import VirtualClock

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))

Execute = Callable[[Inputs, EventContext], Awaitable[Result]]


def input_variables(given: dict[str, str], token: str) -> dict[str, str]:
    """What the runner makes of a step's `with`: defaults filled, names in upper case with spaces as underscores."""
    unknown = set(given) - set(ACTION["inputs"])
    assert not unknown, f"not in action.yml: {unknown}"
    values = {name: str(about.get("default", "")) for name, about in ACTION["inputs"].items()} | given
    return {
        f"INPUT_{name.replace(' ', '_').upper()}": value.replace("${{ github.token }}", token)
        for name, value in values.items()
    }


@dataclass
class Step:
    """What a step left behind."""

    exit_code: int
    outputs: dict[str, str]
    summary: str
    log: list[str]
    seconds: float

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.log if line.startswith("::warning")]


@dataclass
class Runner:
    """A runner of one repository; each step is a run of its own, the time goes on."""

    folder: Path
    fake: FakeGitHub
    clock: VirtualClock = field(default_factory=VirtualClock)
    run_id: int = 500

    def step(
        self,
        execute: Execute,
        event: str,
        payload: dict[str, Any] | None = None,
        *,
        sha: str = OLD,
        job_token: str = "gh-token",
        token: str = "dop_v1_test",
        actor: str = "ada",
        **given: str,
    ) -> Step:
        self.run_id += 1
        at = self.folder / str(self.run_id)
        at.mkdir()
        (at / "event.json").write_text(json.dumps(payload or {}))
        log: list[str] = []
        with_ = {name.replace("_", "-"): value for name, value in (given | {"token": token}).items()}
        environ = input_variables(with_, job_token) | {
            "GITHUB_ACTOR": actor,
            "GITHUB_API_URL": "https://api.github.example",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(at / "event.json"),
            "GITHUB_OUTPUT": str(at / "output"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": REPO,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(self.run_id),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": sha,
            "GITHUB_STEP_SUMMARY": str(at / "summary"),
        }
        began = self.clock.monotonic()
        self.last = at
        self.log = log
        exit_code = self.clock.run(
            action.run(environ, execute=execute, clock=self.clock, out=log.append, transport=self.fake.transport())
        )
        return Step(
            exit_code=exit_code,
            outputs=read_outputs((at / "output").read_text()),
            summary=(at / "summary").read_text(),
            log=log,
            seconds=self.clock.monotonic() - began,
        )
