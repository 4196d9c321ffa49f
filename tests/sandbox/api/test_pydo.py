"""The vendor's Python client goes through every operation of a served sandbox, a failing deployment included."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from pydo import Client
from pydo.operations import AppsOperations

from reconciler import api
from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.server import make_certificate
from tests.sandbox.lab import Tree
from tests.sandbox.serving import Served, serving

IMAGE = {"registry_type": "DOCKER_HUB", "registry": "acme", "repository": "api", "tag": "1"}
SCALING = {"min_instance_count": 1, "max_instance_count": 3, "metrics": {"cpu": {"percent": 70}}}
SPEC: Tree = {
    "name": "shop",
    "region": "ams",
    "alerts": [{"rule": "DEPLOYMENT_FAILED"}],
    "services": [{"name": "api", "image": IMAGE, "instance_size_slug": "apps-d-1vcpu-1gb", "autoscaling": SCALING}],
    "jobs": [{"name": "tidy", "kind": "SCHEDULED", "schedule": {"cron": "0 3 * * *"}, "image": IMAGE}],
}
LONG = 1000.0


class Plain(BearerTokenCredentialPolicy):
    """The client's own policy, over HTTP: https is all it insists on beyond that."""

    def on_request(self, request: Any) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {self._credential.get_token().token}"


class Credential:
    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        return AccessToken("token", 0)


class Recorded:
    """The client's operations on apps, and which of them were called."""

    def __init__(self, apps: AppsOperations) -> None:
        self._apps = apps
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._apps, name)


@pytest.fixture
def apps(served: Served) -> Iterator[Recorded]:
    with Client("token", endpoint=served.url, authentication_policy=Plain(Credential())) as client:
        yield Recorded(client.apps)


def with_tag(tag: str) -> Tree:
    return {**SPEC, "services": [{**SPEC["services"][0], "image": {**IMAGE, "tag": tag}}]}


def create(apps: Recorded, served: Served) -> Tree:
    made = apps.create({"spec": SPEC})["app"]
    served.sleep(LONG)
    app: Tree = apps.get(made["id"])["app"]
    assert app["active_deployment"]["id"] == made["pending_deployment"]["id"]
    return app


def test_every_operation_is_understood_by_the_client(apps: Recorded, served: Served) -> None:
    app = create(apps, served)
    look_around(apps, app)
    proposed = apps.validate_app_spec({"spec": SPEC, "app_id": app["id"]})
    assert (proposed["app_cost"], proposed["app_name_available"]) == (34, True)
    deployments(apps, served, app)
    alerts_and_events(apps, served, app)
    job_invocations(apps, served, app)
    logs_and_consoles(apps, app)
    fails_and_goes_back(apps, served, app)
    assert apps.delete(app["id"]) == {"id": app["id"]}
    assert apps.get(app["id"])["id"] == "not_found"
    assert apps.called == {name for name in dir(AppsOperations) if not name.startswith("_")}
    assert len(apps.called) == 38


def look_around(apps: Recorded, app: Tree) -> None:
    listed = apps.list(per_page=1, with_projects=True)
    assert [(item["id"], item["project_id"]) for item in listed["apps"]] == [(app["id"], app["project_id"])]
    assert listed["meta"]["total"] == 1
    assert len(apps.list_regions()["regions"]) == 10
    assert len(apps.list_instance_sizes()["instance_sizes"]) == 14
    assert apps.get_instance_size("apps-s-1vcpu-1gb")["instance_size"]["usd_per_month"] == "12.00"
    assert [item["component_name"] for item in apps.get_instances(app["id"])["instances"]] == ["api"]
    assert apps.get_health(app["id"])["app_health"]["components"][0]["state"] == "HEALTHY"
    day = datetime(2026, 2, 3, tzinfo=UTC)
    usage = apps.get_metrics_bandwidth_daily(app["id"], date=day)
    assert apps.list_metrics_bandwidth_daily({"app_ids": [app["id"]], "date": day.isoformat()}) == usage


