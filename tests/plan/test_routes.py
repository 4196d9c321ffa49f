"""Routes, cors and what the platform chooses, against the rules it answers."""

from __future__ import annotations

import pytest

from reconciler.plan.align import align
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from tests.plan.platform import app, service

CORS = {"allow_methods": ["GET"]}


def rule(name, path="/", **more):
    return {"match": {"path": {"prefix": path}}, "component": {"name": name}, **more}


def rules(*found):
    return {"ingress": {"rules": list(found)}}


def changes(desired, live):
    aligned = align(canonical(desired), canonical(live))
    return [f"{change.kind.value} {change.human_path}" for change in diff(aligned.live, aligned.desired)]


API, WEB = service("api"), service("web")
SAME = {
    "routes come back as rules": (
        app(services=[service("api", routes=[{"path": "/api"}])]), app(**rules(rule("api", "/api")))),
    "in any order": (
        app(services=[service("api", routes=[{"path": "/a"}, {"path": "/b"}])]),
        app(**rules(rule("api", "/b"), rule("api", "/a")))),
    "a route without a path leads everywhere": (
        app(services=[service("api", routes=[{}])]), app(**rules(rule("api")))),
    "the path prefix is preserved": (
        app(services=[service("api", routes=[{"path": "/a", "preserve_path_prefix": True}])]),
        app(**rules({**rule("api", "/a"), "component": {"name": "api", "preserve_path_prefix": True}}))),
    "cors goes with each route": (
        app(services=[service("api", routes=[{"path": "/a"}, {"path": "/b"}], cors=CORS)]),
        app(**rules(rule("api", "/a", cors=CORS), rule("api", "/b", cors=CORS)))),
    "cors without a route goes with the rule the platform chose": (
        app(services=[service("api", cors=CORS)]), app(**rules(rule("api", cors=CORS)))),
    "or with that of the component's own path": (
        app(services=[API, service("web", cors=CORS)]),
        app(services=[API, WEB], **rules(rule("api"), rule("web", "/web", cors=CORS)))),
    "cors goes with explicit rules that have none": (
        app(services=[service("api", cors=CORS)],
            **rules(rule("api", "/a"), rule("api", "/b", cors={"max_age": "1h"}))),
        app(**rules(rule("api", "/a", cors=CORS), rule("api", "/b", cors={"max_age": "1h"})))),
    "cors reaches nothing where nothing is reachable": (
        app(services=[service("api", cors=CORS)], ingress={}), app(ingress={})),
    "routes beside explicit rules": (
        app(services=[service("api", routes=[{"path": "/x"}])], **rules(rule("api", "/a"), rule("api", "/b"))),
        app(**rules(rule("api", "/a"), rule("api", "/x"), rule("api", "/b")))),
    "routes that are kept as routes": (
        app(services=[service("api", routes=[{"path": "/a"}])]),
        app(services=[service("api", routes=[{"path": "/a"}])])),
    "routes live, rules in Git": (
        app(**rules(rule("api", "/b"), rule("api", "/a"))),
        app(services=[service("api", routes=[{"path": "/a"}, {"path": "/b"}])])),
    "cors live, rules in Git": (
        app(**rules(rule("api", cors=CORS))), app(services=[service("api", cors=CORS)])),
    "nothing said, one component": (app(), app(**rules(rule("api")))),
    "nothing said and nothing answered": (app(), app()),
    "nothing said, several components": (
        app(services=[API, WEB]), app(services=[API, WEB], **rules(rule("web"), rule("api", "/api")))),
    "nothing said of one of two": (
        app(services=[service("api", routes=[{"path": "/v1"}]), WEB]),
        app(services=[API, WEB], **rules(rule("web"), rule("api", "/v1")))),
    "a static site and functions are routed, too": (
        app(services=[], static_sites=[{"name": "site"}], functions=[{"name": "fn"}]),
        app(services=[], static_sites=[{"name": "site"}], functions=[{"name": "fn"}],
            **rules(rule("site"), rule("fn", "/fn")))),
    "a worker is not": (
        app(services=[], workers=[{"name": "job"}]), app(services=[], workers=[{"name": "job"}], ingress={})),
    "an internal service may be left alone": (
        app(services=[service(internal_ports=[9000])]), app(services=[service(internal_ports=[9000])], ingress={})),
    "or be routed all the same": (
        app(services=[service(internal_ports=[9000])]),
        app(services=[service(internal_ports=[9000])], **rules(rule("api")))),
    "cors of an internal service leads nowhere": (
        app(services=[service(internal_ports=[9000], cors=CORS)]), app(services=[service(internal_ports=[9000])])),
    "the platform's own fields are its own": (app(), app(ingress={"rules": [rule("api")], "load_balancer": "x"})),
}  # fmt: skip


