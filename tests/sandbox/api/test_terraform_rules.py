"""The rules of the vendor's Terraform acceptance suite: what was left out stays out, and the second plan is empty.

The provider compares each value of its configuration, and each one that it had in its state, with what the app's spec
says afterwards; what the platform added to a field that the configuration leaves out is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.clients import Terraform
from tests.sandbox.lab import Tree, built, web
from tests.sandbox.serving import Served

COMPUTED = {"region", "http_port", "ingress"}
"""What the provider lets the platform choose where the configuration has nothing."""


@pytest.fixture
def terraform(served: Served) -> Iterator[Terraform]:
    client = Terraform(served)
    yield client
    client.http.close()


def differences(wanted: object, found: object, at: str = "spec") -> list[str]:
    """Where a second plan of the provider would not be empty. Zero values are the same as no values."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        names = [name for name in {**wanted, **found} if name in wanted or name not in COMPUTED]
        return [text for name in names for text in differences(wanted.get(name), found.get(name), f"{at}.{name}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [text for number, pair in pairs for text in differences(*pair, f"{at}.{number}")]
    return [] if (wanted or None) == (found or None) else [f"{at}: {wanted!r} became {found!r}"]


DATABASE: Tree = {"name": "db", "engine": "PG", "production": False}
JOB: Tree = {"name": "migrate", "kind": "PRE_DEPLOY", "git": {"repo_clone_url": "https://example.com/a.git"}}
SITE: Tree = {"name": "www", "github": {"repo": "acme/www", "branch": "main"}, "catchall_document": "index.html"}
FUNCTIONS: Tree = {"name": "fn", "github": {"repo": "acme/fn", "branch": "main"}}
CHECKED: Tree = {**web()["services"][0], "health_check": {"http_path": "/health", "port": 1234}}
RULES = [{"match": {"path": {"prefix": "/"}}, "component": {"name": "api", "preserve_path_prefix": False}}]
SPECS = {
    "image": web(),
    "a health check of a port that nothing else names": {**web(), "services": [CHECKED]},
    "source": built(),
    "database": built(databases=[DATABASE]),
    "jobs, sites and functions": built(jobs=[JOB], static_sites=[SITE], functions=[FUNCTIONS]),
    "no region": {name: value for name, value in built().items() if name != "region"},
    "envs in their order": built(envs=[{"key": "B", "value": "2", "type": "GENERAL"}, {"key": "A", "value": "1"}]),
    "ingress": built(ingress={"rules": RULES}),
    "domains": web(domains=[{"domain": "example.com"}]),
    "maintenance": web(maintenance={"enabled": False}),
    "alerts and features": web(alerts=[{"rule": "DEPLOYMENT_FAILED", "disabled": False}], features=["a=b"]),
}


def without_general(spec: Tree) -> Tree:
    """The spec as the provider writes it to its state: GENERAL is what a type is by default."""
    envs = [{name: item for name, item in env.items() if env["key"] and item != "GENERAL"} for env in spec["envs"]]
    return spec | {"envs": envs}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_second_plan_of_a_client_is_empty(terraform: Terraform, spec: Tree) -> None:
    app = terraform.create(spec)
    wanted = without_general(spec) if "envs" in spec else spec
    assert differences(wanted, app["spec"]) == []
    changed = terraform.update(app["id"], spec)
    assert differences(wanted, changed["spec"]) == []


def test_what_was_left_out_never_comes_back(terraform: Terraform) -> None:
    app = terraform.create(built(databases=[DATABASE], workers=[{**built()["services"][0], "name": "bg"}]))
    for spec in (app["spec"], app["active_deployment"]["spec"]):
        for item in (*spec["services"], *spec["workers"]):
            assert not {"source_dir", "instance_count", "instance_size_slug"} & item.keys()
        assert spec["databases"] == [{"name": "db", "engine": "PG"}]
        assert spec["services"][0]["http_port"] == 8080


def test_log_tokens_and_the_secure_header_come_back_as_they_were_sent(terraform: Terraform) -> None:
    logs = [
        {"name": "tails", "logtail": {"token": "token-1"}},
        {"name": "dogs", "datadog": {"endpoint": "https://logs.example.com", "api_key": "token-2"}},
        {"name": "find", "open_search": {"endpoint": "https://x", "basic_auth": {"user": "u", "password": "token-3"}}},
    ]
    header = {"key": "X-Secure", "value": "token-4"}
    spec = web(ingress={"rules": RULES, "secure_header": header})
    spec["services"][0]["log_destinations"] = logs
    spec["workers"] = [{"name": "bg", "image": {"repository": "x"}, "log_destinations": logs}]
    app = terraform.create(spec)
    assert app["spec"]["services"][0]["log_destinations"] == logs
    assert app["spec"]["workers"][0]["log_destinations"] == logs
    assert app["spec"]["ingress"]["secure_header"] == header
    assert differences(spec, app["spec"]) == []


def test_a_secret_comes_back_as_ciphertext_once_and_then_stays(terraform: Terraform) -> None:
    app = terraform.create(web(envs=[{"key": "KEY", "value": "plain", "type": "SECRET"}]))
    (sealed,) = app["spec"]["envs"]
    assert sealed["value"].startswith("EV[1:")
    again = terraform.update(app["id"], app["spec"])
    assert again["spec"] == app["spec"]


@pytest.mark.parametrize("kind", ["PRE_DEPLOY", "POST_DEPLOY", "FAILED_DEPLOY"])
def test_a_job_of_any_kind_lets_the_client_come_to_an_end(terraform: Terraform, kind: str) -> None:
    app = terraform.create(built(jobs=[JOB | {"kind": kind}]))
    assert {step["status"] for step in app["active_deployment"]["progress"]["steps"]} == {"SUCCESS"}
