"""Read published answers of the real service, and compare the sandbox's own answers with their shape, field by field.

    python checks/recorded_answers.py FOLDER

FOLDER has answers of ``GET /v2/apps`` as JSON files. For each app in them:

- `live.models` reads it, and loses neither its spec nor its deployments;
- it is imported, and a plan of the imported file is in sync (a redeploy where no deployment was published with it);
- its spec, created on the sandbox, comes back as it was recorded;
- the sandbox's answer for it has the recorded fields and no others, and values of the same form, but for the
  differences in `EXPLAINED`.

Every difference is named. Exit 1 if one is not explained, or if an explanation explains nothing any more.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from reconciler.clock import SystemClock
from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.live.client import Client
from reconciler.live.models import LiveApp
from reconciler.plan.model import Action, SyncStatus
from reconciler.sandbox import Sandbox, Settings, Speed

Tree = dict[str, Any]
ROLES = ("active_deployment", "last_deployment_active_at")
"""What was trimmed from one of the records."""

EXPLAINED = {
    "+ domains": "records of 2022 have no list of domains, the one of 2024 has it",
    "+ build_config": "the app that was published alone was trimmed",
    "~ owner_uuid: text, UUID here": "whoever published the app alone put a name in its place",
    "- build_config.cnb_versioning": "of earlier builds from source, which the recorded spec has no more",
}
"""Differences by ``+`` (only the sandbox), ``-`` (only the record) or ``~`` (another form) and field, each with its
reason."""

FORMS = {
    "time in whole seconds": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "time in nanoseconds": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z",
    "UUID": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "digest": r"sha256:[0-9a-f]{64}",
    "duration": r"[\d.]+s",
}
"""Forms of texts that are compared; any other text is just text."""


class Recorded(httpx.AsyncBaseTransport):
    """The real service with one app, as far as it was published; it refuses everything that would change it."""

    def __init__(self, app: Tree) -> None:
        self.app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.path
        if request.method == "POST" and path == "/v2/apps/propose":
            return httpx.Response(200, json={"spec": json.loads(request.content)["spec"], "app_name_available": True})
        if request.method != "GET":
            raise AssertionError(f"a plan sends {request.method} {path}")
        active = self.app.get("active_deployment")
        answers: dict[str, Tree] = {
            "/v2/apps": {"apps": [self.app], "links": {"pages": {}}, "meta": {"total": 1}},
            f"/v2/apps/{self.app['id']}": {"app": self.app},
            f"/v2/apps/{self.app['id']}/deployments": {"deployments": [active] if active else []},
        }
        missing = httpx.Response(404, json={"id": "not_found", "message": "not recorded", "request_id": "1"})
        return httpx.Response(200, json=answers[path]) if path in answers else missing


async def in_sync(app: Tree) -> list[str]:
    """What is wrong with an import of the app, and with a plan of the imported file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Client("t", transport=Recorded(app), base_url="http://recorded") as client:
            (live,) = await client.list_apps()
            file = Importer.read(folder, RunOptions((folder,))).write(live).file
            options = RunOptions((file,))
            planned = await applying.plan(loading.check(options), options, client, SystemClock())
    (plan,) = planned.report.plans
    paths = [change.human_path for change in plan.changes]
    wanted = (SyncStatus.IN_SYNC, Action.NONE) if "active_deployment" in app else (plan.status, Action.REDEPLOY)
    if (plan.status, plan.action) != wanted or paths:
        return [f"imported, its plan is {plan.status} {plan.action}: {paths or plan.reason}"]
    return []


def lost(app: Tree) -> Iterator[str]:
    """What `live.models` does not read of an app."""
    live = LiveApp.model_validate(app)
    if (live.id, live.spec) != (app["id"], app["spec"]):
        yield "its id or spec is lost"
    recorded, active = app.get("active_deployment"), live.active_deployment
    if (recorded is None) != (active is None):
        yield "its active deployment is lost"
    elif recorded is not None and active is not None:
        read = (active.id, active.spec, active.phase.value, active.cause, active.previous_deployment_id)
        if read != tuple(recorded[name] for name in ("id", "spec", "phase", "cause", "previous_deployment_id")):
            yield "something of its active deployment is lost"


