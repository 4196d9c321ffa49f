"""C01 to C30 of the catalogue: what went wrong elsewhere, provoked on the sandbox by its switches. None of it happens.

Each case is a complaint about managing App Platform declaratively; docs/catalogue.md lists them with the tests that
hold them, of which these here are the ones on the whole path.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import Phase, given, settings

from reconciler.engine import apply as applying
from reconciler.engine import load as loading
from reconciler.engine.importing import Importer
from reconciler.engine.load import RunOptions
from reconciler.errors import InvalidInput
from reconciler.plan.model import Action, ChangeKind, SyncStatus
from reconciler.sandbox import Settings
from reconciler.views import text
from tests.support.account import CONFIG, INSTANT, OURS, World, notes, paths, service, web
from tests.support.specs import specs

Spec = dict[str, Any]
PLATFORMS: dict[str, dict[str, Any]] = {
    "likely": {},
    "writes-everything": {
        "fills_defaults": "documented",
        "returns_general_type": True,
        "routes_order": "longest",
        "reorders_envs": True,
        "omits_zero_values": False,
        "encrypts_log_tokens": True,
    },
    "writes-nothing": {
        "fills_defaults": "none",
        "reorders_envs": False,
        "rewrites_routes": False,
        "propose_fills_defaults": False,
        "omits_zero_values": True,
    },
}


@pytest.fixture(params=PLATFORMS)
def world(request, tmp_path: Path) -> Iterator[World]:
    """An account on each kind of platform, and a repository."""
    found = World(tmp_path, replace(INSTANT, **PLATFORMS[request.param]))
    yield found
    found.close()


@contextmanager
def account(folder: Path, **switches: Any) -> Iterator[World]:
    found = World(folder, replace(INSTANT, **switches))
    try:
        yield found
    finally:
        found.close()


def apply(world: World, *specs: Spec) -> None:
    """Write and apply; everything is in sync afterwards, and stays so without a write."""
    world.write(*specs)
    world.apply()
    in_sync(world)


def in_sync(world: World) -> None:
    for plan in world.plan().plans:
        assert (plan.status, paths(plan)) == (SyncStatus.IN_SYNC, [])
    writes = len(world.tap.writes)
    assert {record.outcome.kind.value for record in world.apply().records} == {"unchanged"}
    assert len(world.tap.writes) == writes


def sent(world: World) -> Spec:
    """The spec of the last write."""
    found: Spec = world.tap.writes[-1][2]["spec"]
    return found


def edited(spec: Spec, change: Callable[[Spec], Any]) -> Spec:
    out = copy.deepcopy(spec)
    change(out)
    return out


def findings(world: World, **wanted: Any) -> list[Any]:
    return list(loading.check(world.options(**wanted)).findings)


def secret(value: str, **more: Any) -> Spec:
    return web(envs=[{"key": "KEY", "value": value, "type": "SECRET"}, {"key": "LEVEL", "value": "info"}], **more)


def test_c01_a_secret_in_plaintext_is_no_change_and_never_redeployed(world: World):
    apply(world, secret("hunter2"))
    ciphertext = service(world.live().spec)["envs"][0]["value"]
    assert ciphertext.startswith("EV[")
    world.write(secret("hunter2", instance_count=2))
    plan = world.one()
    assert paths(plan) == ["services/api/instance_count"]
    assert notes(plan) == {"services/api/envs/KEY/value": "kept"}
    assert world.outcome() == "applied"
    assert service(sent(world))["envs"][0]["value"] == ciphertext
    in_sync(world)


def ciphertexts(spec: Spec) -> set[str]:
    return set(re.findall(r"EV\[1:[^]]*\]", str(spec)))


def test_c02_credentials_of_registries_logs_and_headers_are_no_change_either(world: World):
    spec = web(
        log_destinations=[
            {"name": "tail", "logtail": {"token": "log-token"}},
            {"name": "dog", "datadog": {"api_key": "api-key"}},
            {
                "name": "search",
                "open_search": {
                    "endpoint": "https://s.example.com",
                    "basic_auth": {"user": "u", "password": "pass-word"},
                },
            },
            {"name": "http", "endpoint": "https://h.example.com", "headers": [{"key": "auth", "value": "header"}]},
        ]
    )
    service(spec)["image"]["registry_credentials"] = "user:token"
    apply(world, spec)
    live = service(world.live().spec)
    world.write(edited(spec, lambda one: service(one).update(instance_count=2)))
    assert world.outcome() == "applied"
    assert ciphertexts(service(sent(world))) == ciphertexts(live)
    encrypts = world.box.settings.encrypts_log_tokens
    assert len(ciphertexts(live)) == (5 if encrypts else 1)
    assert (live["log_destinations"] == service(spec)["log_destinations"]) is not encrypts


def test_c03_defaults_that_are_left_out_on_either_side_are_no_change(world: World):
    bare = web(envs=[{"key": "LEVEL", "value": "info"}])
    del service(bare)["instance_size_slug"]
    full = web(
        instance_count=1,
        http_port=8080,
        instance_size_slug="apps-s-1vcpu-0.5gb",
        source_dir="/",
        protocol="HTTP",
        health_check={"failure_threshold": 9, "period_seconds": 10},
        envs=[{"key": "LEVEL", "value": "info", "type": "GENERAL", "scope": "RUN_AND_BUILD_TIME"}],
    )
    apply(world, bare)
    apply(world, full)
    apply(world, bare)
    assert len(world.tap.writes) == 1, "only the create"


def test_c04_lists_of_named_things_may_come_back_in_any_order(world: World):
    spec = web(envs=[{"key": key, "value": key} for key in ("ZED", "ALPHA", "MID")])
    spec["workers"] = [{**service(web()), "name": name} for name in ("zulu", "alfa")]
    spec["domains"] = [{"domain": "www.example.com"}, {"domain": "example.com", "type": "ALIAS"}]
    spec["alerts"] = [{"rule": "DOMAIN_FAILED"}, {"rule": "DEPLOYMENT_FAILED"}]
    apply(world, spec)

    def turn(one: Spec) -> None:
        for lists in (one["workers"], one["domains"], one["alerts"], service(one)["envs"]):
            lists.reverse()

    world.write(edited(spec, turn))
    in_sync(world)


def test_c05_no_view_of_a_plan_or_a_rollout_shows_a_secret(world: World):
    world.write(secret("hunter2-very-secret"))
    planned = world.planned()
    report = world.apply()
    world.write(secret("another-secret", instance_count=2))
    rotated = world.plan(rotate=frozenset({"web/KEY"}))
    shown = [
        text.plan(planned.report, verbose=True),
        text.rollout(report, verbose=True),
        text.plan(rotated, verbose=True),
    ]
    assert "(secret)" in shown[0] + shown[2]
    assert not any("hunter2" in one or "another-secret" in one for one in [*shown, repr(planned), repr(rotated)])


def test_c06_only_declared_variables_are_substituted_and_unset_ones_are_errors(world: World):
    world.configure({**CONFIG, "variables": ["TAG"]})
    spec = web(
        run_command="server --port ${PORT} --url ${APP_URL} ${UNKNOWN}", envs=[{"key": "U", "value": "${db.URL}"}]
    )
    service(spec)["image"]["tag"] = "${TAG}"
    world.write(spec)
    (finding,) = [finding for finding in findings(world) if finding.code == "unset-variable"]
    assert finding.is_error
    assert "TAG" in finding.message
    assert str(finding.location).startswith(f"{world.specs}/web.yaml:")
    world.environ |= {"TAG": "1.28", "PORT": "1", "UNKNOWN": "2", "APP_URL": "3"}
    spec["databases"] = [{"name": "db", "engine": "PG"}]
    apply(world, spec)
    assert service(sent(world))["run_command"] == "server --port ${PORT} --url ${APP_URL} ${UNKNOWN}"
    assert service(sent(world))["image"]["tag"] == "1.28"
    assert service(sent(world))["envs"][0]["value"] == "${db.URL}"


def test_c07_literal_ciphertext_equals_the_identical_live_one(world: World):
    apply(world, secret("hunter2"))
    ciphertext = service(world.live().spec)["envs"][0]["value"]
    world.write(secret(ciphertext))
    in_sync(world)
    world.write(secret("EV[1:b3RoZXI=:b3RoZXI=]"))
    assert paths(world.one()) == ["services/api/envs/KEY/value"]


def test_c08_app_level_variables_are_sent_and_their_removal_is_listed(world: World):
    spec = {**web(), "envs": [{"key": "SHARED", "value": "1"}], "alerts": [{"rule": "DEPLOYMENT_FAILED"}]}
    apply(world, spec)
    assert sent(world)["envs"] == spec["envs"]
    world.write(edited(spec, lambda one: (one.pop("envs"), one.pop("alerts"))))
    changes = {change.path[0]: change.kind for change in world.one().changes}
    assert changes == {"envs": ChangeKind.REMOVED, "alerts": ChangeKind.REMOVED}


def test_c09_a_field_that_the_platform_drops_is_reported_after_the_apply(tmp_path):
    with account(tmp_path, unknown_fields="drop") as world:
        world.write(web(from_the_future=True))
        report = world.apply()
        (record,) = report.records
        assert any("services/api/from_the_future" in warning for warning in record.warnings)


def test_c10_a_match_of_the_authority_is_sent_and_compared(world: World):
    rule = {"match": {"authority": {"exact": "www.example.com"}, "path": {"prefix": "/"}}, "component": {"name": "api"}}
    apply(world, {**web(), "ingress": {"rules": [rule]}})
    assert sent(world)["ingress"]["rules"] == [rule]
    assert world.live().spec["ingress"]["rules"][0]["match"]["authority"] == {"exact": "www.example.com"}


def test_c11_an_unknown_field_is_a_warning_that_passes_through_and_strict_makes_it_an_error(world: World):
    apply(world, web(instance_cuont=2))
    assert service(sent(world))["instance_cuont"] == 2
    (finding,) = [finding for finding in findings(world) if finding.code == "unknown-field"]
    assert not finding.is_error
    assert "instance_count" in finding.hint
    with pytest.raises(InvalidInput):
        world.plan(strict=True)


def test_c12_an_export_keeps_raw_values_such_as_bindable_variables(world: World):
    spec = web(envs=[{"key": "HOST", "value": "${STARTER_DOMAIN}"}, {"key": "URL", "value": "https://${APP_DOMAIN}/x"}])
    apply(world, spec)
    folder = world.root / "exported"
    file = Importer.read(folder, RunOptions((folder,), config=world.config)).write(world.live()).file
    found = yaml.safe_load(file.read_text())
    assert {env["key"]: env["value"] for env in service(found)["envs"]} == {
        "HOST": "${STARTER_DOMAIN}",
        "URL": "https://${APP_DOMAIN}/x",
    }
    assert world.one(specs=(folder,)).status is SyncStatus.IN_SYNC


@settings(max_examples=8, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(specs(secrets=False))
def test_c13_whatever_field_a_spec_has_is_sent_as_it_stands(tmp_path_factory, spec):
    with account(tmp_path_factory.mktemp("world"), enforces_sizes=False) as world:
        file = world.write({**spec, "vpc": {"id": "c22d8f48-4bc4-49f5-8ca0-58e7164427ac"}})
        assert world.outcome(spec["name"]) == "applied"
        assert sent(world) == yaml.safe_load(file.read_text())


def test_c14_a_feature_of_tomorrow_is_sent_compared_and_changed_without_new_code(world: World):
    spec = {**web(turbo={"level": 9, "modes": ["a", "b"]}), "quantum": True}
    apply(world, spec)
    assert service(world.live().spec)["turbo"] == {"level": 9, "modes": ["a", "b"]}
    world.write(edited(spec, lambda one: service(one)["turbo"].update(level=10)))
    assert paths(world.one()) == ["services/api/turbo/level"]
    assert world.outcome() == "applied"
    in_sync(world)


def test_c15_odd_answers_break_nothing(world: World):
    rules = [{"component": {"name": "api"}, "cors": {"allow_methods": ["GET"]}}]
    apply(world, {**web(), "ingress": {"rules": rules}})
    world.create(web("stranger"))
    world.tap.inner = Odd(world.tap.inner)
    report = world.plan(unmanaged=True)
    assert report.unmanaged == ("stranger",)
    assert report.plans[0].status is SyncStatus.IN_SYNC


class Odd(httpx.AsyncBaseTransport):
    """A platform of tomorrow: apps come back with values, fields and lists nobody knows, and without known ones."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        body = json.loads(await answer.aread())
        for app in body.get("apps", []):
            app |= {"owner_uuid": 7, "region": None, "tier_slug": ["new"], "moods": [{"mood": "GOOD"}]}
            app.pop("updated_at")
            app["active_deployment"] |= {"phase": "ACTIVE_AND_HAPPY", "progress": "much", "cause_details": []}
            if app["spec"]["name"] == "stranger":
                app["spec"]["alerts"] = [{"rule": "A_RULE_OF_TOMORROW"}, None]
                app["spec"]["ingress"] = {"rules": [{"cors": {}, "match": {"path": None}}]}
        return httpx.Response(answer.status_code, json=body)


