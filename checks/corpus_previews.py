"""Derive a preview of every real spec of a corpus, with overlays and without, and hold it to what a preview promises.

    python -m checks.corpus_previews FOLDER

FOLDER has ``index.tsv`` (columns NNN, expect) and ``specs/NNN.yaml``. For each spec that is to be accepted, for a
branch of its own repository and for one of a fork:

- the preview is valid, and the sandbox takes it;
- it costs no more than its app, where a development database counts as much as the cluster that it replaces;
- it has nothing of what previews leave out: domains, alerts, dedicated addresses, schedules, clusters, secrets;
- derived twice it is the same, and created on the sandbox it is in sync.

Exit 1 if anything fails.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from reconciler.appspec.kinds import DEV_DATABASE_PRICE, DEV_ENGINES, components
from reconciler.appspec.secrets import is_ciphertext, plaintext_secrets, secrets
from reconciler.config import Config
from reconciler.config_preview import Preview
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.preview import Derived, derive
from reconciler.desired.preview_mark import PullRequest, proven
from reconciler.desired.validate import of_new_app, validate
from reconciler.live.client import Client
from reconciler.live.models import LiveApp
from reconciler.plan.canonical import canonical
from reconciler.plan.compare import compare
from reconciler.plan.model import estimated_cost
from reconciler.sandbox import Sandbox, Settings, Speed
from tests.support.virtual_time import VirtualClock

COMMIT = "c0ffee" + "0" * 34
SETTINGS = Preview()


def pulls(app: DesiredApp) -> Iterator[PullRequest]:
    """A pull request of the repository that the app is built from, and one of a fork of it."""
    repos = [one["github"]["repo"] for _, one in components(app.spec) if (one.get("github") or {}).get("repo")]
    own = PullRequest(repos[0] if repos else "acme/shop", 4711, "feature/new-cart", COMMIT)
    own = own if own.lasting else replace(own, repository="acme/shop")  # some specs have placeholders
    yield own
    yield replace(own, fork="stranger/shop", labels=frozenset({"preview"}))


def with_overlay(app: DesiredApp) -> DesiredApp:
    """The app with what an overlay of a larger environment would add."""
    spec: dict[str, Any] = {**app.spec, "alerts": [{"rule": "DEPLOYMENT_FAILED"}], "egress": {"type": "DEDICATED_IP"}}
    spec["envs"] = [*(app.spec.get("envs") or []), {"key": "OVERLAID_TOKEN", "value": "hunter22", "type": "SECRET"}]
    spec["services"] = [
        {**one, "instance_size_slug": "apps-d-1vcpu-2gb", "instance_count": 3, "autoscaling": None}
        for one in app.spec.get("services") or []
    ]
    return replace(app, spec={name: value for name, value in spec.items() if value != []})


def left_in(spec: dict[str, Any]) -> Iterator[str]:
    """What a preview must not have."""
    for name in ("domains", "alerts", "maintenance", "vpc"):
        if name in spec:
            yield f"it has {name}"
    if (spec.get("egress") or {}).get("type") == "DEDICATED_IP":
        yield "it has a dedicated address"
    for kind, one in components(spec):
        for name in ("alerts", "log_destinations", "autoscaling", "instance_count"):
            if name in one:
                yield f"{kind}/{one['name']} has {name}"
        if one.get("kind") == "SCHEDULED":
            yield f"{one['name']} has a schedule"
    for _, one in components(spec, ("databases",)):
        if one.get("production") or one.get("cluster_name"):
            yield f"{one['name']} is a cluster"
    yield from (f"{pointer} is secret" for pointer, _ in plaintext_secrets(spec))
    yield from (f"{pointer} is ciphertext" for pointer, value in secrets(spec) if is_ciphertext(value))
    rules = (spec.get("ingress") or {}).get("rules") or []
    yield from (f"a rule matches a host: {rule}" for rule in rules if "authority" in (rule.get("match") or {}))


def failures(app: DesiredApp, pull: PullRequest) -> Iterator[str]:
    """What does not hold for one app and one pull request."""
    found: Derived = derive(app, pull, SETTINGS, {})
    spec = dict(found.app.spec)
    if derive(app, pull, SETTINGS, {}).app.spec != spec:
        yield "derived twice it is another"
    yield from left_in(spec)
    if proven(spec, {app.name}) != found.mark:
        yield "its mark does not prove it"
    if not any(components(spec)):
        return
    before = {(one.code, one.message) for one in validate(app)}
    wrong = [one for one in (*validate(found.app), *of_new_app(found.app)) if one.is_error]
    yield from (f"invalid: {one.message}" for one in wrong if (one.code, one.message) not in before)
    cost, whole = estimated_cost(canonical(spec)), estimated_cost(canonical(app.spec))
    replaced = [
        one
        for _, one in components(app.spec, ("databases",))
        if (one.get("production") or one.get("cluster_name")) and one.get("engine") in DEV_ENGINES
    ]
    if cost is None or (whole is not None and cost > whole + DEV_DATABASE_PRICE * len(replaced)):
        yield f"it costs {cost}, its app {whole}"


def in_sync(found: list[Derived]) -> Iterator[str]:
    """Create every preview on the sandbox, and compare it with what is there then."""
    clock = VirtualClock()
    box = Sandbox(now=clock.timestamp, settings=Settings(speed=Speed.instant(), seed=1))

    async def each() -> list[str]:
        out = []
        async with Client(
            "corpus", transport=httpx.ASGITransport(box.asgi), base_url="http://sandbox", clock=clock, per_minute=10**6
        ) as client:
            for one in found:
                made = await client.create_app(one.app.spec)
                await clock.sleep(1)
                live: LiveApp = await client.get_app(made.id)
                if not compare(one.app.spec, live, Config().defaults).in_sync:
                    out.append(f"{one.app.file}: created, it is not in sync")
                await client.delete_app(made.id)
        return out

    yield from clock.run(each())
    box.close()
    clock.close()


def main(folder: Path) -> int:
    """Check the whole corpus."""
    with (folder / "index.tsv").open(newline="", encoding="utf-8") as stream:
        numbers = [row["NNN"] for row in csv.DictReader(stream, delimiter="\t") if row["expect"] == "accept"]
    problems: list[str] = []
    made: list[Derived] = []
    for number in numbers:
        for app in load([folder / "specs" / f"{number}.yaml"], config=Config(), environ={}).apps:
            for rendered in (app, with_overlay(app)):
                for pull in pulls(app):
                    problems += [f"{number}: {one}" for one in failures(rendered, pull)]
                    found = derive(rendered, pull, SETTINGS, {})
                    made += [found] if any(components(found.app.spec)) else []
    problems += in_sync(made)
    for problem in problems:
        print(problem)
    print(f"{len(made)} previews derived of {len(numbers)} specs: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
