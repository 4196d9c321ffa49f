"""A preview's spec: what it has of its app, what it leaves out, whose it is, and which pull requests have one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.appspec.parts import NAME_PATTERN
from reconciler.config import Config
from reconciler.config_file import ConfigFile
from reconciler.config_preview import Preview
from reconciler.desired.load import DesiredApp
from reconciler.desired.preview import Derived, derive
from reconciler.desired.preview_mark import (
    MOST_PULLS,
    VARIABLE,
    Mark,
    PullRequest,
    mark_of,
    marked,
    name_of,
    names_in,
    proven,
    why_none,
    why_over,
    without_mark,
)
from reconciler.desired.validate import validate
from reconciler.yamltext import Document

COMMIT = "0123456789" * 4
PULL = PullRequest("acme/shop", 12, "new-cart", COMMIT)
FORK = replace(PULL, fork="stranger/shop", labels=frozenset({"preview"}))
NOW = datetime(2026, 3, 1, tzinfo=UTC)

APP: dict[str, Any] = yaml.safe_load("""
name: shop
region: fra
domains: [{domain: shop.example.com, type: PRIMARY}, {domain: www.shop.example.com}]
alerts: [{rule: DEPLOYMENT_FAILED}]
egress: {type: DEDICATED_IP}
maintenance: {enabled: true}
vpc: {id: 5a4981aa-9653-4bd1-bef5-d6bff52042e4}
envs:
  - {key: LOG_LEVEL, value: info}
  - {key: STRIPE_KEY, value: sk_secret_value, type: SECRET}
  - {key: SENTRY, value: "EV[1:abcdefgh:ijklmnop]", type: SECRET}
services:
  - name: web
    github: {repo: Acme/Shop, branch: main, deploy_on_push: true}
    instance_size_slug: apps-d-1vcpu-2gb
    autoscaling: {min_instance_count: 2, max_instance_count: 5, metrics: {cpu: {percent: 70}}}
    alerts: [{rule: CPU_UTILIZATION, operator: GREATER_THAN, value: 80, window: FIVE_MINUTES}]
    log_destinations: [{name: logs, logtail: {token: logtail-token}}]
    envs:
      - {key: DATABASE_URL, value: "${db.DATABASE_URL}", type: SECRET}
      - {key: LEGACY_URL, value: "${legacy.DATABASE_URL}"}
      - {key: API_TOKEN, value: 4f9a61c0d2e8}
  - name: docs
    git: {repo_clone_url: "https://github.com/acme/shop.git", branch: main}
    http_port: 80
  - name: other
    github: {repo: acme/other, branch: main, deploy_on_push: true}
workers:
  - name: mail
    image: {registry_type: DOCR, repository: mail, tag: v7, deploy_on_push: {enabled: true}}
    instance_count: 2
    instance_size_slug: apps-s-1vcpu-1gb
jobs:
  - name: migrate
    kind: PRE_DEPLOY
    github: {repo: acme/shop, branch: main}
  - name: nightly
    kind: SCHEDULED
    schedule: {cron: "0 3 * * *"}
    github: {repo: acme/shop, branch: main}
databases:
  - {name: db, engine: PG, version: "16", production: true, cluster_name: shop-db, db_name: shop, db_user: shop}
  - {name: legacy, engine: MYSQL, production: true, cluster_name: legacy}
ingress:
  rules:
    - {match: {authority: {exact: www.shop.example.com}}, redirect: {authority: shop.example.com}}
    - {match: {authority: {exact: api.shop.example.com}, path: {prefix: /}}, component: {name: web}}
    - {match: {path: {prefix: /}}, component: {name: docs}}
    - {match: {authority: {exact: b.shop.example.com}, path: {prefix: /v1}}, component: {name: other}}
