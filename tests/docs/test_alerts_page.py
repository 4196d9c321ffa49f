"""docs/alerts.md: its example is a configuration that does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from reconciler.plan.model import Action
from reconciler.views import text
from tests.support.account import World, web

PAGE = (Path(__file__).parents[2] / "docs/alerts.md").read_text(encoding="utf-8")
HOOK = "https://hooks.slack.com/services/T00000000/B00000000/h2Nt3rXq9vLkWz81"
CPU = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 90, "window": "TEN_MINUTES"}


def example() -> str:
    (found,) = re.findall(r"(?s)```yaml\n(.*?)```", PAGE)
    return str(found)


def test_the_example_is_merged_as_it_says_and_in_sync_once_it_is_applied(world: World) -> None:
    world.config.write_text(example())
    world.environ["SLACK_DEPLOYS"] = HOOK
    world.write({**web(alerts=[CPU]), "alerts": [{"rule": "DEPLOYMENT_FAILED"}]})
    (record,) = world.apply().records
    assert record.alerts == ("DEPLOYMENT_FAILED", "api/CPU_UTILIZATION")
    app_id = world.live().id
    alerts = world.ask(lambda client: client.list_alerts(app_id))
    assert [(list(one.emails), [hook.channel for hook in one.slack_webhooks]) for one in alerts] == [
        (["ops@example.com"], ["#deploys"]),
        (["oncall@example.com"], []),
    ]
    assert world.one().alerts == ()


def test_the_plan_it_shows_is_what_is_printed(world: World) -> None:
    world.config.write_text(example())
    world.environ["SLACK_DEPLOYS"] = HOOK
    world.write({**web(alerts=[CPU]), "alerts": [{"rule": "DEPLOYMENT_FAILED"}]})
    world.apply()
    world.at(1)
    app_id = world.live().id
    alert = world.ask(lambda client: client.list_alerts(app_id))[0]
    body: dict[str, Any] = {"emails": ["ops@example.com", "old@example.com"], "slack_webhooks": []}
    world.ask(lambda client: client.assign_alert_destinations(app_id, alert.id, body))
    report = world.plan()
    assert report.plans[0].action is Action.ALERTS
    (shown,) = re.findall(r"(?s)```console\n\$ reconcile plan\n(.*?)```", PAGE)
    assert text.plan(report).startswith(shown)


def test_the_name_with_a_threshold_is_the_one_that_plans_show(world: World) -> None:
    world.config.write_text("defaults: {alerts: {api/CPU_UTILIZATION: {emails: [a@example.com]}}}\n")
    world.write(web(alerts=[CPU, CPU | {"value": 70}]))
    named = {change.path[1] for change in world.one().alerts}
    assert "api/CPU_UTILIZATION/GREATER_THAN/90/TEN_MINUTES" in named
    assert f"`{min(named, key=lambda one: '/90/' not in one)}`" in PAGE
