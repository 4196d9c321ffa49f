"""What the platform makes of a spec: secrets, defaults, routes, order; each doubtful part under both answers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.appspec.kinds import SIZES
from reconciler.appspec.secrets import CIPHERTEXT_FORM
from reconciler.sandbox import Settings, Speed
from reconciler.sandbox.simulation.normalise import decrypt, encrypt, normalised
from reconciler.sandbox.simulation.validate import first_mistake
from tests.sandbox.lab import Lab, Tree, built, web


def with_envs(*envs: Tree, name: str = "web") -> Tree:
    spec = web(name)
    spec["services"][0]["envs"] = list(envs)
    return spec


def envs_of(app: Tree) -> dict[str, Tree]:
    return {env["key"]: env for env in app["spec"]["services"][0]["envs"]}


NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
SECRET = {"key": "KEY", "value": "hunter2", "type": "SECRET"}


def test_a_secret_comes_back_as_ciphertext_that_may_be_sent_back(lab: Lab) -> None:
    app = lab.create(with_envs(SECRET))
    kept = envs_of(app)["KEY"]["value"]
    assert CIPHERTEXT_FORM.match(kept)
    assert "hunter2" not in str(app)
    assert envs_of(lab.update(app, app["spec"]))["KEY"]["value"] == kept
    assert envs_of(lab.update(app, with_envs(SECRET)))["KEY"]["value"] not in ("hunter2", kept)


def test_a_secret_without_a_value_keeps_nothing(lab: Lab) -> None:
    app = lab.create(with_envs(SECRET))
    cleared = lab.update(app, with_envs({"key": "KEY", "type": "SECRET"}))
    assert "value" not in envs_of(cleared)["KEY"]


@pytest.mark.parametrize("encrypts", [True, False])
def test_credentials_are_encrypted_but_those_of_logs_and_the_secure_header(encrypts: bool) -> None:
    lab = Lab(Settings(speed=Speed.instant(), encrypts_log_tokens=encrypts))
    spec = web(ingress={"secure_header": {"key": "X-Key", "value": "plain"}})
    spec["services"][0]["image"]["registry_credentials"] = "user:plain"
    spec["services"][0]["log_destinations"] = [
        {"name": "papers", "papertrail": {"endpoint": "logs.example.com:1"}},
        {"name": "dogs", "datadog": {"api_key": "plain"}},
        {"name": "tails", "logtail": {"token": "plain"}},
        {"name": "search", "open_search": {"endpoint": "https://x", "basic_auth": {"user": "u", "password": "plain"}}},
        {"name": "own", "endpoint": "https://x", "headers": [{"key": "Authorization", "value": "plain"}]},
    ]
    stored = lab.create(spec)["spec"]
    assert str(stored).count("EV[1:") == (6 if encrypts else 1)
    assert str(stored).count("'plain'") == (0 if encrypts else 5)
    lab.close()


@pytest.mark.parametrize("decrypts", [True, False])
def test_a_ciphertext_of_another_app_is_a_switch(decrypts: bool) -> None:
    lab = Lab(Settings(speed=Speed.instant(), foreign_ciphertext_decrypts=decrypts))
    theirs = envs_of(lab.create(with_envs(SECRET, name="other")))["KEY"]
    app = lab.create(web())
    answer = lab.call("PUT", f"/v2/apps/{app['id']}", json={"spec": with_envs(theirs)})
    if decrypts:
        assert envs_of(answer.json()["app"])["KEY"] == theirs
    else:
        assert answer.status_code == 400
        assert '"services.0.envs.0.value"' in answer.json()["message"]
    lab.close()


def test_a_new_app_takes_no_ciphertext(lab: Lab) -> None:
    app = lab.create(with_envs(SECRET))
    spec = with_envs({"key": "PLAIN", "value": "1"}, envs_of(app)["KEY"], name="copy")
    for path in ("/v2/apps", "/v2/apps/propose"):
        assert lab.refused("POST", path, 400, {"spec": spec})["message"] == (
            'errors validating app spec; first error in field "services.0.envs.1.value": '
            "secret env value must not be encrypted before app is created"
        )
    assert lab.post("/v2/apps/propose", {"spec": app["spec"], "app_id": app["id"]})["spec"] == app["spec"]
    lab.sandbox.configure(new_apps_take_ciphertext=True)
    assert envs_of(lab.create(spec))["KEY"] == envs_of(app)["KEY"]


@given(text=st.text(min_size=1), app=st.uuids())
def test_only_the_app_of_a_ciphertext_reads_it(text: str, app: Any) -> None:
    plain = text.encode("utf-8", "replace").decode()
    sealed = encrypt(b"key", str(app), 1, plain)
    assert CIPHERTEXT_FORM.match(sealed)
    assert decrypt(b"key", str(app), sealed) == plain
    assert decrypt(b"key", "another", sealed) is None
    assert decrypt(b"other", str(app), sealed) is None
    assert encrypt(b"key", str(app), 2, plain) != sealed


FULL: Tree = {
    "name": "shop",
    "region": "nyc3",
    "services": [
        {
            "name": "api",
            "github": {"repo": "acme/api", "branch": "main"},
            "routes": [{"path": "/api", "preserve_path_prefix": True}],
            "cors": {"allow_origins": [{"exact": "https://example.com"}]},
            "envs": [{"key": "B", "value": "2", "type": "GENERAL"}, {"key": "A", "value": ""}],
            "instance_size_slug": "apps-d-1vcpu-0.5gb",
            "autoscaling": {"min_instance_count": 1, "max_instance_count": 3, "metrics": {"cpu": {"percent": 70}}},
        }
    ],
    "static_sites": [{"name": "www", "github": {"repo": "acme/www", "branch": "main"}}],
    "jobs": [{"name": "job", "kind": "UNSPECIFIED", "github": {"repo": "acme/api", "deploy_on_push": False}}],
    "databases": [{"name": "db", "engine": "PG"}],
    "invented": {"by": "somebody"},
}


def as_stored(**switches: Any) -> Tree:
    return normalised(copy.deepcopy(FULL), Settings(**switches))


def test_defaults_are_filled_in_where_the_platform_does() -> None:
    spec = as_stored()
    assert (spec["region"], spec["services"][0]["http_port"]) == ("nyc", 8080)
    assert "region" in normalised(built() | {"region": ""}, Settings())
    assert spec["services"][0].keys() - FULL["services"][0].keys() == {"http_port"}
    assert spec["jobs"][0].keys() <= FULL["jobs"][0].keys()
    assert spec["databases"] == FULL["databases"]
    spec = as_stored(fills_defaults="common")
    service = spec["services"][0]
    assert (service["http_port"], service["source_dir"]) == (8080, "/")
    assert spec["jobs"][0]["instance_size_slug"] == "apps-s-1vcpu-0.5gb"
    assert "instance_count" not in service
    assert spec["jobs"][0]["kind"] == "POST_DEPLOY"
    assert spec["jobs"][0]["instance_count"] == 1
    assert spec["databases"][0]["version"] == "16"
    assert as_stored(fills_defaults="none")["services"][0].keys() <= FULL["services"][0].keys()
    assert as_stored(fills_defaults="documented")["jobs"][0]["timeout"] == "30m"


@pytest.mark.parametrize("switches", [{"fills_defaults": how} for how in ("recorded", "common", "documented", "none")])
def test_what_comes_back_is_valid_and_stays_as_it_is(switches: Tree) -> None:
    once = as_stored(**switches)
    assert first_mistake(once) is None
    assert normalised(once, Settings(**switches)) == once


def test_c23_routes_and_cors_come_back_as_ingress_rules() -> None:
    spec = as_stored()
    assert "routes" not in spec["services"][0]
    assert spec["ingress"]["rules"] == [
        {
            "match": {"path": {"prefix": "/api"}},
            "component": {"name": "api", "preserve_path_prefix": True},
            "cors": {"allow_origins": [{"exact": "https://example.com"}]},
        },
        {"match": {"path": {"prefix": "/www"}}, "component": {"name": "www"}},
    ]
    assert as_stored(rewrites_routes=False)["services"][0]["routes"] == FULL["services"][0]["routes"]
    longest = as_stored(routes_order="longest")["ingress"]["rules"]
    assert [rule["match"]["path"]["prefix"] for rule in longest] == ["/api", "/www"]


def test_without_routes_the_first_component_that_can_be_reached_gets_the_root() -> None:
    spec = web(static_sites=[{"name": "www", "github": {"repo": "acme/www"}}])
    spec["services"].insert(0, {**built()["services"][0], "name": "inner", "internal_ports": [9000]})
    rules = normalised(spec, Settings())["ingress"]["rules"]
    assert [(rule["match"]["path"]["prefix"], rule["component"]["name"]) for rule in rules] == [
        ("/", "api"),
        ("/www", "www"),
    ]


def test_c24_an_empty_ingress_stays_empty_and_an_explicit_one_is_kept() -> None:
    assert normalised(web(ingress={}), Settings())["ingress"] == {}
    rules = [{"match": {"path": {"prefix": "/v1"}}, "component": {"name": "api"}}]
    spec = web(ingress={"rules": rules})
    assert normalised(spec, Settings())["ingress"]["rules"] == rules
    spec["services"][0]["routes"] = [{"path": "/v0"}]
    assert [rule["match"]["path"]["prefix"] for rule in normalised(spec, Settings())["ingress"]["rules"]] == [
        "/v1",
        "/v0",
    ]
    spec["services"][0] |= {"cors": {"allow_methods": ["GET"]}, "routes": []}
    assert normalised(spec, Settings())["ingress"]["rules"][0]["cors"] == {"allow_methods": ["GET"]}


def test_c03_c04_general_types_and_the_order_of_envs_are_switches() -> None:
    envs = as_stored(fills_defaults="none")["services"][0]["envs"]
    assert envs == [{"key": "B", "value": "2"}, {"key": "A"}]
    envs = as_stored(fills_defaults="none", returns_general_type=True, reorders_envs=True)["services"][0]["envs"]
    assert [(env["key"], env["type"]) for env in envs] == [("A", "GENERAL"), ("B", "GENERAL")]


def test_zero_values_and_unknown_fields_are_switches() -> None:
    spec = as_stored(omits_zero_values=True, unknown_fields="drop", fills_defaults="none")
    assert spec["jobs"][0]["github"] == {"repo": "acme/api"}
    assert spec["services"][0]["envs"] == [{"key": "B", "value": "2"}, {"key": "A"}]
    assert "invented" not in spec
    kept = as_stored(omits_zero_values=False)
    assert kept["invented"] == {"by": "somebody"}
    assert kept["jobs"][0]["github"]["deploy_on_push"] is False


GIT = {"repo_clone_url": "https://example.com/a.git"}
BG: Tree = {"name": "bg", "git": GIT, "instance_size_slug": "apps-d-1vcpu-1gb"}
SCALED: Tree = {"min_instance_count": 1, "max_instance_count": 3, "metrics": {"cpu": {"percent": 80}}}
MISTAKES: list[tuple[Tree, str]] = [
    ({"name": "X"}, "name"),
    ({}, "name"),
    (web(region="moon"), "region"),
    (web(workers=[{"name": "api"}]), "workers.0.name"),
    (web(databases=[{"name": "db", "production": True}]), "databases.0.cluster_name"),
    (web(domains=[{"domain": f"{name}.example.com", "type": "PRIMARY"} for name in "ab"]), "domains"),
    (web(ingress={"rules": [{"component": {"name": "nobody"}}]}), "ingress.rules.0.component.name"),
    (web(ingress={"rules": [{"component": {"name": "api"}, "redirect": {"uri": "/"}}]}), "ingress.rules.0"),
    (web(jobs=[{"name": "job", "image": {"tag": "1", "digest": "sha256:0"}}]), "jobs.0.image.digest"),
    (web(jobs=[{"name": "job", "git": {"branch": "a"}, "image": {"tag": "1"}}]), "jobs.0.image"),
    (
        web(static_sites=[{"name": "www", "git": GIT, "catchall_document": "a.html", "error_document": "b.html"}]),
        "static_sites.0.error_document",
    ),
    (
        web(workers=[BG | {"instance_count": 1, "autoscaling": {"min_instance_count": 1}}]),
        "workers.0.instance_count",
    ),
    (
        web(workers=[BG | {"autoscaling": SCALED | {"min_instance_count": 3}}]),
        "workers.0.autoscaling",
    ),
    ({"name": "web"}, "name"),
    (web(workers=[{"name": "bg"}]), "workers.0"),
    (web(envs=[{"key": "A"}, {"key": "B"}, {"key": "A"}]), "envs.2.key"),
    (web(workers=[BG | {"envs": [{"key": "A"}, {"key": "A"}]}]), "workers.0.envs.1.key"),
    (
        web(workers=[BG | {"instance_size_slug": "apps-s-1vcpu-1gb-fixed", "instance_count": 2}]),
        "workers.0.instance_count",
    ),
    (web(workers=[{"name": "bg", "git": GIT, "instance_count": 2}]), "workers.0.instance_count"),
    (web(workers=[BG | {"instance_size_slug": "professional-m", "autoscaling": SCALED}]), "workers.0.autoscaling"),
    (web(workers=[BG | {"autoscaling": {"min_instance_count": 1, "max_instance_count": 3}}]), "workers.0.autoscaling"),
    (web(workers=[BG | {"autoscaling": SCALED | {"max_instance_count": None}}]), "workers.0.autoscaling"),
    (
        web(static_sites=[{"name": "www", "git": GIT, "routes": [{"path": "/a"}, {"path": "/a"}]}]),
        "static_sites.route.paths",
    ),
    (
        {"name": "web", "services": [{"name": "in", "git": GIT, "internal_ports": [9000], "routes": [{"path": "/"}]}]},
        "services.0.routes",
    ),
]


def test_a_source_on_github_without_access_is_refused(lab: Lab) -> None:
    app = lab.create(built())
    lab.sandbox.configure(github_authenticated=False)
    refused = [("POST", "/v2/apps/propose"), ("POST", "/v2/apps"), ("PUT", f"/v2/apps/{app['id']}")]
    for method, path in refused:
        assert lab.refused(method, path, 400, {"spec": built()})["message"] == "GitHub user not authenticated"
    lab.update(app, web())


def test_the_recorded_words_for_a_route_in_use(lab: Lab) -> None:
    lab.sandbox.configure(invalid_spec_form="older")
    spec = web(workers=[])
    spec["services"][0]["routes"] = [{"path": "/"}]
    spec["services"].append({"name": "two", "git": GIT, "routes": [{"path": "/"}]})
    assert lab.refused("POST", "/v2/apps", 400, {"spec": spec})["message"] == (
        'error validating app spec field "services.route.paths": route path "/" already in use'
    )


def test_what_is_allowed_is_accepted() -> None:
    for item in (
        {"instance_size_slug": "apps-s-1vcpu-1gb", "instance_count": 3},
        {"instance_size_slug": "professional-xs", "instance_count": 3},
        {"instance_size_slug": "basic-xxs", "instance_count": 2},
        {"instance_size_slug": "apps-s-1vcpu-0.5gb", "instance_count": 1},
        {"autoscaling": SCALED},
    ):
        assert first_mistake(web(workers=[BG | item])) is None
    both = {"name": "in", "git": GIT, "internal_ports": [9000], "http_port": 80, "routes": [{"path": "/x"}]}
    assert first_mistake({"name": "web", "services": [both]}) is None
    assert first_mistake({"name": "web", "databases": [{"name": "db", "engine": "PG"}]}) is None


@pytest.mark.parametrize(("spec", "place"), MISTAKES, ids=[place for _, place in MISTAKES])
def test_an_invalid_spec_is_refused_with_its_first_mistake(lab: Lab, spec: Tree, place: str) -> None:
    for path in ("/v2/apps", "/v2/apps/propose"):
        refusal = lab.refused("POST", path, 400, {"spec": spec})
        assert refusal["id"] == "bad_request"
        assert refusal["message"].startswith(f'errors validating app spec; first error in field "{place}": ')


def test_unknown_fields_can_be_refused_and_the_status_is_a_switch() -> None:
    lab = Lab(Settings(unknown_fields="refuse", invalid_spec_status=422, invalid_spec_form="older"))
    message = lab.refused("POST", "/v2/apps", 422, {"spec": FULL | {"region": "nyc"}})["message"]
    assert message.startswith('error validating app spec field "invented": ')
    lab.close()


def test_propose_returns_cost_name_and_kind_without_changing_anything(lab: Lab) -> None:
    spec = web()
    spec["services"][0] |= {"instance_size_slug": "apps-s-1vcpu-1gb", "instance_count": 2}
    spec["workers"] = [{"name": "bg", "image": {"repository": "x"}, "instance_size_slug": "basic-xs"}]
    spec["databases"] = [{"name": "db", "engine": "PG"}]
    found = lab.post("/v2/apps/propose", {"spec": spec})
    assert found["app_cost"] == 2 * 12 + 10 + 7
    assert found["app_name_available"] is True
    assert found["app_is_static"] is False
    assert found["spec"]["services"][0]["http_port"] == 8080
    assert lab.get("/v2/apps")["meta"] == {"total": 0}
    app = lab.create(web())
    lab.create(web("web-2"))
    taken = lab.post("/v2/apps/propose", {"spec": web()})
    assert (taken["app_name_available"], taken["app_name_suggestion"]) == (False, "web-3")
    assert lab.post("/v2/apps/propose", {"spec": web(), "app_id": app["id"]})["app_name_available"] is True
    lab.refused("POST", "/v2/apps/propose", 404, {"spec": web(), "app_id": NO_SUCH_ID})
    refusal = lab.refused("POST", "/v2/apps/propose", 400, {"spec": web(), "app_id": "nothing"})
    assert refusal["message"] == "invalid uuid"


def test_propose_may_answer_the_spec_as_it_was_sent() -> None:
    lab = Lab(Settings(propose_fills_defaults=False))
    assert lab.post("/v2/apps/propose", {"spec": web()})["spec"] == web()
    lab.close()


def test_static_apps_are_counted_and_cost_from_the_fourth_on(lab: Lab) -> None:
    def site(name: str) -> Tree:
        return {"name": name, "static_sites": [{"name": "www", "github": {"repo": "acme/www"}}]}

    for number in range(3):
        found = lab.post("/v2/apps/propose", {"spec": site(f"site-{number}")})
        assert (found["app_is_static"], found["existing_static_apps"], found["app_cost"]) == (True, str(number), 0)
        lab.create(site(f"site-{number}"))
    assert lab.post("/v2/apps/propose", {"spec": site("site-4")})["app_cost"] == 3


def test_the_cost_is_what_a_plan_estimates_and_jobs_are_not_counted(lab: Lab) -> None:
    from reconciler.plan.model import estimated_cost
    from reconciler.sandbox.api.apps import monthly_cost

    job = {"name": "job", "image": {"repository": "x"}, "instance_size_slug": "apps-d-8vcpu-32gb"}
    for size in (None, *SIZES):
        spec = web(databases=[{"name": "db", "engine": "PG"}], jobs=[job])
        if size:
            spec["services"][0] |= {"instance_size_slug": size, "instance_count": 3}
        keyed = {kind: {item["name"]: item for item in spec[kind]} for kind in ("services", "jobs", "databases")}
        assert monthly_cost(spec) == estimated_cost(keyed)


CRON_MISTAKES = [
    ({"cron": "every day"}, "jobs.0.schedule.cron"),
    ({"cron": "0 3 * * *", "time_zone": "Mars/Olympus"}, "jobs.0.schedule.time_zone"),
]


@pytest.mark.parametrize(("schedule", "place"), CRON_MISTAKES, ids=[place for _, place in CRON_MISTAKES])
def test_a_schedule_that_means_nothing_is_refused(lab: Lab, schedule: Tree, place: str) -> None:
    job = {"name": "tidy", "kind": "SCHEDULED", "schedule": schedule, "image": {"repository": "x"}}
    assert f'field "{place}"' in lab.refused("POST", "/v2/apps", 400, {"spec": web(jobs=[job])})["message"]
