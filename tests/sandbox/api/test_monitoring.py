"""The operations around apps: sizes, regions, alerts, instances, events, jobs, bandwidth, logs, consoles."""

from __future__ import annotations

import json

import pytest

from reconciler.sandbox import Settings, Speed
from tests.sandbox.lab import Lab, Tree, built, web


def test_sizes_and_regions_are_those_of_the_description(lab: Lab) -> None:
    sizes = lab.get("/v2/apps/tiers/instance_sizes")["instance_sizes"]
    assert len(sizes) == 14
    assert lab.get("/v2/apps/tiers/instance_sizes/apps-d-8vcpu-32gb")["instance_size"] == {
        "name": "Dedicated 8VCPU 32GB",
        "slug": "apps-d-8vcpu-32gb",
        "cpu_type": "DEDICATED",
        "cpus": "8",
        "memory_bytes": "34359738368",
        "usd_per_month": "392.00",
        "usd_per_second": "0.000162037037",
        "tier_slug": "professional",
        "bandwidth_allowance_gib": "900",
        "scalable": True,
    }
    assert lab.get("/v2/apps/tiers/instance_sizes/basic-xxs")["instance_size"]["deprecation_intent"] is True
    lab.refused("GET", "/v2/apps/tiers/instance_sizes/huge", 404)
    regions = lab.get("/v2/apps/regions")["regions"]
    assert {region["slug"] for region in regions} == {
        *("atl", "nyc", "sfo", "tor", "ams", "fra", "lon", "blr", "sgp", "syd")
    }


def test_instances_are_as_many_as_the_spec_says(lab: Lab) -> None:
    spec = web(workers=[{"name": "bg", "image": {"repository": "x"}}])
    spec["services"][0] |= {"instance_size_slug": "apps-s-1vcpu-1gb", "instance_count": 2}
    app = lab.create(spec)
    found = lab.get(f"/v2/apps/{app['id']}/instances")["instances"]
    assert [(item["component_name"], item["component_type"], item["instance_alias"]) for item in found] == [
        ("api", "SERVICE", "api-0"),
        ("api", "SERVICE", "api-1"),
        ("bg", "WORKER", "bg-0"),
    ]
    assert len({item["instance_name"] for item in found}) == 3


def test_c28_alerts_of_the_app_and_its_components_have_destinations(lab: Lab) -> None:
    spec = web(alerts=[{"rule": "DEPLOYMENT_FAILED"}])
    rule = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "FIVE_MINUTES"}
    spec["services"][0]["alerts"] = [rule]
    spec["workers"] = [{"name": "bg", "image": {"repository": "x"}, "alerts": [rule]}]
    path = f"/v2/apps/{lab.create(spec)['id']}/alerts"
    found = lab.get(path)["alerts"]
    assert [item.get("component_name") for item in found] == [None, "api", "bg"]
    assert len({item["id"] for item in found}) == 3
    wanted = {"emails": ["a@example.com"], "slack_webhooks": [{"url": "https://hooks.example.com", "channel": "ops"}]}
    changed = lab.post(f"{path}/{found[1]['id']}/destinations", wanted)["alert"]
    assert {name: changed[name] for name in wanted} == wanted
    assert (changed["phase"], changed["progress"]["steps"][0]["status"]) == ("PENDING", "PENDING")
    after = lab.get(path)["alerts"]
    assert (after[1], after[0], after[2]) == (changed, found[0], found[2])
    phases = {"CONFIGURING": "RUNNING", "ACTIVE": "SUCCESS"}
    for phase, status in phases.items():
        lab.wait(5)
        alert = lab.get(path)["alerts"][1]
        assert (alert["phase"], alert["progress"]["steps"][0]["status"]) == (phase, status)
    lab.refused("POST", f"{path}/00000000-0000-4000-8000-000000000000/destinations", 404, wanted)
    lab.refused("POST", f"{path}/{found[1]['id']}/destinations", 400, {"emails": "a"})


OPS = {"emails": ["ops@example.com"], "slack_webhooks": [{"url": "https://hooks.example.com", "channel": "ops"}]}


