"""What a run that was cut short may not have judged is judged by the next one that applies, and by nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.engine import apply as applying
from reconciler.live.models import LiveApp
from reconciler.plan.deployment_history import RECHECKS, unjudged
from reconciler.sandbox import Fault
from tests.support.virtual_time import EPOCH
from tests.survival.environment import CONFIG, SETTINGS, Environment, Spec, web

SITE: Spec = {
    "name": "web",
    "static_sites": [{"name": "site", "git": {"repo_clone_url": "https://git.example.com/w.git", "branch": "main"}}],
}
PROBED: dict[str, Any] = {
    "defaults": {
        **CONFIG["defaults"],
        "health": {"soak": "10s", "tolerance": "8s", "components": False, "probe": {"path": "/healthz"}},
    }
}


def in_sync(spec: Spec, config: dict[str, Any] | None = None, age: float = 60.0) -> Environment:
    """An app that another run left in sync, active for so many seconds."""
    environment = Environment(SETTINGS, config)
    environment.ask(lambda client: client.create_app(spec))
    environment.commit(spec)
    environment.wait(14)  # it has just become active
    environment.wait(age)
    return environment


def asked(environment: Environment) -> list[str]:
    """The ends of what a run asks for, and how the app ends."""
    run = environment.run()
    return [*(request.rpartition("/")[2] for request in run.sent if request.startswith("GET /v2")), run.kind("web")]


def test_a_healthy_app_costs_one_reading_while_it_is_young() -> None:
    with in_sync(web()) as environment:
        assert asked(environment) == ["apps", "health", "unchanged"]


def test_an_old_one_costs_nothing() -> None:
    with in_sync(web(), age=1800) as environment:
        assert asked(environment) == ["apps", "unchanged"]


def test_planning_never_asks() -> None:
    with in_sync(web()) as environment:
        sent = environment.ask(
            lambda client: applying.plan(environment.desired, environment.options, client, environment.clock)
        ).report.requests
        assert sent == 1


def test_c89_a_young_fleet_costs_a_few_readings_after_the_writes() -> None:
    names = [f"app-{number:02d}" for number in range(30)]
    with Environment(SETTINGS) as environment:
        environment.there(*(web(name) for name in names))
        environment.commit(web("app-00", "1.28"), *(web(name) for name in names[1:]))
        run = environment.run()
        assert run.kind("app-00") == "applied"
        written = next(number for number, request in enumerate(run.sent) if request.startswith("PUT"))
        health = [number for number, request in enumerate(run.sent) if request.endswith("/health")]
        app = environment.app("app-00")
        others = [number for number in health if app.id not in run.sent[number]]
        assert len(others) == RECHECKS
        assert min(others) > max(number for number in health if number not in others) > written


def test_c89_what_a_changed_app_depends_on_is_looked_at_before_it() -> None:
    config = {"apps": {"web": {"depends_on": ["base"]}}}
    with Environment(SETTINGS, config) as environment:
        environment.there(web("base", "1.26"))
        environment.box.fail("base", "health")
        app = environment.app("base")
        environment.ask(lambda client: client.update_app(app.id, web("base", "1.27")))
        environment.commit(web("base", "1.27"), web("web", "1.0"))
        environment.wait(120)
        run = environment.run()
        assert run.kind("base") == "rolled_back"
        assert run.kind("web") == "skipped"


def test_one_within_its_soak_is_followed_to_its_end() -> None:
    with in_sync(web(), age=1.0) as environment:
        found = asked(environment)
        assert found[-1] == "applied"
        assert found.count("health") > 1


def test_a_site_without_anything_to_judge_is_not_asked_for() -> None:
    with in_sync(SITE) as environment:
        assert asked(environment) == ["apps", "unchanged"]


def test_the_probe_is_asked_as_well() -> None:
    with in_sync(web(), PROBED) as environment:
        assert asked(environment) == ["apps", "unchanged"]
        environment.box.set_health("web", "api", "UNHEALTHY")
        assert asked(environment)[-1] == "degraded"  # there was nothing before it


def test_an_unhealthy_one_is_judged_and_taken_back() -> None:
    with in_sync(web(tag="1.26")) as environment:
        environment.box.fail("web", "health")
        app = environment.app()
        environment.ask(lambda client: client.update_app(app.id, web(tag="1.27")))
        environment.commit(web(tag="1.27"))
        environment.wait(120)
        assert asked(environment)[-1] == "rolled_back"
        assert asked(environment)[-1] == "stalled"


def test_one_whose_health_cannot_be_read_is_followed() -> None:
    with in_sync(web()) as environment:
        environment.box.fault(Fault("server_error", operation="apps_get_health", times=6))
        assert asked(environment)[-1] == "applied"


@pytest.mark.parametrize(
    ("seconds", "found"), [(-5, 0), (0, 0), (600, 600), (300 + 30 + 900, 1230), (300 + 30 + 900 + 1, None)]
)
def test_how_long_a_deployment_counts_as_young(seconds: int, found: int | None) -> None:
    since = EPOCH - timedelta(seconds=seconds)
    deployment = {"id": "d", "phase": "ACTIVE", "phase_last_updated_at": since.isoformat()}
    app = LiveApp.model_validate({"id": "1", "active_deployment": deployment})
    age = unjudged(app, Policy(), EPOCH)
    assert age == (None if found is None else timedelta(seconds=found))


def test_one_that_does_not_say_since_when_it_is_active_is_not_young() -> None:
    assert unjudged(LiveApp(), Policy(), EPOCH) is None
    assert unjudged(LiveApp.model_validate({"active_deployment": {"id": "d"}}), Policy(), EPOCH) is None