def test_c16_an_update_is_always_the_whole_spec(world: World):
    spec = {
        **web(envs=[{"key": "LEVEL", "value": "info"}]),
        "workers": [{**service(web()), "name": "mailer"}],
        "envs": [{"key": "SHARED", "value": "1"}],
        "domains": [{"domain": "www.example.com"}],
    }
    apply(world, spec)
    changed = edited(spec, lambda one: service(one)["envs"][0].update(value="debug"))
    apply(world, changed)
    method, _, body = world.tap.writes[-1]
    assert method == "PUT"
    assert body["spec"] == changed


def test_c17_a_missing_scope_is_shown_with_the_scope_and_nothing_is_repeated(tmp_path):
    with account(tmp_path) as world:
        apply(world, web())
        world.box.configure(tokens={OURS: ("app:read", "app:create")})
        world.write(web(instance_count=2))
        writes = len(world.tap.writes)
        (record,) = world.apply().records
        assert not record.outcome.kind.good
        assert "app:update" in record.outcome.reason
        assert len(world.tap.writes) == writes + 1


def test_c18_an_app_that_moved_since_the_plan_is_refused_not_overwritten(world: World):
    apply(world, web(instance_count=1))
    world.write(web(instance_count=2))
    planned = world.planned()
    world.edit(lambda spec: service(spec).update(instance_count=7))

    async def late(client: Any) -> Any:
        return await applying.apply(planned, client, world.clock)

    (record,) = world.ask(late).records
    assert record.outcome.kind.value == "refused"
    assert "changed since it was planned" in record.outcome.reason
    assert service(world.live().spec)["instance_count"] == 7


