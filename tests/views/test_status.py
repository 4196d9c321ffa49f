"""How apps stand, exactly, on terminals narrow and wide."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.live.models import Deployment, LiveApp
from reconciler.views.status import AppStatus, status

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
