"""What is sent: Git's document field for field, kept ciphertext, live's values at ignored paths, and nothing else."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config import Policy
from reconciler.plan.align import Secrets
from reconciler.plan.compare import payload
from tests.plan.platform import CIPHER, OTHER, against, app, env, live, secret, sent, service, stored, told
from tests.support.specs import specs


def with_envs(*envs):
    return app(services=[service(envs=list(envs))])


def test_a_new_app_is_sent_as_it_stands():
    spec = app(brand_new={"a": [1]}, services=[service(http_port=None, envs=[secret("A", "x")])])
    assert payload(spec, None) == spec


def test_kept_secrets_go_back_as_ciphertext_and_everything_else_is_gits():
    spec = with_envs(secret("A", "x"), secret("B"), secret("C", OTHER), secret("NEW", "y"), env("D", "1"))
    answered = with_envs(env("GONE", "1"), secret("C", CIPHER), secret("B", CIPHER), secret("A", CIPHER))
    assert payload(spec, answered) == with_envs(
        secret("A", CIPHER), secret("B", CIPHER), secret("C", OTHER), secret("NEW", "y"), env("D", "1")
    )


def test_a_rotated_secret_goes_as_plaintext():
    spec, answered = with_envs(secret("A", "new"), secret("B", "x")), with_envs(secret("A", CIPHER), secret("B", OTHER))
    rotated = payload(spec, answered, secrets=Secrets(rotate=frozenset({"api/A"})))
    assert rotated == with_envs(secret("A", "new"), secret("B", OTHER))


def test_every_kind_of_credential_is_kept():
    def spec(value):
        logs = [
            {"name": "one", "datadog": {"api_key": value}},
            {"name": "two", "endpoint": "https://x", "headers": [{"key": "K", "value": value}]},
        ]
        image = {"repository": "x", "registry_credentials": value}
        return app(workers=[{"name": "job", "image": image, "log_destinations": logs}])

    assert payload(spec("plain"), spec(CIPHER)) == spec(CIPHER)


def test_neither_argument_is_changed():
    spec, answered = with_envs(secret("A", "x")), with_envs(secret("A", CIPHER), env("B", "1"))
    before = copy.deepcopy((spec, answered))
    payload(spec, answered, ignore=["/services/api/envs/B", "/services/api/instance_count"])
    assert (spec, answered) == before


ALERT = {"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80.0, "window": "TEN_MINUTES"}
TO_A = {"match": {"path": {"prefix": "/a"}}}
IGNORED = {
    "live's value": (
        "/services/api/instance_count", app(services=[service(instance_count=2)]),
        app(services=[service(instance_count=5)]), app(services=[service(instance_count=5)])),
    "live's absence": (
        "/services/api/instance_count", app(services=[service(instance_count=2)]), app(), app()),
    "an item that only live has": (
        "/services/api/envs/A", app(), with_envs(env("A", "1"), env("B", "1")), with_envs(env("A", "1"))),
    "beside Git's own": (
        "/services/api/envs/A", with_envs(env("C", "1")), with_envs(env("A", "1")),
        with_envs(env("C", "1"), env("A", "1"))),
    "where Git writes null": (
        "/services/api/envs/A", app(services=[service(envs=None)]), with_envs(env("A", "1")), with_envs(env("A", "1"))),
    "an item that only Git has": (
        "/services/api/envs/A", with_envs(env("A", "1"), env("B", "1")), with_envs(env("B", "1")),
        with_envs(env("B", "1"))),
    "a value in an object that Git leaves out": (
        "/services/api/health_check/http_path", app(), app(services=[service(health_check={"http_path": "/up"})]),
        app(services=[service(health_check={"http_path": "/up"})])),
    "a value under its older name": (
        "/services/api/health_check/http_path", app(services=[service(health_check={"path": "/x"})]),
        app(services=[service(health_check={"path": "/up"})]),
        app(services=[service(health_check={"http_path": "/up"})])),
    "no value under its older name": (
        "/services/api/health_check/http_path", app(services=[service(health_check={"path": "/x", "port": 1})]),
        app(services=[service(health_check={"port": 2})]), app(services=[service(health_check={"port": 1})])),
    "an ingress, of an app whose services are of odd form": (
        "/ingress", app(ingress={}), {"ingress": {"load_balancer": "x"}, "services": 3},
        app(ingress={"load_balancer": "x"})),
    "an alert, told apart by what it watches": (
        "/alerts/CPU_UTILIZATION~1GREATER_THAN~180~1TEN_MINUTES/disabled", app(alerts=[ALERT]),
        app(alerts=[{**ALERT, "value": 80, "disabled": True}]), app(alerts=[{**ALERT, "disabled": True}])),
    "a rule's field": (
        "/ingress/rules/0/redirect/uri", app(ingress={"rules": [{"redirect": {"uri": "/a", "port": 1}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b", "port": 2}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/b", "port": 1}}]})),
    "a rule's field, wherever it stands": (
        "/ingress/rules/[~1a]/redirect/uri",
        app(ingress={"rules": [{"redirect": {"uri": "/"}}, {**TO_A, "redirect": {"uri": "/x"}}]}),
        app(ingress={"rules": [{**TO_A, "redirect": {"uri": "/y"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/"}}, {**TO_A, "redirect": {"uri": "/y"}}]})),
    "the whole ingress, which routes would contradict": (
        "/ingress", app(services=[service(routes=[{"path": "/a"}], cors={"max_age": "1h"})]),
        app(ingress={"rules": [{"redirect": {"uri": "/x"}}]}),
        app(ingress={"rules": [{"redirect": {"uri": "/x"}}]})),
    "routes that live keeps as routes": (
        "/ingress/rules", app(services=[service(routes=[{"path": "/a"}])]),
        app(services=[service(routes=[{"path": "/b"}])]), app(services=[service(routes=[{"path": "/b"}])])),
    "an unknown field": ("/brand_new/a", app(brand_new={"a": 1, "b": 1}), app(brand_new={"a": 2, "b": 2}),
                         app(brand_new={"a": 2, "b": 1})),
}  # fmt: skip


@pytest.mark.parametrize(("pointer", "spec", "answered", "wanted"), IGNORED.values(), ids=IGNORED)
def test_at_an_ignored_path_live_is_sent_back(pointer, spec, answered, wanted):
    assert payload(spec, answered, ignore=[pointer]) == wanted


@settings(max_examples=40, deadline=None)
@given(specs(), specs())
def test_sending_tells_the_same_changes_as_the_plan_and_no_notes(before, after):
    answered = stored(before)
    assert told(against(sent(after, answered), answered)) == told(against(after, answered))
    assert against(sent(after, answered), answered).aligned.notes == ()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_ignored_is_not_touched(data):
    before, after = data.draw(specs(secrets=False)), data.draw(specs(secrets=False))
    answered = stored(before)
    paths = [change.path for change in against(after, answered).changes]
    plain = [path for path in paths if "egress_ips" not in path and path[0] not in ("ingress", "name")]
    if not plain:
        return
    path = data.draw(st.sampled_from(plain))
    policy = Policy(ignore=["/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)])
    compared = against(after, answered, policy)
    left = {change.path for change in against(sent(after, answered, policy), answered).changes}
    assert path not in left
    assert left == {change.path for change in compared.changes}
    assert live(answered).spec == answered


# --- a count or autoscaling that is ignored ---------------------------------------------------------------------------

AUTO = {"min_instance_count": 1, "max_instance_count": 3}
COUNTED, SCALED = "/services/*/instance_count", "/services/*/autoscaling"
SCALING = {
    "Git autoscales, live counts, the count is ignored": (
        [COUNTED], {"autoscaling": AUTO}, {"instance_count": 3}, {"autoscaling": AUTO}, ["services/api/autoscaling"]),
    "Git counts, live autoscales, autoscaling is ignored": (
        [SCALED], {"instance_count": 2}, {"autoscaling": AUTO}, {"autoscaling": AUTO}, []),
    "the same, and live tells a count beside it": (
        [SCALED], {"instance_count": 2}, {"autoscaling": AUTO, "instance_count": 3}, {"autoscaling": AUTO}, []),
    "Git autoscales, live counts, autoscaling is ignored": (
        [SCALED], {"autoscaling": AUTO}, {"instance_count": 5}, {"instance_count": 5}, []),
    "Git counts, live autoscales, both are ignored": (
        [SCALED, COUNTED], {"instance_count": 2}, {"autoscaling": AUTO}, {"autoscaling": AUTO}, []),
    "Git autoscales, live counts, both are ignored": (
        [COUNTED, SCALED], {"autoscaling": AUTO}, {"instance_count": 5}, {"instance_count": 5}, []),
    "both autoscale, the least is ignored": (
        [SCALED + "/min_instance_count"], {"autoscaling": AUTO}, {"autoscaling": {**AUTO, "min_instance_count": 2}},
        {"autoscaling": {**AUTO, "min_instance_count": 2}}, []),
    "both count, the count is ignored": (
        [COUNTED], {"instance_count": 2}, {"instance_count": 5}, {"instance_count": 5}, []),
    "both count, autoscaling is ignored": (
        [SCALED], {"instance_count": 2}, {"instance_count": 5}, {"instance_count": 2}, ["services/api/instance_count"]),
}  # fmt: skip


@pytest.mark.parametrize(("ignore", "git", "answered", "scaling", "changes"), SCALING.values(), ids=SCALING)
def test_what_is_ignored_leaves_one_way_of_scaling(ignore, git, answered, scaling, changes):
    policy = Policy(ignore=ignore)
    spec, there = app(services=[service(**git)]), app(services=[service(**answered)])
    assert sent(spec, there, policy)["services"] == [service(**scaling)]
    assert list(told(against(spec, there, policy))) == changes


def test_a_component_that_is_ignored_in_part_and_as_a_whole_is_lives():
    policy = Policy(ignore=[COUNTED, "/services/more"])
    spec = app(services=[service(instance_count=2), service("more", instance_count=2)])
    assert sent(spec, app(services=[service(instance_count=5)]), policy) == app(services=[service(instance_count=5)])
    both = app(services=[service(instance_count=5), service("more", instance_count=5)])
    assert sent(spec, both, policy) == both