def test_c19_double_names_and_routes_are_errors_with_both_places(world: World):
    one = service(web())
    world.write({"name": "web", "services": [{**one, "routes": [{"path": "/a"}]}, {**one, "routes": [{"path": "/a"}]}]})
    found = {finding.code: finding for finding in findings(world) if finding.is_error}
    assert {"duplicate-name", "duplicate-route"} <= found.keys()
    for finding in found.values():
        assert finding.location
        assert finding.related[0].line != finding.location.line
    assert not world.tap.sent


def test_c20_an_app_is_never_replaced_to_move_it_to_another_project(world: World):
    apply(world, web())
    before = world.live()
    world.configure({**CONFIG, "project": "11111111-2222-4333-8444-555555555555"})
    in_sync(world)
    world.write(web(instance_count=2))
    assert world.outcome() == "applied"
    after = world.live()
    assert (after.id, after.project_id) == (before.id, before.project_id)


def test_c21_a_rename_is_a_move_when_said_so_and_a_warning_otherwise(world: World):
    apply(world, web())
    world.commit(0)
    before = world.live()
    (world.specs / "web.yaml").unlink()
    world.write(web("site"))
    (warning,) = world.one("site").findings
    assert warning.code == "renamed"
    world.configure({**CONFIG, "moved": {"web": "site"}})
    plan = world.one("site")
    assert (plan.action, plan.app_id) == (Action.UPDATE, before.id)
    assert world.outcome("site") == "applied"
    assert world.names() == ["site"]
    assert world.live("site").id == before.id