def test_destinations_survive_an_update_that_keeps_the_rule_and_go_with_it(lab: Lab) -> None:
    spec = web(alerts=[{"rule": "DEPLOYMENT_FAILED"}, {"rule": "DOMAIN_FAILED"}])
    app = lab.create(spec)
    path = f"/v2/apps/{app['id']}/alerts"
    before = lab.get(path)["alerts"]
    for alert in before:
        lab.post(f"{path}/{alert['id']}/destinations", OPS)
    lab.update(app, web(alerts=[{"rule": "DEPLOYMENT_FAILED"}]))
    (kept,) = lab.get(path)["alerts"]
    assert (kept["id"], kept["emails"]) == (before[0]["id"], OPS["emails"])
    lab.update(app, spec)
    assert [alert["emails"] == OPS["emails"] for alert in lab.get(path)["alerts"]] == [True, False]


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"webhook_urls": "masked"}, {"channel": "ops", "url": "https://hooks.slack.com/services/***"}),
        ({"webhook_urls": "left_out"}, {"channel": "ops"}),
    ],
)
def test_a_sandbox_may_hide_the_urls_of_webhooks(settings: Tree, shown: Tree) -> None:
    lab = Lab(Settings(speed=Speed.instant(), seed=1, **settings))
    path = f"/v2/apps/{lab.create(web(alerts=[{'rule': 'DEPLOYMENT_FAILED'}]))['id']}/alerts"
    (alert,) = lab.get(path)["alerts"]
    assert lab.post(f"{path}/{alert['id']}/destinations", OPS)["alert"]["slack_webhooks"] == [shown]
    lab.close()


def test_a_sandbox_may_fail_to_configure_an_alert_and_forget_its_destinations() -> None:
    lab = Lab(Settings(speed=Speed.instant(), seed=1, alert_ends="ERROR", updates_keep_destinations=False))
    spec = web(alerts=[{"rule": "DEPLOYMENT_FAILED"}])
    app = lab.create(spec)
    path = f"/v2/apps/{app['id']}/alerts"
    (before,) = lab.get(path)["alerts"]
    failed = lab.post(f"{path}/{before['id']}/destinations", OPS)["alert"]
    assert (failed["phase"], failed["progress"]["steps"][0]["status"]) == ("ERROR", "ERROR")
    lab.update(app, spec)
    (after,) = lab.get(path)["alerts"]
    assert (after["phase"], after["emails"]) == ("ACTIVE", before["emails"])
    lab.close()


SCALING = {"min_instance_count": 1, "max_instance_count": 4, "metrics": {"cpu": {"percent": 70}}}


def scaled(lab: Lab) -> Tree:
    spec = web()
    spec["services"][0] |= {"instance_size_slug": "apps-d-1vcpu-0.5gb", "autoscaling": SCALING}
    return lab.create(spec)


def test_events_tell_of_deployments_and_of_autoscaling(lab: Lab) -> None:
    app = scaled(lab)
    path = f"/v2/apps/{app['id']}"
    event_id = lab.sandbox.autoscale("web", "api", 3)["event_id"]
    (scaling, deployment) = lab.get(path + "/events")["events"]
    assert deployment["deployment"]["id"] == deployment["deployment_id"] == app["active_deployment"]["id"]
    assert scaling["id"] == event_id
    assert scaling["autoscaling"] == {
        "phase": "PENDING",
        "components": {"api": {"from": 1, "to": 3, "triggering_metric": "cpu"}},
    }
    assert [item["type"] for item in lab.get(path + "/events?event_types=DEPLOYMENT")["events"]] == ["DEPLOYMENT"]
    lab.wait(10)
    assert lab.get(f"{path}/events/{event_id}")["event"]["autoscaling"]["phase"] == "IN_PROGRESS"
    assert len(lab.get(path + "/instances")["instances"]) == 3
    lab.wait()
    assert lab.get(f"{path}/events/{event_id}")["event"]["autoscaling"]["phase"] == "SUCCEEDED"
    lab.refused("POST", f"{path}/events/{event_id}/cancel", 409)
    assert lab.get(f"{path}/events/{event_id}/logs?type=AUTOSCALE_EVENT")["historic_urls"]
    assert "instance_count" not in lab.app(app["id"])["spec"]["services"][0]