@pytest.mark.parametrize(("desired", "live"), SAME.values(), ids=SAME)
def test_the_same_traffic_is_no_change(desired, live):
    assert changes(desired, live) == []


DRIFT = {
    "a route that is gone": (
        app(services=[service("api", routes=[{"path": "/a"}, {"path": "/b"}])]), app(**rules(rule("api", "/a"))),
        ["added ingress/rules/[/b]"]),
    "a route nobody asked for": (
        app(services=[service("api", routes=[{"path": "/a"}])]), app(**rules(rule("api", "/a"), rule("api", "/x"))),
        ["removed ingress/rules/[/x]"]),
    "a route where nothing is routed": (
        app(services=[service("api", routes=[{"path": "/a"}])]), app(), ["added ingress"]),
    "cors where nothing is routed": (
        app(services=[service("api", cors=CORS)]), app(), ["added ingress"]),
    "a rule the platform would not choose": (
        app(), app(**rules(rule("api", "/old"))), ["removed ingress/rules/[/old]", "added ingress/rules/[/]"]),
    "a rule beside those the platform chose": (
        app(services=[API, WEB]),
        app(services=[API, WEB], **rules(rule("api"), rule("web", "/web"), rule("web", "/x"))),
        ["removed ingress/rules/[/x]"]),
    "rules none of which the platform would choose": (
        app(services=[API, WEB]), app(services=[API, WEB], **rules(rule("api", "/x"))), ["removed ingress"]),
    "C24: an ingress that was emptied": (
        app(ingress={}), app(**rules(rule("api"))), ["removed ingress/rules/[/]"]),
    "nothing reachable, and Git leaves it open": (
        app(), app(ingress={}), ["added ingress/rules/[/]"]),
    "C25: another order": (
        app(**rules(rule("api", "/a"), rule("api", "/b"))), app(**rules(rule("api", "/b"), rule("api", "/a"))),
        ["reordered ingress/rules"]),
    "another order beside a translated rule": (
        app(services=[service("api", routes=[{"path": "/x"}])], **rules(rule("api", "/a"), rule("api", "/b"))),
        app(**rules(rule("api", "/b"), rule("api", "/x"), rule("api", "/a"))),
        ["reordered ingress/rules"]),
    "cors that the rule lacks": (
        app(services=[service("api", cors=CORS)]), app(**rules(rule("api"))), ["added ingress/rules/[/]/cors"]),
    "a worker's app with rules": (
        app(services=[], workers=[{"name": "job"}]),
        app(services=[], workers=[{"name": "job"}], **rules({"redirect": {"uri": "/x"}})),
        ["removed ingress/rules/[/]"]),
    "an ingress that is no mapping": (app(ingress=5), app(), ["added ingress"]),
}  # fmt: skip


@pytest.mark.parametrize(("desired", "live", "told"), DRIFT.values(), ids=DRIFT)
def test_other_traffic_is_a_change(desired, live, told):
    assert sorted(changes(desired, live)) == sorted(told)


def test_cors_of_several_components_without_any_route_is_expected_under_their_names():
    live = app(services=[API, WEB], **rules(rule("api")))
    desired = app(services=[API, service("web", cors=CORS)])
    assert changes(desired, live) == ["added ingress/rules/[/web]"]


def test_routes_of_an_ignored_component_are_ignored_with_it():
    live = app(services=[API])
    desired = app(services=[API, service("web", routes=[{"path": "/web"}]), service("www", cors=CORS)])
    aligned = align(canonical(desired), canonical(live), ignore=["/services/web", "/services/www"])
    assert diff(aligned.live, aligned.desired) == ()


@pytest.mark.parametrize("odd", [80, "/", {"path": "/"}, True])
def test_routes_that_are_no_list_of_them_lead_nowhere(odd):
    assert canonical(app(services=[service(routes=odd)])) == canonical(app(services=[service()]))
