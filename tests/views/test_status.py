"""How apps stand, exactly, on terminals narrow and wide."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.live.models import Deployment, Health, LiveApp
from reconciler.views.app_status import AppStatus
from reconciler.views.markup import console_url
from reconciler.views.status import machine, status

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
IDS = ("655e79e2-7edf-4cf5-a79a-8d3a0cd8cb55", "ff54a1c4-93a5-4f7e-8a55-1d1f0e6c2b11")


def deployed(number: int, phase: str, action: str) -> Deployment:
    return Deployment.model_validate(
        {
            "id": IDS[number],
            "phase": phase,
            "created_at": (NOW - timedelta(hours=number + 1)).isoformat(),
            "cause_details": {"type": "MANUAL", "digitalocean_user_action": {
                "name": action, "user": {"full_name": "Ada Lovelace", "email": "ada@example.com"},
            }},
        }
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_every_row_fits_the_terminal_and_shows_whole_ids(width, expected_text):
    active = deployed(0, "ACTIVE", "REVERT_APP_ROLLBACK")
    app = LiveApp.model_validate({"id": IDS[1], "spec": {"name": "shop"}, "active_deployment": {"id": IDS[0]}})
    shown = status([AppStatus(app, (active, deployed(1, "PENDING_DEPLOY", "UPDATE_SPEC")))], now=NOW, width=width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert shown == expected_text


# --- fleets, and what is worth knowing of an app ---

SPEC = {"name": "shop", "services": [{"name": "web", "image": {"registry_type": "DOCR", "repository": "web"}}]}
NEWER = {**SPEC, "region": "fra"}
PROBE_FAILED = {
    "steps": [
        {
            "name": "deploy",
            "status": "ERROR",
            "component_name": "web",
            "reason": {"code": "DeployContainerHealthChecksFailed", "message": "readiness"},
        }
    ]
}


def made(
    number: int, phase: str, spec=SPEC, *, action: str = "UPDATE_SPEC", kind: str = "MANUAL", **more
) -> Deployment:
    """A deployment made ``number`` times ten minutes ago."""
    return Deployment.model_validate(
        {
            "id": f"{number:08d}-93ab-4c44-8f3e-000000000001",
            "phase": phase,
            "spec": spec,
            "created_at": (NOW - timedelta(minutes=10 * number)).isoformat(),
            "progress": PROBE_FAILED if phase == "ERROR" else None,
            "cause_details": {
                "type": kind,
                "digitalocean_user_action": {"name": action, "user": {"full_name": "Kim Holm"}} if action else None,
            },
            **more,
        }
    )


def app_of(name: str, *deployments: Deployment, pinned: Deployment | None = None, running: Deployment | None = None):
    active = next((one for one in deployments if one.phase == "ACTIVE"), None)
    app = LiveApp.model_validate(
        {"id": IDS[0], "spec": {**SPEC, "name": name}, "live_url": f"https://{name}.example.com"}
    )
    found = {"active_deployment": active, "pinned_deployment": pinned, "in_progress_deployment": running}
    return app.model_copy(update=found)


def health_of(*components: tuple[str, str, int, int]) -> Health:
    keys = ("name", "state", "replicas_ready", "replicas_desired")
    return Health.model_validate({"components": [dict(zip(keys, one, strict=True)) for one in components]})


WELL = health_of(("web", "HEALTHY", 2, 2))
BACK = made(1, "ACTIVE", action="ROLLBACK_APP", kind="MANUAL_ROLLBACK")
OWN = made(1, "ACTIVE", action="", kind="AUTO_ROLLBACK")
FAULT = {"steps": [{"name": "build", "status": "ERROR", "reason": {"code": "InternalError"}}]}


def fleet_of(size: int) -> list[AppStatus]:
    """Apps of every state, and as many that are well as make up the number."""
    before, failed, undone = made(3, "SUPERSEDED"), made(2, "ERROR", NEWER), made(2, "SUPERSEDED", NEWER)
    push = made(1, "ERROR", action="", kind="DEPLOY_ON_PUSH")
    kinds = [
        AppStatus(app_of("billing", BACK, pinned=BACK), (BACK, undone, before), health_of(("web", "UNHEALTHY", 0, 2))),
        AppStatus(app_of("checkout", OWN), (OWN, failed, before), WELL),
        AppStatus(app_of("mailer", BACK), (BACK, failed, before), WELL),
        AppStatus(app_of("search", made(4, "ACTIVE")), (made(1, "ERROR", progress=FAULT), made(4, "ACTIVE")), WELL),
        AppStatus(app_of("imports", made(4, "ACTIVE")), (push, made(4, "ACTIVE")), WELL),
        AppStatus(app_of("reports", made(4, "ACTIVE"), running=made(0, "DEPLOYING")), health=WELL),
        AppStatus(app_of("archive", made(4, "ACTIVE")), health=health_of(("web", "HEALTHY", 1, 2))),
        AppStatus(app_of("legacy")),
    ][: max(size - 1, 1)]
    well = [
        AppStatus(app_of(f"app-{number:03d}", made(400, "ACTIVE")), health=WELL) for number in range(size - len(kinds))
    ]
    return sorted([*kinds, *well], key=lambda one: one.app.name)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("size", [3, 30, 300])
def test_a_fleet_has_a_line_for_each_app_the_worst_last_and_its_totals(size, width, expected_text):
    freeze = "a freeze window is open until 2026-03-09 08:00 UTC (end of quarter)" if size == 30 else ""
    shown = status(fleet_of(size), now=NOW, width=width, freeze=freeze, flags="--sandbox" if size == 3 else "")
    assert all(len(line) <= width for line in shown.splitlines() if "https://" not in line)
    assert len(shown.splitlines()) < 50
    assert shown == expected_text


def test_a_fleet_that_is_well_is_a_line_and_its_total():
    found = [AppStatus(app_of(f"app-{number:03d}", made(400, "ACTIVE")), health=WELL) for number in range(300)]
    assert status(found, now=NOW) == "  ✓ 300 apps healthy\n\n300 apps: healthy"


STATES = {
    "unhealthy": AppStatus(app_of("shop", made(1, "ACTIVE")), health=health_of(("web", "UNHEALTHY", 0, 1))),
    "1 of 2 ready": AppStatus(app_of("shop", made(1, "ACTIVE")), health=health_of(("web", "HEALTHY", 1, 2))),
    "health unknown": AppStatus(app_of("shop", made(1, "ACTIVE")), health=health_of(("web", "UNKNOWN", 1, 1))),
    "active": AppStatus(app_of("shop", made(1, "ACTIVE"))),
    "nothing active": AppStatus(app_of("shop")),
    "healthy, pinned, stalled": AppStatus(
        app_of("shop", BACK, pinned=BACK), (BACK, made(2, "SUPERSEDED", NEWER), made(3, "SUPERSEDED")), WELL
    ),
    "healthy, rolled back by the platform, stalled": AppStatus(
        app_of("shop", OWN), (OWN, made(2, "ERROR", NEWER)), WELL
    ),
    "healthy, rolled back": AppStatus(app_of("shop", BACK), (BACK,), WELL),
    "healthy, platform fault": AppStatus(
        app_of("shop", made(2, "ACTIVE")), (made(1, "ERROR", progress=FAULT), made(2, "ACTIVE")), WELL
    ),
    "healthy, deploying": AppStatus(app_of("shop", made(2, "ACTIVE"), running=made(0, "DEPLOYING")), health=WELL),
}


@pytest.mark.parametrize("expected", STATES)
def test_the_state_of_an_app_begins_with_its_health(expected):
    first = status([STATES[expected]], now=NOW).partition("\n")[0]
    assert first == f"shop  {expected}"


def test_a_deployment_that_was_rolled_back_is_not_plainly_superseded():
    found = AppStatus(app_of("shop", BACK), (BACK, made(2, "SUPERSEDED", NEWER), made(3, "SUPERSEDED")), WELL)
    rows = status([found], now=NOW).splitlines()[-3:]
    assert ["rolled back" in row for row in rows] == [False, True, False]
    assert "superseded" in rows[-1]


def test_a_pin_says_while_its_deployment_is_still_under_way():
    pending = made(0, "PENDING_BUILD", action="ROLLBACK_APP", kind="MANUAL_ROLLBACK")
    shown = status([AppStatus(app_of("shop", made(2, "ACTIVE"), pinned=pending))], now=NOW)
    assert "pinned to a rollback, still pending build (just now, Kim Holm): deployment" in shown


def test_programs_get_health_conditions_and_what_is_stalled():
    failed = made(2, "ERROR", NEWER)
    found = [AppStatus(app_of("shop", OWN), (OWN, failed, made(3, "SUPERSEDED")), WELL)]
    document = json.loads(machine(found, freeze="frozen", console=console_url))
    (app,) = document["apps"]
    assert document["freeze"] == "frozen"
    assert (app["health"], app["conditions"]) == ("healthy", ["rolled back by the platform", "stalled"])
    assert app["stalled"] == failed.id
    assert app["console_url"] == f"https://cloud.digitalocean.com/apps/{IDS[0]}"
    assert [one["rolled_back"] for one in app["deployments"]] == [False, False, False]