def deployments(apps: Recorded, served: Served, app: Tree) -> None:
    stopped = apps.create_deployment(app["id"], {"force_build": True})["deployment"]
    assert apps.cancel_deployment(app["id"], stopped["id"])["deployment"]["phase"] == "CANCELED"
    restarted = apps.restart(app["id"], {"components": ["api"]})["deployment"]
    served.sleep(LONG)
    assert apps.get_deployment(app["id"], restarted["id"])["deployment"]["phase"] == "ACTIVE"
    listed = apps.list_deployments(app["id"], deployment_types=["MANUAL", "MANUAL_ROLLBACK"])["deployments"]
    assert [item["phase"] for item in listed] == ["ACTIVE", "CANCELED", "SUPERSEDED"]


def alerts_and_events(apps: Recorded, served: Served, app: Tree) -> None:
    (alert,) = apps.list_alerts(app["id"])["alerts"]
    wanted = {"emails": ["a@example.com"], "slack_webhooks": []}
    assert apps.assign_alert_destinations(app["id"], alert["id"], wanted)["alert"]["emails"] == wanted["emails"]
    event_id = served.sandbox.autoscale("shop", "api", 3)["event_id"]
    assert apps.list_events(app["id"], event_types=["AUTOSCALING"])["events"][0]["id"] == event_id
    assert apps.get_event(app["id"], event_id)["event"]["autoscaling"]["phase"] == "PENDING"
    assert apps.cancel_event(app["id"], event_id)["event"]["autoscaling"]["phase"] == "CANCELED"
    assert apps.get_event_logs(app["id"], event_id, type="AUTOSCALE_EVENT")["historic_urls"]


def job_invocations(apps: Recorded, served: Served, app: Tree) -> None:
    made = served.sandbox.run_job("shop", "tidy")["job_invocation_id"]
    listed = apps.list_job_invocations(app["id"], job_names=["tidy"])
    assert listed["job_invocations"][0]["id"] == made
    assert apps.get_job_invocation(app["id"], made, job_name="tidy")["phase"] == "PENDING"
    assert apps.get_job_invocation_logs(app["id"], "tidy", made, type="JOB_INVOCATION")["historic_urls"]
    assert apps.cancel_job_invocation(app["id"], made)["phase"] == "CANCELED"


def logs_and_consoles(apps: Recorded, app: Tree) -> None:
    active = apps.list_deployments(app["id"], per_page=1)["deployments"][0]["id"]
    assert apps.get_logs(app["id"], active, "api", type="DEPLOY", follow=True)["live_url"]
    assert apps.get_logs_aggregate(app["id"], active, type="BUILD")["historic_urls"]
    assert apps.get_logs_active_deployment(app["id"], "api", type="RUN")["historic_urls"]
    assert apps.get_logs_active_deployment_aggregate(app["id"], type="RUN")["historic_urls"]
    assert apps.get_exec(app["id"], active, "api")["url"].startswith("ws://")
    assert apps.get_exec_active_deployment(app["id"], "api")["url"].startswith("ws://")


def fails_and_goes_back(apps: Recorded, served: Served, app: Tree) -> None:
    good = apps.list_deployments(app["id"], per_page=1)["deployments"][0]["id"]
    served.sandbox.fail("shop", "deploy")
    made = apps.update(app["id"], {"spec": with_tag("2")})["app"]["pending_deployment"]["id"]
    served.sleep(LONG)
    failed = apps.get_deployment(app["id"], made)["deployment"]
    assert (failed["phase"], failed["progress"]["error_steps"]) == ("ERROR", 1)
    wanted = {"deployment_id": made, "skip_pin": False}
    assert apps.validate_rollback(app["id"], wanted)["error"]["code"] == "incompatible_result"
    wanted = {"deployment_id": good, "skip_pin": False}
    assert apps.validate_rollback(app["id"], wanted)["valid"] is True
    for end in ("revert", "commit"):
        pinned = apps.create_rollback(app["id"], wanted)["deployment"]
        served.sleep(LONG)
        assert apps.get(app["id"])["app"]["pinned_deployment"]["id"] == pinned["id"]
        with pytest.raises(HttpResponseError) as caught:
            apps.update(app["id"], {"spec": with_tag("3")})
        assert caught.value.status_code == 409
        if end == "revert":
            assert apps.revert_rollback(app["id"])["deployment"]["spec"]["services"][0]["image"]["tag"] == "2"
        else:
            assert not apps.commit_rollback(app["id"])
        served.sleep(LONG)
        assert "pinned_deployment" not in apps.get(app["id"])["app"]
    assert apps.get(app["id"])["app"]["spec"]["services"][0]["image"]["tag"] == "1"