def fields(value: Any, at: str = "") -> dict[str, str]:
    """The form of every field below a value, by its path; items of lists share one, and the first has the say."""
    found: dict[str, str] = {}
    for item in reversed(value) if isinstance(value, list) else ():
        found |= fields(item, at)
    for name, item in value.items() if isinstance(value, dict) else ():
        found |= {f"{at}{name}": form(item), **fields(item, f"{at}{name}.")}
    return found


def form(value: Any) -> str:
    """What kind of value it is: ``object``, ``list``, ``bool``, ``int``, a form of text …"""
    if isinstance(value, str):
        return next((name for name, pattern in FORMS.items() if re.fullmatch(pattern, value)), "text")
    return {"dict": "object"}.get(type(value).__name__, type(value).__name__)


async def simulated(recorded: Tree) -> Tree:
    """The sandbox's app in its list of apps, after the recorded spec was deployed twice, the last time as recorded."""
    spec, cause = recorded["spec"], recorded.get("active_deployment", {}).get("cause_details", {}).get("type")
    box = Sandbox(settings=Settings(speed=Speed.instant(), rewrites_routes=False))
    headers = {"authorization": "Bearer t"}
    transport = httpx.ASGITransport(app=box.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        made = (await client.post("/v2/apps", json={"spec": spec})).raise_for_status().json()["app"]
        await client.get("/v2/apps")
        if cause == "MAINTENANCE":
            box.platform_deployment(spec["name"])
        else:
            (await client.post(f"/v2/apps/{made['id']}/deployments", json={})).raise_for_status()
        (app,) = (await client.get("/v2/apps")).json()["apps"]
    box.close()
    found: Tree = app
    return found


async def differences(recorded: Tree) -> list[str]:
    """Fields that only one of both has, the outermost of each, or that differ in form.

    Deployments only where the record has them.
    """
    ours = {name: item for name, item in (await simulated(recorded)).items() if name in recorded or name not in ROLES}
    theirs, own = fields(recorded), fields(ours)
    found = [("-" if path in theirs else "+", path) for path in theirs.keys() ^ own.keys()]
    marks = {path for _, path in found}
    both = theirs.keys() & own.keys()
    found += [("~", f"{path}: {theirs[path]}, {own[path]} here") for path in both if theirs[path] != own[path]]
    if recorded["spec"] != ours["spec"]:
        found.append(("-", "the values of spec"))
    return sorted(f"{mark} {path}" for mark, path in found if path.rpartition(".")[0] not in marks)


def read(folder: Path) -> list[tuple[str, Tree]]:
    """Every recorded app, with a name for it."""
    files = sorted(folder.glob("*.json"))
    apps = [(file.name, app) for file in files for app in json.loads(file.read_text(encoding="utf-8"))["apps"]]
    return [(f"{name} {app['spec']['name']}", app) for name, app in apps]


async def main(apps: list[tuple[str, Tree]]) -> int:
    """Check every recorded app."""
    problems: list[str] = []
    seen: dict[str, list[str]] = {}
    for name, app in apps:
        problems += [f"{name}: {what}" for what in (*lost(app), *await in_sync(app))]
        for what in await differences(app):
            seen.setdefault(what, []).append(name)
    for what, names in sorted(seen.items()):
        print(f"{what:30} {len(names)} of {len(apps)}: {EXPLAINED.get(what, 'NOT EXPLAINED')}")
    problems += [f"{what}: {', '.join(names)}" for what, names in seen.items() if what not in EXPLAINED]
    problems += [f"{what}: explained, and no difference" for what in EXPLAINED if what not in seen]
    for problem in problems:
        print(problem)
    print(f"recorded answers: {len(apps)} apps, {len(seen)} differences in shape, {len(problems)} problems")
    return 1 if problems or not apps else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(read(Path(sys.argv[1])))))