def test_an_autoscaling_event_can_be_canceled(lab: Lab) -> None:
    app = scaled(lab)
    event_id = lab.sandbox.autoscale("web", "api", 3)["event_id"]
    event = lab.post(f"/v2/apps/{app['id']}/events/{event_id}/cancel")["event"]
    assert event["autoscaling"]["phase"] == "CANCELED"
    assert len(lab.get(f"/v2/apps/{app['id']}/instances")["instances"]) == 1


def test_c26_an_autoscaling_event_may_write_its_count_into_the_spec() -> None:
    lab = Lab(Settings(speed=Speed.instant(), autoscaling_writes_count=True))
    app = scaled(lab)
    lab.sandbox.autoscale("web", "api", 3)
    assert lab.app(app["id"])["spec"]["services"][0]["instance_count"] == 3
    lab.close()


def test_jobs_run_on_demand_and_can_be_canceled(lab: Lab) -> None:
    schedule = {"cron": "0 3 * * *", "time_zone": "UTC"}
    job = {"name": "tidy", "kind": "SCHEDULED", "schedule": schedule, "image": {"repository": "x"}}
    app = lab.create(web(jobs=[job, {**job, "name": "other"}]))
    path = f"/v2/apps/{app['id']}/job-invocations"
    first = lab.sandbox.run_job("web", "tidy")["job_invocation_id"]
    lab.sandbox.run_job("web", "other", "FAILED")
    assert [item["job_name"] for item in lab.get(path)["job_invocations"]] == ["other", "tidy"]
    (found,) = lab.get(path + "?job_names=tidy")["job_invocations"]
    assert (found["id"], found["phase"]) == (first, "PENDING")
    assert found["trigger"] == {"type": "SCHEDULE", "scheduled": {"schedule": schedule}}
    lab.wait(10)
    answer = lab.get(f"{path}/{first}?job_name=tidy")
    wrapped = answer.pop("job_invocation")  # where the Go client looks; the Python client reads the rest
    assert (answer["phase"], answer["trigger"]["type"]) == ("RUNNING", "SCHEDULE")
    assert wrapped == answer | {"trigger": answer["trigger"] | {"type": "SCHEDULED"}}
    lab.refused("GET", f"{path}/{first}?job_name=other", 404)
    canceled = lab.post(f"{path}/{first}/cancel")
    assert (canceled["phase"], "completed_at" in canceled) == ("CANCELED", True)
    assert canceled["job_invocation"]["phase"] == "CANCELED"
    lab.refused("POST", f"{path}/{first}/cancel", 409)
    lab.wait()
    assert {item["phase"] for item in lab.get(path)["job_invocations"]} == {"CANCELED", "FAILED"}
    logs = f"/v2/apps/{app['id']}/jobs/tidy/invocations/{first}/logs"
    (url,) = lab.get(logs + "?type=JOB_INVOCATION")["historic_urls"]
    assert "tidy" in lab.call("GET", url, token=None).text
    lab.refused("GET", logs, 400)


def test_bandwidth_is_listed_by_day_and_app(lab: Lab) -> None:
    app = lab.create()
    one = lab.get(f"/v2/apps/{app['id']}/metrics/bandwidth_daily?date=2026-02-03T10:00:00Z")
    assert one["date"] == "2026-02-03T00:00:00Z"
    several = {"app_ids": [app["id"], "nothing"], "date": "2026-02-03T00:00:00Z"}
    assert lab.post("/v2/apps/metrics/bandwidth_daily", several) == one
    lab.refused("POST", "/v2/apps/metrics/bandwidth_daily", 400, {})
    lab.refused("GET", f"/v2/apps/{app['id']}/metrics/bandwidth_daily?date=never", 400)


