"""Probes as evidence: what they say of an app, and when they say something of themselves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from reconciler.appspec.kinds import has_address, is_offline
from reconciler.config import HealthPolicy, Policy, Timeouts
from reconciler.config_sections import Probe
from reconciler.plan.model import Action
from reconciler.rollout.model import TRIES, RolloutRecord
from tests.rollout.stage import web
from tests.rollout.tampering import Answer, Tampered
from tests.rollout.test_deploying import kind

TIMES = Timeouts(build=600, deploy=300, health=60)
UNSENT = [
    httpx.ConnectError("[Errno -2] Name or service not known"),
    httpx.ConnectTimeout("timed out"),
    httpx.ProxyError("403 Forbidden"),
    httpx.LocalProtocolError("Illegal header value"),
]
WITHOUT_COMPONENTS = [{"components": True}, {"components": False}]


@pytest.fixture
def stage() -> Iterator[Tampered]:
    stage = Tampered()
    yield stage
    stage.close()


def policy(probe: Probe | None = None, **health: Any) -> Policy:
    return Policy(timeouts=TIMES, health=HealthPolicy(soak=20, probe=probe or Probe(), **health))


def live(answer: Callable[[], Answer]) -> Callable[[httpx.Request], Answer]:
    """Only requests to the app itself are answered so."""
    return lambda request: answer() if "/_live/" in request.url.path else None


def roll(stage: Tampered, tag: str = "1.28", **more: Any) -> RolloutRecord:
    stage.sent.clear()
    return stage.one(stage.job(web(tag=tag), **more))


# --- C57: a probe that never reaches the app says nothing of it ---


@pytest.mark.parametrize("components", WITHOUT_COMPONENTS)
@pytest.mark.parametrize("failure", UNSENT)
def test_c57_a_probe_that_cannot_be_sent_rolls_nothing_back(
    stage: Tampered, failure: Exception, components: dict[str, bool]
) -> None:
    stage.deploy(web())
    stage.tamper = live(lambda: failure)
    record = roll(stage, policy=policy(**components))
    assert kind(record) == "timed_out"
    assert "its health could not be determined within 60 s: GET / could not be sent: " in record.outcome.reason
    assert stage.writes() == [stage.writes()[0]], "the update, and nothing else"
    assert stage.deployments()[0] == ("ACTIVE", "1.28")


@pytest.mark.parametrize("comes", [5.0, 40.0])
def test_c57_a_way_to_the_app_that_comes_late_is_enough(stage: Tampered, comes: float) -> None:
    stage.deploy(web())
    began = stage.clock.monotonic()
    stage.tamper = live(lambda: UNSENT[0] if stage.clock.monotonic() < began + 60 + comes else None)
    assert kind(roll(stage, policy=policy())) == "applied"


def test_c57_a_way_to_the_app_that_is_lost_once_begins_the_soak_anew(stage: Tampered) -> None:
    stage.deploy(web())
    asked: list[float] = []

    def lost_at_the_tenth() -> Answer:
        asked.append(stage.clock.monotonic())
        return UNSENT[0] if len(asked) == 10 else None

    stage.tamper = live(lost_at_the_tenth)
    assert kind(roll(stage, policy=policy())) == "applied"
    assert asked[-1] - asked[9] >= 20


@pytest.mark.parametrize("url", ["", None])
def test_c57_an_app_without_a_live_url_is_not_rolled_back_for_it(stage: Tampered, url: Any) -> None:
    stage.deploy(web())

    def without(_: httpx.Request, body: Any) -> Any:
        if "app" in body:
            body["app"]["live_url"] = url
        for one in body.get("apps", []):
            one["live_url"] = url
        return body

    stage.after = without
    record = roll(stage, policy=policy())
    assert kind(record) == "timed_out"
    assert "GET / could not be sent: the app has no live URL" in record.outcome.reason
    assert stage.probes() == 0


def test_c57_an_app_that_is_unhealthy_is_taken_back_whether_the_probe_can_be_sent_or_not(stage: Tampered) -> None:
    stage.deploy(web())
    stage.tamper = live(lambda: UNSENT[0])
    stage.box.fail("web", "health")
    record = roll(stage, policy=policy())
    assert kind(record) == "rolled_back", record.outcome
    assert "api is unhealthy" in record.outcome.reason
    assert stage.deployments()[0] == ("ACTIVE", "1.27")


# --- C57: a probe that fails on the version before as well is what is wrong ---

ANSWERS = [lambda: httpx.Response(404, text="no"), lambda: httpx.ReadTimeout("x"), lambda: httpx.ReadError("reset")]


@pytest.mark.parametrize("components", WITHOUT_COMPONENTS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_c57_a_probe_that_failed_before_accuses_itself(
    stage: Tampered, answer: Callable[[], Answer], components: dict[str, bool]
) -> None:
    stage.deploy(web())
    stage.tamper = live(answer)
    record = roll(stage, policy=policy(**components))
    assert kind(record) == "timed_out"
    assert "; the probe failed on the previous version as well" in record.outcome.reason
    assert any("the probe fails on the previous version, so it is no reason" in told for told in record.warnings)
    assert stage.deployments()[0] == ("ACTIVE", "1.28")


def test_c57_a_probe_that_failed_once_before_is_asked_again_and_accuses_nothing(stage: Tampered) -> None:
    stage.deploy(web())
    answers = iter([httpx.Response(503, text="no"), httpx.Response(200, text="ok")])
    stage.tamper = live(lambda: next(answers, httpx.Response(404, text="no")))
    record = roll(stage, policy=policy())
    assert kind(record) == "rollback_failed", record.outcome
    assert "GET / answered 404, not 200" in record.outcome.reason
    assert not any("previous version" in told for told in record.warnings)


def test_c57_a_fix_of_what_the_probe_found_is_applied(stage: Tampered) -> None:
    stage.deploy(web())
    before = iter([httpx.Response(503, text="no")] * TRIES)
    stage.tamper = live(lambda: next(before, None))
    record = roll(stage, policy=policy())
    assert kind(record) == "applied"
    assert any("the probe fails on the previous version" in told for told in record.warnings)


def test_c57_what_goes_back_is_judged_without_a_probe_that_fails_on_it_anyway(stage: Tampered) -> None:
    stage.deploy(web())
    stage.tamper = live(lambda: httpx.Response(404, text="no"))
    stage.box.fail("web", "health")
    record = roll(stage, policy=policy())
    assert kind(record) == "rolled_back", record.outcome
    assert not record.outcome.pinned


def test_c57_a_first_deployment_has_no_version_before(stage: Tampered) -> None:
    stage.tamper = live(lambda: httpx.Response(404, text="no"))
    record = stage.one(stage.job(web(), Action.CREATE, policy=policy()))
    assert kind(record) == "degraded"
    assert record.warnings == ()


def test_c57_a_run_that_goes_on_with_a_deployment_asks_the_version_that_still_serves(stage: Tampered) -> None:
    stage.deploy(web())
    stage.tamper = live(lambda: httpx.Response(404, text="no"))
    record = stage.one(stage.job(web(tag="1.28"), policy=policy()), stop_at=5.0)
    assert kind(record) == "interrupted"
    app = stage.app()
    assert app is not None
    assert app.running_deployment is not None
    follow = {"follow": app.running_deployment.id}
    record = roll(stage, action=Action.NONE, policy=policy(), **follow)
    assert kind(record) == "timed_out"
    assert "the probe failed on the previous version as well" in record.outcome.reason


def test_c57_a_deployment_that_serves_already_is_no_version_before(stage: Tampered) -> None:
    stage.deploy(web())
    stage.deploy(web(tag="1.28"))
    app = stage.app()
    assert app is not None
    assert app.active_deployment is not None
    stage.tamper = live(lambda: httpx.Response(404, text="no"))
    record = roll(stage, action=Action.NONE, policy=policy(), follow=app.active_deployment.id)
    assert "previous version" not in record.outcome.reason
    assert kind(record) in ("rolled_back", "rollback_failed")


# --- C58: what is meant to be offline is not probed ---


@pytest.mark.parametrize("components", WITHOUT_COMPONENTS)
@pytest.mark.parametrize("maintenance", [{"enabled": True}, {"archive": True}, {"enabled": True, "archive": True}])
def test_c58_an_app_in_maintenance_is_not_probed(
    stage: Tampered, maintenance: dict[str, bool], components: dict[str, bool]
) -> None:
    stage.deploy(web())
    stage.sent.clear()
    record = stage.one(stage.job(web(maintenance=maintenance), policy=policy(**components)))
    assert kind(record) == "applied", record.outcome
    assert stage.probes() == 0


def test_c58_an_app_that_comes_back_is_probed_again_and_its_maintenance_accuses_no_probe(stage: Tampered) -> None:
    stage.deploy(web(maintenance={"enabled": True}))
    stage.box.fail("web", "health")
    stage.sent.clear()
    record = stage.one(stage.job(web(maintenance={}), policy=policy(components=False)))
    assert kind(record) == "rolled_back", record.outcome
    assert "GET / answered 503, not 200" in record.outcome.reason


def test_c58_an_app_that_answers_no_requests_is_not_probed(stage: Tampered) -> None:
    spec = web()
    spec["workers"] = spec.pop("services")
    record = stage.one(stage.job(spec, Action.CREATE, policy=policy()))
    assert kind(record) == "applied"
    assert stage.probes() == 0


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ({}, False),
        ({"services": [{"name": "api"}]}, True),
        ({"services": [{"name": "api", "internal_ports": [9000]}]}, False),
        ({"services": [{"name": "api", "internal_ports": [9000], "http_port": 80}]}, True),
        ({"services": [{"name": "api", "internal_ports": [9000], "routes": [{"path": "/"}]}]}, True),
        (
            {
                "services": [{"name": "api", "internal_ports": [9000]}],
                "ingress": {"rules": [{"component": {"name": "api"}}, {"redirect": {}}, None]},
            },
            True,
        ),
        ({"static_sites": [{"name": "pages"}]}, True),
        ({"functions": [{"name": "fn"}]}, True),
        ({"workers": [{"name": "jobs"}], "services": None, "static_sites": ["odd"], "ingress": "odd"}, False),
    ],
)
def test_c58_what_answers_requests_is_read_from_the_spec(spec: dict[str, Any], address: bool) -> None:
    assert has_address(spec) is address


@pytest.mark.parametrize(
    ("maintenance", "offline"),
    [
        ({}, False),
        (None, False),
        ("odd", False),
        ({"enabled": False}, False),
        ({"enabled": True}, True),
        ({"archive": True}, True),
    ],
)
def test_c58_maintenance_is_read_from_the_spec(maintenance: Any, offline: bool) -> None:
    assert is_offline({"maintenance": maintenance}) is offline


# --- C59: a regular expression that never ends ---


def test_c59_a_pattern_that_backtracks_without_end_ends(stage: Tampered) -> None:
    stage.deploy(web())
    stage.tamper = live(lambda: httpx.Response(200, text="a" * 65535 + "!"))
    record = roll(stage, policy=policy(Probe(body="^(a+)+$")))
    assert "the body does not match '^(a+)+$'" in record.outcome.reason


def test_c59_a_signal_ends_a_run_whose_pattern_would_not(stage: Tampered) -> None:
    stage.deploy(web())
    stage.tamper = live(lambda: httpx.Response(200, text="a" * 65535 + "!"))
    record = stage.one(stage.job(web(tag="1.28"), policy=policy(Probe(body="^(a+)+$"))), stop_at=100.0)
    assert kind(record) == "interrupted"