def test_c22_components_are_matched_by_name_and_values_never_leak_by_position(world: World):
    names = ("alfa", "bravo", "charlie")
    workers = [{**service(web()), "name": name, "envs": [{"key": "WHO", "value": name}]} for name in names]
    spec = {"name": "web", "region": "ams", "workers": workers}
    apply(world, spec)
    world.write(edited(spec, lambda one: one["workers"].reverse()))
    in_sync(world)
    first = {**workers[0], "name": "zulu", "envs": []}
    world.write(edited(spec, lambda one: one["workers"].insert(0, first)))
    assert paths(world.one()) == ["workers/zulu"]


def test_c23_deprecated_routes_and_cors_are_no_drift_and_a_notice(world: World):
    one = service(web(cors={"allow_origins": [{"exact": "https://example.com"}]}, routes=[{"path": "/api"}]))
    two = {
        **service(web()),
        "name": "admin",
        "routes": [{"path": "/admin", "preserve_path_prefix": True}, {"path": "/"}],
    }
    apply(world, {"name": "web", "region": "ams", "services": [one, two]})
    codes = [finding.code for finding in findings(world)]
    assert "deprecated" in codes
    assert not any(finding.is_error for finding in findings(world))


def test_c24_an_empty_ingress_differs_from_none_and_can_be_reached(world: World):
    apply(world, web())
    world.write({**web(), "ingress": {}})
    plan = world.one()
    assert [change.path[0] for change in plan.changes] == ["ingress"]
    assert world.outcome() == "applied"
    assert sent(world)["ingress"] == {}
    assert not world.live().spec["ingress"].get("rules")
    in_sync(world)


