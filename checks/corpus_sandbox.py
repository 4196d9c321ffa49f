"""Create, plan, import and create again every real spec of a corpus on the sandbox, and count differences: none.

    python checks/corpus_sandbox.py FOLDER

FOLDER has ``index.tsv`` (columns NNN, expect) and ``specs/NNN.yaml``. For each spec that is to be accepted, under
several ways in which the platform may answer a spec:

- created on an empty account, its plan is in sync, and applying it sends no write;
- written to a file by import, the file's plan is in sync, and importing over the original file changes nothing;
- created on another account from the imported file, its plan is in sync there, too.

The other specs of the corpus are to be told of: at least one finding each. Exit 1 otherwise.
"""

from __future__ import annotations

import asyncio
import csv
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from reconciler.clock import SystemClock
from reconciler.config import Config
from reconciler.desired.load import load
from reconciler.desired.validate import validate_all
from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.live.client import Client
from reconciler.plan.model import SyncStatus
from reconciler.rollout.model import OutcomeKind
from reconciler.sandbox import Sandbox, Settings, Speed

PLATFORMS = {
    "as records show": Settings(speed=Speed.instant()),
    "writes everything": Settings(
        speed=Speed.instant(),
        fills_defaults="documented",
        returns_general_type=True,
        routes_order="longest",
        reorders_envs=True,
        omits_zero_values=False,
        encrypts_log_tokens=True,
    ),
    "writes nothing": Settings(
        speed=Speed.instant(),
        fills_defaults="none",
        propose_fills_defaults=False,
        rewrites_routes=False,
    ),
}
"""How the platform may answer a spec."""

CONFIG = "defaults: {health: {soak: 0s, components: false}}\n"


class Tap(httpx.AsyncBaseTransport):
    """Counts the requests that may change something."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.writes = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        self.writes += request.method != "GET" and not request.url.path.endswith("/propose")
        return await self.inner.handle_async_request(request)


class Account:
    """An account on a sandbox of its own, and plans against it."""

    def __init__(self, client: Client, tap: Tap, config: Path) -> None:
        self.client, self.tap, self.config = client, tap, config

    async def create(self, file: Path) -> None:
        """Create the app of a file, as its document stands."""
        (app,) = load([file], config=Config(), environ={}).apps
        await self.client.create_app(app.spec)

    async def differences(self, file: Path) -> list[str]:
        """What is wrong with an app that should be in sync with a file: changes, statuses, writes."""
        options = RunOptions((file,), config=self.config)
        desired = loading.check(options)
        before = self.tap.writes
        planned = await applying.plan(desired, options, self.client, SystemClock())
        found = [f"{plan.status}: {', '.join(_paths(plan))}" for plan in planned.report.plans if not _quiet(plan)]
        if not found:
            report = await applying.apply(planned, self.client, SystemClock())
            found += [r.outcome.reason for r in report.records if r.outcome.kind is not OutcomeKind.UNCHANGED]
        return [*found, *(["applying it sent a write"] if self.tap.writes != before else [])]


def _paths(plan: Any) -> list[str]:
    return [change.human_path for change in plan.changes] or [plan.reason]


def _quiet(plan: Any) -> bool:
    return plan.status is SyncStatus.IN_SYNC and not plan.changes


@asynccontextmanager
async def account(settings: Settings, folder: Path) -> AsyncIterator[Account]:
    """An empty account."""
    # real specs were exported from apps that exist, with their secrets as ciphertext
    box = Sandbox(settings=replace(settings, new_apps_take_ciphertext=True))
    tap = Tap(httpx.ASGITransport(app=box.asgi))
    config = folder / "reconcile.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    try:
        async with Client("t", transport=tap, base_url="http://sandbox", per_minute=1_000_000) as client:
            yield Account(client, tap, config)
    finally:
        box.close()


def _copied(file: Path, folder: Path) -> Path:
    """The folder, with a copy of the file."""
    folder.mkdir()
    shutil.copy(file, folder)
    return folder


async def failures(file: Path, settings: Settings) -> list[str]:
    """What does not hold for one spec on one platform."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with account(settings, folder) as first, account(settings, folder) as second:
            await first.create(file)
            problems = [f"created: {found}" for found in await first.differences(file)]
            (live,) = await first.client.list_apps()
            own = _copied(file, folder / "own")
            if Importer.read(own, RunOptions((own,))).write(live).changed:
                problems.append("imported over its own file, it changed")
            imported = Importer.read(folder / "new", RunOptions((folder / "new",))).write(live).file
            problems += [f"imported: {found}" for found in await first.differences(imported)]
            await second.create(imported)
            problems += [f"created elsewhere: {found}" for found in await second.differences(imported)]
    return problems


async def main(folder: Path) -> int:
    """Check the whole corpus."""
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for row in rows:
        file = folder / "specs" / f"{row['NNN']}.yaml"
        if row["expect"] != "accept":
            loaded = load([file], config=Config(), environ={})
            counts[f"{row['expect']}, told"] += 1
            if not (*loaded.findings, *validate_all(loaded.apps)):
                problems.append(f"{row['NNN']}: {row['expect']}, and nothing is told")
            continue
        for platform, settings in PLATFORMS.items():
            found = await failures(file, settings)
            counts[f"accept, a platform that {platform}" if "writes" in platform else f"accept, {platform}"] += 1
            problems += [f"{row['NNN']} ({platform}): {problem}" for problem in found]
    for what, count in sorted(counts.items()):
        print(f"{what:45} {count:4}")
    for problem in problems:
        print(problem)
    plans = 3 * sum(count for what, count in counts.items() if what.startswith("accept"))
    print(f"corpus on the sandbox: {len(rows)} specs, {plans} plans in sync expected, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
