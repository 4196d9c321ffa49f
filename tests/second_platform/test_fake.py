"""The fake itself: what its answers look like by the records, and the served form."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.second_platform.adapter import Asked, run
from tests.second_platform.mischief import Trouble
from tests.second_platform.model import BUILD_FAILS, DEPLOY_FAILS, EXITED, INTERNAL, Fate, OwnRollback, Switches
from tests.second_platform.routes import Service
from tests.second_platform.scenario import shop
from tests.second_platform.state import Platform, Setup
from tests.second_platform.transports import served

KEY = {"authorization": "Bearer someone"}
PLAIN = json.loads(json.dumps(shop("1.26")).replace("${API_KEY}", "plain"))


class World:
    """The service on a clock that the test moves."""

    def __init__(self, setup: Setup | None = None, *troubles: Trouble) -> None:
        self.now = 1_772_366_400.0
        self.service = Service(Platform(lambda: self.now, setup), troubles)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        status, _, answer = self.service.handle(method, path, query, KEY, sent)
        assert isinstance(answer, bytes)
        return status, json.loads(answer) if answer else None

    def created(self) -> str:
        status, answer = self.ask("POST", "/v2/apps", {"spec": PLAIN})
        assert status == 200
        self.now += 60
        return str(answer["app"]["id"])

    def app(self, app_id: str) -> Any:
        return self.ask("GET", f"/v2/apps/{app_id}")[1]["app"]

    def deployments(self, app_id: str) -> Any:
        return self.ask("GET", f"/v2/apps/{app_id}/deployments")[1]["deployments"]


def test_an_active_app_has_the_recorded_fields():
    world = World()
    app = world.app(world.created())
    assert {
        "id", "owner_uuid", "spec", "last_deployment_active_at", "default_ingress", "created_at", "updated_at",
        "active_deployment", "last_deployment_created_at", "live_url", "region", "tier_slug", "live_url_base",
        "live_domain", "build_config",
    } == app.keys()  # fmt: skip
    active = app["active_deployment"]
    assert active["phase"] == "ACTIVE"
    assert {
        "id",
        "spec",
        "services",
        "phase_last_updated_at",
        "created_at",
        "cause",
        "progress",
        "timing",
    } <= active.keys()
    assert active["progress"].keys() == {"success_steps", "total_steps", "steps", "summary_steps"}
    build = active["progress"]["steps"][0]["steps"][1]["steps"][0]
    assert build["reason"]["code"] == "PreBuiltImage"


def test_what_is_left_out_is_filled_in_as_recorded_and_nothing_else():
    world = World()
    spec = world.app(world.created())["spec"]
    (service,) = spec["services"]
    assert service["http_port"] == 8080
    assert service.keys() == {*PLAIN["services"][0], "http_port"}
    assert [env["key"] for env in service["envs"]] == ["ZONE", "API_KEY"]
    assert service["envs"][1]["value"].startswith("EV[1:")


@pytest.mark.parametrize("type_of", ["", "AUTO_ROLLBACK"])
def test_the_platform_goes_back_by_itself_after_a_failure_of_the_deploy_phase(type_of: str):
    fates = (Fate("update", DEPLOY_FAILS, (EXITED,)),)
    world = World(Setup(fates=fates, own=OwnRollback(type=type_of)))
    app_id = world.created()
    world.ask("PUT", f"/v2/apps/{app_id}", {"spec": PLAIN})
    world.now += 120
    theirs, failed, first = world.deployments(app_id)
    assert (theirs["phase"], failed["phase"]) == ("ACTIVE", "ERROR")
    assert theirs["cause"] == f'automated rollback after failed deployment of "{failed["id"]}"'
    assert (theirs["previous_deployment_id"], theirs["cloned_from"]) == (failed["id"], first["id"])
    assert theirs.get("cause_details", {}).get("type", "") == type_of


def test_it_does_not_after_a_failed_build():
    world = World(Setup(fates=(Fate("update", BUILD_FAILS, (INTERNAL,)),)))
    app_id = world.created()
    world.ask("PUT", f"/v2/apps/{app_id}", {"spec": PLAIN})
    world.now += 600
    assert [one["phase"] for one in world.deployments(app_id)] == ["ERROR", "ACTIVE"]


def test_a_rollback_pins_until_it_is_committed_or_reverted():
    world = World()
    app_id = world.created()
    first = world.app(app_id)["active_deployment"]["id"]
    changed = json.loads(json.dumps(PLAIN).replace("1.26", "1.27"))
    world.ask("PUT", f"/v2/apps/{app_id}", {"spec": changed})
    world.now += 60
    path = f"/v2/apps/{app_id}/rollback"
    for settle, tag in (("commit", "1.26"), ("revert", "1.27")):
        assert world.ask("POST", f"{path}/validate", {"deployment_id": first})[1] == {"valid": True}
        made = world.ask("POST", path, {"deployment_id": first})[1]["deployment"]
        world.now += 60
        assert world.app(app_id)["pinned_deployment"]["id"] == made["id"]
        assert world.ask("POST", f"{path}/validate", {"deployment_id": first})[1]["error"]["code"] == "app_pinned"
        assert world.ask("PUT", f"/v2/apps/{app_id}", {"spec": changed})[0] == 400
        assert world.ask("POST", f"{path}/{settle}")[0] == 200
        world.now += 60
        assert "pinned_deployment" not in world.app(app_id)
        assert world.app(app_id)["spec"]["services"][0]["image"]["tag"] == tag
        world.ask("PUT", f"/v2/apps/{app_id}", {"spec": changed})
        world.now += 60


def test_refusals_have_the_recorded_forms():
    world = World()
    hidden = json.loads(json.dumps(PLAIN).replace("plain", "EV[1:a:b]"))
    status, answer = world.ask("POST", "/v2/apps", {"spec": hidden})
    assert status == 400
    field = 'errors validating app spec; first error in field "services.0.envs.1.value"'
    assert answer["message"] == f"{field}: secret env value must not be encrypted before app is created"
    assert world.ask("POST", "/v2/apps/propose", {"spec": hidden})[0] == 400
    assert world.ask("GET", "/v2/apps/shop")[1]["message"] == "invalid uuid"
    assert world.ask("GET", "/v2/apps/4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf")[0] == 404
    app_id = world.created()
    assert world.ask("POST", "/v2/apps", {"spec": PLAIN})[0] == 409
    kept = world.app(app_id)["spec"]
    assert world.ask("PUT", f"/v2/apps/{app_id}", {"spec": kept})[0] == 200


@pytest.mark.parametrize(("order", "tags"), [("newest", "321"), ("oldest", "123"), ("shuffled", "231")])
def test_the_order_of_lists_is_a_switch(order: str, tags: str):
    world = World(Setup(Switches(order=order)))
    app_id = world.created()
    for tag in ("1.2", "1.3"):
        world.ask("PUT", f"/v2/apps/{app_id}", {"spec": json.loads(json.dumps(PLAIN).replace("1.26", tag))})
        world.now += 60
    listed = [one["spec"]["services"][0]["image"]["tag"] for one in world.deployments(app_id)]
    assert listed == [{"1": "1.26", "2": "1.2", "3": "1.3"}[digit] for digit in tags]


def test_a_single_page_has_no_links_and_others_have():
    world = World()
    app_id = world.created()
    world.ask("POST", f"/v2/apps/{app_id}/deployments", {})
    assert world.ask("GET", "/v2/apps")[1]["links"] == {"pages": {}}
    path = f"/v2/apps/{app_id}/deployments"
    first, last = (world.ask("GET", path, page=page, per_page="1")[1] for page in ("1", "2"))
    assert (first["links"]["pages"].keys(), last["links"]["pages"].keys()) == ({"next", "last"}, {"first", "prev"})
    assert first["meta"] == {"total": 2}


def test_the_served_form_answers_as_the_one_in_process_does():
    service = Service(Platform(time.time), (Trouble("regions", how="drop"),))
    with served(service) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        connection.request("POST", "/v2/apps", json.dumps({"spec": PLAIN}), KEY)
        answer = connection.getresponse()
        app = json.loads(answer.read())["app"]
        assert (answer.status, app["pending_deployment"]["phase"]) == (200, "PENDING_BUILD")
        connection.request("GET", "/v2/apps", headers={})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["id"]) == (401, "unauthorized")
        connection.request("GET", "/v2/apps/regions", headers=KEY)
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        connection.close()


def test_a_plan_over_the_network_says_what_is_new(tmp_path: Path):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "shop.yaml").write_text(json.dumps(shop()))
    (tmp_path / "reconcile.yaml").write_text(json.dumps({"variables": ["API_KEY"]}))
    service = Service(Platform(time.time))
    with served(service) as url:
        asked = Asked(tmp_path, url, "someone", "plan", environ={"API_KEY": "plain"})
        ending = asyncio.run(run(asked, None, None, lambda *_: None))
    assert (ending.kind, ending.code) == ("plan", 0)
    assert "absent" in ending.said
    assert [request.operation for request in service.requests] == ["apps", "propose"]