def test_c25_another_order_of_ingress_rules_is_a_change(world: World):
    rules = [{"match": {"path": {"prefix": path}}, "component": {"name": "api"}} for path in ("/api/v2", "/api", "/")]
    spec = {**web(), "ingress": {"rules": rules}}
    apply(world, spec)
    world.write(edited(spec, lambda one: one["ingress"]["rules"].reverse()))
    (change,) = world.one().changes
    assert (change.path, change.kind) == (("ingress", "rules"), ChangeKind.REORDERED)
    assert world.outcome() == "applied"
    in_sync(world)


@pytest.mark.parametrize("written", [False, True])
def test_c26_no_default_count_is_sent_and_autoscaled_counts_are_no_drift(tmp_path, written):
    with account(tmp_path, fills_defaults="documented", autoscaling_writes_count=written) as world:
        scaling = {"min_instance_count": 1, "max_instance_count": 5, "metrics": {"cpu": {"percent": 60}}}
        spec = web(instance_size_slug="apps-d-1vcpu-1gb", autoscaling=scaling)
        apply(world, spec)
        world.box.autoscale("web", "api", 4)
        world.clock.run(world.clock.sleep(60))
        in_sync(world)
        world.write(edited(spec, lambda one: service(one)["autoscaling"].update(max_instance_count=6)))
        assert paths(world.one()) == ["services/api/autoscaling/max_instance_count"]
        assert world.outcome() == "applied"
        assert "instance_count" not in service(sent(world))


def test_c27_the_port_of_a_health_check_is_sent_and_compared(world: World):
    spec = web(health_check={"http_path": "/healthz", "port": 9000})
    apply(world, spec)
    assert service(sent(world))["health_check"]["port"] == 9000
    world.write(edited(spec, lambda one: service(one)["health_check"].pop("port")))
    assert paths(world.one()) == ["services/api/health_check/port"]


def test_c28_alerts_of_the_same_rule_do_not_mix_between_components(world: World):
    def alert(value: float) -> list[Spec]:
        return [{"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": value, "window": "FIVE_MINUTES"}]

    other = {**service(web()), "name": "admin", "alerts": alert(80), "routes": [{"path": "/admin"}]}
    spec = web(alerts=alert(80), routes=[{"path": "/"}])
    spec["services"].append(other)
    apply(world, spec)
    world.write(edited(spec, lambda one: one["services"][1]["alerts"][0].update(disabled=True)))
    assert paths(world.one()) == ["services/admin/alerts/CPU_UTILIZATION/GREATER_THAN/80/FIVE_MINUTES/disabled"]
    assert world.outcome() == "applied"
    in_sync(world)


def test_c29_all_mistakes_are_told_at_once_with_their_places_and_no_spec_is_sent(world: World):
    spec = web("Web_1", instance_count=0, http_port=99999, envs=[{"key": "1X", "value": "a"}])
    spec["domains"] = [{"domain": "no domain"}]
    world.write(spec)
    with pytest.raises(InvalidInput) as refused:
        world.plan()
    errors = [finding for finding in refused.value.findings if finding.is_error]
    assert len(errors) >= 5
    assert len({str(finding.location) for finding in errors}) == len(errors)
    assert all(finding.location and finding.location.line and finding.location.column for finding in errors)
    assert {method for method, *_ in world.tap.sent} == {"GET"}


def test_c30_validating_needs_neither_a_token_nor_the_network(tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "web.yaml").write_text(yaml.safe_dump(web()))
    code = (
        "import sys, socket\n"
        "def refuse(*_): raise OSError('no network here')\n"
        "socket.socket.connect = refuse\n"
        "from reconciler.cli.main import main\n"
        "code = main(['validate', 'specs'])\n"
        "sys.exit(code or 'httpx' in sys.modules)\n"
    )
    environ = {"PATH": "/usr/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "1 app checked, no findings"), done.stderr


def test_every_switch_that_a_platform_here_uses_exists():
    known = set(Settings.__dataclass_fields__)
    assert all(set(switches) <= known for switches in PLATFORMS.values())