def read(lab: Lab, path: str) -> str:
    (url,) = lab.get(path)["historic_urls"]
    answer = lab.call("GET", url, token=None)
    assert answer.status_code == 200
    return answer.text


def test_logs_exist_once_their_phase_was_reached(lab: Lab) -> None:
    app = lab.create(built(), settled=False)
    path = f"/v2/apps/{app['id']}/deployments/{app['pending_deployment']['id']}/components/api/logs?type="
    lab.refused("GET", path + "BUILD", 400)
    lab.wait(80)
    assert "building commit" in read(lab, path + "BUILD")
    lab.refused("GET", path + "DEPLOY", 400)
    lab.wait()
    assert "started" in read(lab, path + "DEPLOY")
    assert "ready" in read(lab, f"/v2/apps/{app['id']}/logs?type=RUN")
    for query in ("", "?type=", "?type=NONSENSE", "?type=AUTOSCALE_EVENT"):
        lab.refused("GET", f"/v2/apps/{app['id']}/logs{query}", 400)
    lab.refused("GET", f"/v2/apps/{app['id']}/components/nobody/logs?type=RUN", 404)


@pytest.mark.parametrize(("where", "kind"), [("build", "BUILD"), ("deploy", "DEPLOY")])
def test_the_log_of_a_failed_phase_ends_with_the_reason(lab: Lab, where: str, kind: str) -> None:
    lab.sandbox.fail("web", where)
    app = lab.create(built(), settled=False)
    lab.wait()
    text = read(lab, f"/v2/apps/{app['id']}/deployments/{app['pending_deployment']['id']}/logs?type={kind}")
    assert text.splitlines()[-1].endswith(("non-zero exit code.", "health checks."))


def test_logs_and_consoles_need_the_ticket_of_their_address(lab: Lab) -> None:
    app = lab.create()
    found = lab.get(f"/v2/apps/{app['id']}/logs?type=RUN&follow=true")
    assert lab.call("GET", found["live_url"], token=None).status_code == 200
    (url,) = found["historic_urls"]
    assert lab.call("GET", url.partition("?")[0], token=None).status_code == 404
    console = lab.get(f"/v2/apps/{app['id']}/components/api/exec")["url"]
    assert console.startswith(f"ws://sandbox/_exec/{app['id']}/api?token=")
    deployment = app["active_deployment"]["id"]
    assert lab.get(f"/v2/apps/{app['id']}/deployments/{deployment}/components/api/exec")["url"] == console


def socket(lab: Lab, url: str, *typed: str) -> list[str]:
    """What a web socket says, until it is closed or nothing more is typed."""
    path, _, query = url.partition("://sandbox")[2].partition("?")
    incoming = [{"type": "websocket.connect"}]
    incoming += [{"type": "websocket.receive", "text": text} for text in typed]
    incoming += [{"type": "websocket.disconnect", "code": 1000}]
    said: list[str] = []

    async def receive() -> Tree:
        return incoming.pop(0)

    async def send(message: Tree) -> None:
        if message["type"] == "websocket.send":
            said.append(json.loads(message["text"])["data"])

    scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": [], "subprotocols": []}
    lab.clock.run(lab.sandbox.asgi(scope, receive, send))
    return said


def test_followed_logs_and_consoles_are_web_sockets(lab: Lab) -> None:
    app = lab.create()
    live = lab.get(f"/v2/apps/{app['id']}/logs?type=RUN&follow=true")["live_url"]
    (line,) = socket(lab, live)
    assert line.endswith("ready\n")
    assert socket(lab, live.partition("?")[0]) == []
    console = lab.get(f"/v2/apps/{app['id']}/components/api/exec")["url"]
    assert socket(lab, console, "ls\n", "exit", "never read") == ["api$ ", "ls\r\napi$ ", "exit"]
    keys = ['{"op":"resize","width":80,"height":24}', *(json.dumps({"op": "stdin", "data": key}) for key in "a\rexit")]
    assert socket(lab, console, *keys) == ["api$ ", "", "a", "\r\napi$ ", "e", "x", "i", "t"]
    assert socket(lab, console.partition("?")[0], "ls") == []