""")


def app(spec: dict[str, Any] = APP, hidden: frozenset[str] = frozenset()) -> DesiredApp:
    return DesiredApp(str(spec["name"]), spec, Document("specs/shop.yaml", "", 0, None), hidden=hidden)


def preview(pull: PullRequest = PULL, images: dict[str, str] | None = None, **settings: Any) -> Derived:
    return derive(app(), pull, Preview(**settings), images or {})


def component(found: Derived, kind: str, name: str) -> dict[str, Any]:
    return next(one for one in found.app.spec[kind] if one["name"] == name)


def keys(owner: Any) -> list[str]:
    return [env["key"] for env in owner.get("envs", [])]


def test_a_preview_has_nothing_that_is_productions() -> None:
    found = preview()
    assert not {"domains", "alerts", "egress", "maintenance", "vpc"} & set(found.app.spec)
    assert not {"alerts", "log_destinations"} & set(component(found, "services", "web"))
    assert [one["name"] for one in found.app.spec["jobs"]] == ["migrate"]
    assert found.app.spec["databases"] == [{"name": "db", "engine": "PG", "version": "16"}]
    assert not [one for one in validate(found.app) if one.is_error]


def test_an_apps_only_rules_may_be_those_of_its_host_names() -> None:
    hosts = [{"match": {"authority": {"exact": "a.example.com"}}, "redirect": {"authority": "b.example.com"}}]
    found = derive(app({"name": "shop", "ingress": {"rules": hosts}}), PULL, Preview(), {})
    assert "ingress" not in found.app.spec


def test_the_apps_own_spec_is_untouched() -> None:
    before = yaml.safe_dump(APP)
    preview()
    assert yaml.safe_dump(APP) == before


def test_sources_of_the_repository_are_on_the_branch_and_others_as_they_were() -> None:
    found = preview()
    assert component(found, "services", "web")["github"] == {"repo": "Acme/Shop", "branch": "new-cart"}
    assert component(found, "services", "docs")["git"]["branch"] == "new-cart"
    assert component(found, "services", "other")["github"] == {"repo": "acme/other", "branch": "main"}
    assert component(found, "jobs", "migrate")["github"]["branch"] == "new-cart"


def test_a_forks_branch_is_cloned_as_anybody_may() -> None:
    cloned = {"repo_clone_url": "https://github.com/stranger/shop.git", "branch": "new-cart"}
    web = component(preview(FORK), "services", "web")
    assert web["git"] == cloned
    assert "github" not in web


def test_every_instance_is_one_of_the_smallest_size_unless_stated() -> None:
    web, mail = component(preview(), "services", "web"), component(preview(), "workers", "mail")
    assert (web["instance_size_slug"], mail["instance_size_slug"]) == ("apps-s-1vcpu-0.5gb",) * 2
    assert not {"autoscaling", "instance_count"} & {*web, *mail}
    stated = preview(sizes={"web": "apps-s-1vcpu-1gb"}, instances={"web": 2})
    assert component(stated, "services", "web")["instance_size_slug"] == "apps-s-1vcpu-1gb"
    assert component(stated, "services", "web")["instance_count"] == 2


def test_an_image_has_the_tag_or_digest_that_is_given_and_else_its_own() -> None:
    assert component(preview(), "workers", "mail")["image"]["tag"] == "v7"
    patterned = derive(app(), replace(PULL, branch="feat/x"), Preview(images={"mail": "pr-{number}-{branch}"}), {})
    assert component(patterned, "workers", "mail")["image"]["tag"] == "pr-12-feat-x"
    digest = derive(app(), PULL, Preview(images={"mail": "pr-{number}"}), {"mail": "sha256:" + "a" * 64})
    image = component(digest, "workers", "mail")["image"]
    assert image == {"registry_type": "DOCR", "repository": "mail", "digest": "sha256:" + "a" * 64}


@pytest.mark.parametrize(("choice", "left"), [("none", []), ({"db": "none", "*": "shared"}, ["legacy"])])
def test_databases_are_as_stated(choice: Any, left: list[str]) -> None:
    found = preview(databases=choice)
    assert [one["name"] for one in found.app.spec.get("databases", [])] == left


def test_a_shared_cluster_is_the_apps_own_and_keeps_its_network() -> None:
    found = preview(databases="shared")
    assert found.app.spec["databases"] == APP["databases"]
    assert found.app.spec["vpc"] == APP["vpc"]


def test_a_fork_never_shares_a_cluster() -> None:
    assert all("cluster_name" not in one for one in preview(FORK, databases="shared").app.spec["databases"])


def test_only_named_secrets_and_references_are_kept() -> None:
    found = preview()
    assert keys(found.app.spec) == ["LOG_LEVEL", VARIABLE]
    assert keys(component(found, "services", "web")) == ["DATABASE_URL"]  # a reference to its own database
    named = preview(secrets=["STRIPE_KEY", "SENTRY", "web/API_TOKEN"])
    assert keys(named.app.spec) == ["LOG_LEVEL", "STRIPE_KEY", VARIABLE]  # ciphertext is of no use elsewhere
    assert keys(component(named, "services", "web")) == ["DATABASE_URL", "API_TOKEN"]


def test_a_fork_gets_no_secret_whatever_is_named() -> None:
    found = preview(FORK, secrets=["STRIPE_KEY", "API_TOKEN"])
    assert keys(found.app.spec) == ["LOG_LEVEL", VARIABLE]
    assert keys(component(found, "services", "web")) == ["DATABASE_URL"]


def test_a_plain_value_that_holds_a_secret_variable_is_a_secret() -> None:
    found = derive(app(hidden=frozenset({"/envs/0/value"})), PULL, Preview(), {})
    assert keys(found.app.spec) == [VARIABLE]


def test_credentials_of_registries_and_logins_are_left_out_unless_named() -> None:
    spec: dict[str, Any] = {
        "name": "shop",
        "workers": [
            {"name": "a", "image": {"registry_type": "GHCR", "repository": "x", "registry_credentials": "me:secret1"}},
            {"name": "b", "git": {"repo_clone_url": "https://me:pa55w0rd@github.com/acme/shop", "branch": "main"}},
        ],
        "ingress": {"secure_header": {"key": "X-Secret", "value": "of-the-proxy"}},
    }
    found = derive(app(spec), PULL, Preview(), {})
    assert "registry_credentials" not in component(found, "workers", "a")["image"]
    assert component(found, "workers", "b")["git"]["repo_clone_url"] == "https://github.com/acme/shop"
    assert found.app.spec["ingress"] == {}
    kept = derive(app(spec), PULL, Preview(secrets=["a/registry_credentials"]), {})
    assert component(kept, "workers", "a")["image"]["registry_credentials"] == "me:secret1"


def test_requests_are_routed_by_path_alone() -> None:
    assert preview().app.spec["ingress"]["rules"] == [
        {"match": {"path": {"prefix": "/"}}, "component": {"name": "docs"}},
        {"match": {"path": {"prefix": "/v1"}}, "component": {"name": "other"}},
    ]


def test_services_sleep_where_the_settings_say_so() -> None:
    assert "inactivity_sleep" not in component(preview(), "services", "web")
    assert component(preview(sleep="10m"), "services", "web")["inactivity_sleep"] == {"after_seconds": 600}
    with pytest.raises(ValidationError, match="10m to 24h"):
        Preview.model_validate({"sleep": "5m"})


def test_everything_that_differs_is_reported(snapshot: Any) -> None:
    assert [f"{one.path}: {one.text}" for one in preview().differences] == snapshot


def test_a_job_on_a_schedule_is_kept_where_the_settings_say_so() -> None:
    assert [one["name"] for one in preview(scheduled_jobs=True).app.spec["jobs"]] == ["migrate", "nightly"]


# --- the name, the mark, the proof ---


@given(
    st.from_regex(NAME_PATTERN.replace("$", r"\Z"), fullmatch=True),
    st.integers(1, MOST_PULLS),
)
def test_every_name_is_one_that_app_platform_takes(name: str, number: int) -> None:
    import re

    made = name_of(name, "acme/shop", number)
    assert re.fullmatch(NAME_PATTERN.replace("$", r"\Z"), made)
    assert f"-pr-{number}-" in made
    assert made == name_of(name, "ACME/Shop", number)
    assert made != name_of(name, "acme/shop2", number)


def test_a_mark_is_proof_only_under_the_name_that_follows_from_it() -> None:
    spec = preview().app.spec
    mark = Mark("shop", "acme/shop", 12, COMMIT)
    assert proven(spec, {"shop"}) == mark
    assert proven({**spec, "name": "shop"}, set()) is None
    assert proven({**spec, "name": name_of("shop", "acme/shop", 13)}, set()) is None
    assert proven(spec, {"shop", mark.name}) is None  # Git names it
    assert proven({**spec, "envs": [*spec["envs"], *spec["envs"]]}, set()) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"v2 app=shop repository=acme/shop pull=12 commit={COMMIT}",
        f"v1 app=shop repository=acme/shop pull=0 commit={COMMIT}",
        f"v1 app=shop repository=shop pull=12 commit={COMMIT}",
        "v1 app=shop repository=acme/shop pull=12 commit=main",
        None,
    ],
)
def test_a_mark_of_another_form_is_none(value: Any) -> None:
    assert mark_of({"envs": [{"key": VARIABLE, "value": value}]}) is None


def test_a_mark_is_taken_off_and_nothing_else() -> None:
    mark = Mark("shop", "acme/shop", 12, COMMIT)
    assert without_mark(marked({"name": "x"}, mark)) == {"name": "x"}
    assert without_mark(marked({"envs": [{"key": "A"}]}, mark)) == {"envs": [{"key": "A"}]}
    assert without_mark({"envs": []}) == {"envs": []}
    assert mark_of(marked(marked({}, replace(mark, pull=3)), mark)) == mark


def test_every_name_that_git_has_for_an_app_is_named() -> None:
    config = Config.model_validate(
        {
            "apps": {"only-here": {}},
            "moved": {"before": "shop"},
            "environments": {"staging": {"rename": "{app}-staging", "apps": {"mine": {}}}},
        }
    )
    assert names_in(ConfigFile(config), {"shop"}) == {
        f"{name}{end}" for name in ("shop", "only-here", "before", "mine") for end in ("", "-staging")
    }


# --- which pull requests have previews ---


@pytest.mark.parametrize(
    ("pull", "settings", "approved", "why"),
    [
        (PULL, {}, "", ""),
        (replace(PULL, is_open=False), {}, "", "closed"),
        (replace(PULL, is_draft=True), {}, "", ""),
        (replace(PULL, is_draft=True), {"drafts": False}, "", "draft"),
        (PULL, {"label": "try"}, "", "no label try"),
        (replace(PULL, labels=frozenset({"try"})), {"label": "try"}, "", ""),
        (replace(FORK, labels=frozenset()), {}, COMMIT, "no label preview"),
        (FORK, {}, "", "write access"),
        (FORK, {}, "f" * 40, "write access"),
        (FORK, {}, COMMIT, ""),
    ],
)
def test_which_pull_requests_have_previews(pull: PullRequest, settings: Any, approved: str, why: str) -> None:
    found = why_none(pull, Preview(**settings), approved)
    assert (why in found) if why else not found


def test_a_preview_ends_with_its_pull_request_or_its_age_and_with_nothing_unknown() -> None:
    mark, week = Mark("shop", "acme/shop", 12, COMMIT), timedelta(days=7)
    assert not why_over(mark, PULL, Preview(), NOW, NOW + week - timedelta(seconds=1))
    assert "expired" in why_over(mark, PULL, Preview(), NOW, NOW + week)
    assert "expired" in why_over(mark, None, Preview(), NOW, NOW + week)
    assert not why_over(mark, None, Preview(), None, NOW + week)
    assert "closed" in why_over(mark, replace(PULL, is_open=False), Preview(), NOW, NOW)
    assert not why_over(mark, FORK, Preview(), NOW, NOW)
    assert "write access" in why_over(mark, replace(FORK, commit="f" * 40), Preview(), NOW, NOW)
