"""Who is notified of alerts: declared in `reconcile.yaml`, planned, set after the rollout, read back, and drift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.plan.model import Action, SyncStatus
from reconciler.sandbox import Settings, Speed
from reconciler.views import json_documents, markdown, text
from tests.support.account import CONFIG, Spec, World, web

HOOK = "https://hooks.slack.com/services/T00000000/B00000000/h2Nt3rXq9vLkWz81"
OTHER_HOOK = "https://hooks.slack.com/services/T00000000/B00000000/Qw4Zt7Rb2mXc55Hp"
CPU = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "FIVE_MINUTES"}
FAILED = {"rule": "DEPLOYMENT_FAILED"}
DEPLOYS = {"channel": "#deploys", "url": "${SLACK_DEPLOYS}"}
OPS = {"emails": ["ops@example.com"]}


def app(name: str = "web", **service: Any) -> Spec:
    """An app with an alert of its own and two components that have the same rule."""
    spec = web(name, alerts=[CPU], **service)
    worker = {**spec["services"][0], "name": "bg"}
    return {**spec, "alerts": [FAILED], "workers": [worker]}


def declare(world: World, alerts: Spec, **more: Any) -> None:
    world.configure({**CONFIG, "variables": ["SLACK_DEPLOYS"], "apps": {"web": {"alerts": alerts}}, **more})
    world.environ["SLACK_DEPLOYS"] = HOOK


def destinations(world: World, name: str = "web") -> dict[str, tuple[list[str], list[tuple[str, str]]]]:
    """Addresses and webhooks of each alert of an app."""
    app_id = world.live(name).id
    alerts = world.ask(lambda client: client.list_alerts(app_id))
    return {
        "/".join(filter(None, (one.component_name, one.spec["rule"]))): (
            list(one.emails),
            [(hook.channel, hook.url) for hook in one.slack_webhooks],
        )
        for one in alerts
    }


def test_first(world: World) -> None:
    world.write(app())
    declare(world, {"DEPLOYMENT_FAILED": {**OPS, "slack_webhooks": [DEPLOYS]}, "api/CPU_UTILIZATION": OPS})
    report = world.plan()
    print(text.plan(report))
    print(markdown.plan(report))
    print(text.rollout(world.apply()))
    print(destinations(world))
    print(text.plan(world.plan()))
    declare(world, {"DEPLOYMENT_FAILED": {**OPS, "slack_webhooks": []}, "api/CPU_UTILIZATION": {"emails": ["a@b.co", "ops@example.com"]}})
    report = world.plan(drift=True)
    print(text.plan(report))
    print(markdown.plan(report))
    done = world.apply()
    print(text.rollout(done, verbose=True))
    print(destinations(world))
    print(world.tap.sent)
    assert 0