HOOK = "https://hooks.slack.com/services/T00000000/B00000000/h2Nt3rXq9vLkWz81"


def test_c28_destinations_go_round_between_the_client_and_the_reconciler(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(yaml.safe_dump(SPEC))
    own = {"DEPLOYMENT_FAILED": {"emails": ["ops@example.com"], "slack_webhooks": [{"channel": "#ops", "url": "${S}"}]}}
    policy = {"defaults": {"health": {"soak": "0s"}, "alerts": own}, "variables": [{"name": "S", "secret": True}]}
    (tmp_path / "reconcile.yaml").write_text(yaml.safe_dump(policy))
    options = api.Options(specs=(tmp_path / "specs",), config=tmp_path / "reconcile.yaml", environ={"S": HOOK})

    async def with_reconciler(use: Callable[[api.Client, api.Options], Awaitable[Any]]) -> Any:
        async with api.Client("token", base_url=served.url) as client:
            return await use(client, options)

    instant = Settings(speed=Speed.instant(), seed=1)
    with (
        serving(instant) as served,
        Client("t", endpoint=served.url, authentication_policy=Plain(Credential())) as other,
    ):
        app_id = other.apps.create({"spec": SPEC})["app"]["id"]
        (plan,) = asyncio.run(with_reconciler(api.plan)).plans
        assert (plan.action, len(plan.alerts)) == (api.Action.ALERTS, 3)
        (record,) = asyncio.run(with_reconciler(api.apply)).records
        assert (record.outcome.kind, record.alerts) == (api.OutcomeKind.APPLIED, ("DEPLOYMENT_FAILED",))
        (alert,) = other.apps.list_alerts(app_id)["alerts"]
        assert (alert["emails"], alert["phase"]) == (["ops@example.com"], "ACTIVE")
        assert alert["slack_webhooks"] == [{"channel": "#ops", "url": HOOK}]
        other.apps.assign_alert_destinations(app_id, alert["id"], {"emails": ["ops@example.com"], "slack_webhooks": []})
        (plan,) = asyncio.run(with_reconciler(api.drift)).plans
        assert [(one.kind.value, one.path[-1]) for one in plan.alerts] == [("added", "#ops")]
        assert plan.attribution is not None
        assert plan.attribution.kind == "unknown"
        assert other.apps.list_deployments(app_id)["meta"]["total"] == 1


def test_the_client_tries_again_after_a_server_error(apps: Recorded, served: Served) -> None:
    from reconciler.sandbox import Fault

    served.sandbox.fault(Fault("server_error", operation="apps_list", status=503))
    assert apps.list(retry_backoff_factor=0)["meta"]["total"] == 0


def test_over_tls_the_client_works_as_it_is(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "127.0.0.1")
    with serving(ssl_certfile=certificate, ssl_keyfile=key) as served:
        assert served.url.startswith("https://127.0.0.1:")
        with Client("token", endpoint=served.url, connection_verify=str(certificate)) as client:
            made = client.apps.create({"spec": SPEC})["app"]
            served.sleep(LONG)
            assert client.apps.get(made["id"])["app"]["live_url"] == f"{served.url}/_live/{made['id']}"
        with Client("token", endpoint=served.url, retry_total=0) as stranger, pytest.raises(ServiceRequestError):
            stranger.apps.list()
    assert key.stat().st_mode & 0o077 == 0
