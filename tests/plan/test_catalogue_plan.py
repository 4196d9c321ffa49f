"""The catalogue's cases that the comparison alone decides, each by its number: against every way the platform may
behave, and by the letter of the complaint."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from reconciler.config import Policy
from reconciler.plan.align import Secrets
from reconciler.sandbox import Settings
from tests.plan.platform import CIPHER, OTHER, against, app, env, secret, sent, service, stored, switches, told

held = settings(max_examples=25, deadline=None)

LOGS = [
    {"name": "dogs", "datadog": {"endpoint": "https://x", "api_key": "hunter2"}},
    {"name": "tails", "logtail": {"token": "hunter2"}},
    {"name": "search", "open_search": {"endpoint": "https://x", "basic_auth": {"user": "u", "password": "hunter2"}}},
    {"name": "own", "endpoint": "https://x", "headers": [{"key": "Authorization", "value": "hunter2"}]},
]
CREDENTIALS = app(
    services=[
        service(
            image={"registry_type": "GHCR", "registry": "acme", "repository": "api", "registry_credentials": "hunter2"},
            log_destinations=LOGS,
        )
    ],
    ingress={"rules": [{"component": {"name": "api"}}], "secure_header": {"key": "X-Proof", "value": "hunter2"}},
)


@held
@given(switches)
def test_c01_plaintext_against_ciphertext_is_no_change_and_the_ciphertext_is_sent_back(platform):
    spec = app(services=[service(envs=[secret("KEY", "hunter2")])])
    answered = stored(spec, platform)
    comparison = against(spec, answered)
    assert told(comparison) == {}
    assert [note.kind for note in comparison.aligned.notes] == ["kept"]
    (value,) = (item["value"] for item in sent(spec, answered)["services"][0]["envs"])
    assert value == answered["services"][0]["envs"][0]["value"] != "hunter2"


@held
@given(switches)
def test_c02_credentials_of_registries_and_log_destinations_are_kept_likewise(platform):
    platform = replace(platform, encrypts_log_tokens=True)
    answered = stored(CREDENTIALS, platform)
    comparison = against(CREDENTIALS, answered)
    assert told(comparison) == {}
    assert [note.kind for note in comparison.aligned.notes] == ["kept"] * 6
    assert "hunter2" not in str(sent(CREDENTIALS, answered))
    assert told(against(CREDENTIALS, stored(sent(CREDENTIALS, answered), platform))) == {}


@pytest.mark.parametrize("fills", ["recorded", "common", "documented", "none"])
@pytest.mark.parametrize("general", [True, False])
@pytest.mark.parametrize("zeros", [True, False])
def test_c03_documented_defaults_may_be_written_or_left_out_on_either_side(fills, general, zeros):
    short = app(envs=[env("A", "1")], jobs=[{"name": "job", "image": {"repository": "x"}}])
    long = app(
        services=[
            service(
                instance_count=1, http_port=8080, protocol="HTTP", source_dir="/", health_check={"period_seconds": 10}
            )
        ],
        envs=[env("A", "1", type="GENERAL", scope="RUN_AND_BUILD_TIME")],
        jobs=[{"name": "job", "kind": "UNSPECIFIED", "timeout": "30m", "image": {"repository": "x", "tag": "latest"}}],
        egress={"type": "AUTOASSIGN"},
        disable_edge_cache=False,
    )
    platform = Settings(fills_defaults=fills, returns_general_type=general, omits_zero_values=zeros)
    for git, live in ((short, short), (short, long), (long, short), (long, long)):
        assert told(against(git, stored(live, platform))) == {}


def test_c04_lists_of_named_things_may_come_back_in_any_order():
    def spec(step):
        return app(
            services=[service("api", envs=[env("A", "1"), env("B", "2")][::step]), service("web")][::step],
            workers=[{"name": "one"}, {"name": "two"}][::step],
            databases=[{"name": "db", "engine": "PG"}, {"name": "cache", "engine": "VALKEY"}][::step],
            domains=[{"domain": "a.example.com"}, {"domain": "b.example.com"}][::step],
            alerts=[{"rule": "DEPLOYMENT_FAILED"}, {"rule": "DOMAIN_FAILED"}][::step],
            features=["a", "b"][::step],
        )

    assert told(against(spec(1), spec(-1))) == {}


def test_c05_no_secret_stands_in_a_comparison():
    comparison = against(CREDENTIALS, app())
    assert "hunter2" not in repr(comparison.changes)
    assert "hunter2" not in repr(comparison)
    assert str(comparison.changes).count("(secret)") == 5
    comparison = against(app(envs=[secret("KEY", "hunter2")]), app(envs=[secret("KEY")]))
    assert told(comparison) == {"envs/KEY/value": ("added", None, None)}


def test_c07_ciphertext_in_git_equals_the_same_live_and_no_other():
    spec = app(envs=[secret("KEY", CIPHER)])
    assert told(against(spec, spec)) == {}
    assert told(against(spec, app(envs=[secret("KEY", OTHER)]))) == {"envs/KEY/value": ("changed", None, None)}


def test_c08_every_removal_is_listed():
    live = app(
        envs=[env("A", "1"), secret("B", CIPHER)],
        alerts=[{"rule": "DEPLOYMENT_FAILED"}],
        domains=[{"domain": "example.com"}],
        workers=[{"name": "job"}],
        disable_edge_cache=True,
        brand_new=1,
    )
    assert sorted(told(against(app(), live))) == [
        "alerts/DEPLOYMENT_FAILED/UNSPECIFIED_OPERATOR/0/UNSPECIFIED_WINDOW",
        "brand_new",
        "disable_edge_cache",
        "domains/example.com",
        "envs/A",
        "envs/B",
        "workers/job",
    ]


def test_c10_a_match_of_the_authority_is_compared_and_sent():
    def spec(host):
        match = {"authority": {"exact": host}, "path": {"prefix": "/"}}
        return app(ingress={"rules": [{"match": match, "component": {"name": "api"}}]})

    assert told(against(spec("a.example.com"), spec("a.example.com"))) == {}
    assert list(told(against(spec("a.example.com"), spec("b.example.com")))) == [
        "ingress/rules/[a.example.com/]",
        "ingress/rules/[b.example.com/]",
    ]
    assert sent(spec("a.example.com"), spec("b.example.com")) == spec("a.example.com")


def test_c11_c14_a_field_that_nobody_knows_yet_is_compared_and_sent():
    spec = app(services=[service(brand_new={"level": 2})], newer=[1])
    assert told(against(spec, stored(spec))) == {}
    assert told(against(spec, app())) == {
        "services/api/brand_new": ("added", None, {"level": 2}),
        "newer": ("added", None, [1]),
    }
    assert sent(spec, app()) == spec


def test_c16_c26_defaults_are_never_sent():
    spec = app(services=[service(autoscaling={"min_instance_count": 1, "max_instance_count": 3})])
    answered = stored(spec, Settings(fills_defaults="documented"))
    assert sent(spec, answered) == spec


def test_c22_components_are_matched_by_kind_and_name_never_by_place():
    git = app(
        services=[service("a", http_port=1), service("b", http_port=2)], workers=[{"name": "w", "run_command": "x"}]
    )
    live = app(
        services=[service("b", http_port=2), service("c", http_port=3)], workers=[{"name": "w", "run_command": "y"}]
    )
    assert told(against(git, live)) == {
        "services/a": ("added", None, {**service("a"), "http_port": 1}),
        "services/c": ("removed", {**service("c"), "http_port": 3}, None),
        "workers/w/run_command": ("changed", "y", "x"),
    }


@held
@given(switches)
def test_c23_routes_and_cors_of_components_come_back_as_rules_without_drift(platform):
    spec = app(
        services=[
            service(
                "api", routes=[{"path": "/api"}, {"path": "/v2", "preserve_path_prefix": True}], cors={"max_age": "1h"}
            ),
            service("web", routes=[{"path": "/"}]),
        ],
        static_sites=[{"name": "docs", "github": {"repo": "acme/docs"}, "routes": [{"path": "/docs"}]}],
    )
    assert told(against(spec, stored(spec, platform))) == {}


def test_c24_an_empty_ingress_is_not_the_same_as_none():
    live = app(ingress={"rules": [{"component": {"name": "api"}}]})
    assert told(against(app(ingress={}), live)) == {
        "ingress/rules/[/]": ("removed", {"component": {"name": "api"}}, None)
    }
    assert sent(app(ingress={}), live)["ingress"] == {}
    assert told(against(app(), live)) == {}
    assert told(against(app(ingress={}), app(ingress={}))) == {}


def test_c25_another_order_of_rules_is_one_change():
    def spec(*paths):
        rules = [{"match": {"path": {"prefix": path}}, "component": {"name": "api"}} for path in paths]
        return app(ingress={"rules": rules})

    assert told(against(spec("/a", "/b", "/"), spec("/", "/a", "/b"))) == {
        "ingress/rules": ("reordered", ["[/]", "[/a]", "[/b]"], ["[/a]", "[/b]", "[/]"])
    }


def test_c26_counts_under_autoscaling_are_the_loads_own():
    spec = app(services=[service(autoscaling={"min_instance_count": 1, "max_instance_count": 9})])
    for count in (1, 5, 9):
        live = app(
            services=[service(autoscaling={"min_instance_count": 1, "max_instance_count": 9}, instance_count=count)]
        )
        assert told(against(spec, live)) == {}
        assert "instance_count" not in sent(spec, live)["services"][0]


def test_c27_the_port_of_a_health_check_is_compared_and_sent():
    spec = app(services=[service(health_check={"http_path": "/up", "port": 9090})])
    live = app(services=[service(health_check={"http_path": "/up"})])
    assert told(against(spec, live)) == {"services/api/health_check/port": ("added", None, 9090)}
    assert sent(spec, live) == spec


def test_c28_an_alert_of_one_component_is_not_that_of_another():
    alert = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "FIVE_MINUTES"}
    git = app(services=[service("api", alerts=[alert]), service("web")])
    live = app(services=[service("api"), service("web", alerts=[{**alert, "value": 80.0}])])
    path = "alerts/CPU_UTILIZATION/GREATER_THAN/80/FIVE_MINUTES"
    assert {place: change[0] for place, change in told(against(git, live)).items()} == {
        f"services/api/{path}": "added",
        f"services/web/{path}": "removed",
    }


def test_a_new_value_is_sent_when_it_is_asked_for_by_name():
    spec, live = (app(services=[service(envs=[secret("KEY", value)])]) for value in ("new", CIPHER))
    rotate = Secrets(rotate=frozenset({"api/KEY"}))
    assert told(against(spec, live, secrets=rotate)) == {"services/api/envs/KEY/value": ("changed", None, None)}
    assert sent(spec, live, secrets=rotate) == spec


def test_an_ignored_path_is_carried_over_from_live():
    policy = Policy(ignore=["/services/api/instance_count"])
    spec, live = app(services=[service(instance_count=2)]), app(services=[service(instance_count=7)])
    comparison = against(spec, live, policy)
    assert told(comparison) == {}
    assert [(note.kind, "/".join(note.path)) for note in comparison.aligned.notes] == [
        ("ignored", "services/api/instance_count")
    ]
    assert sent(spec, live, policy) == live
