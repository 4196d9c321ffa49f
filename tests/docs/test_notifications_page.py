"""What docs/notifications.md and docs/github.md say of messages, deployments and checks is what the program does."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import yaml

from reconciler.cli.commands import build
from reconciler.config import Config
from reconciler.config_notify import Channel, Topic
from reconciler.github import checks, rollouts
from reconciler.notify import messages, send
from reconciler.notify.messages import News, Occasion, message
from reconciler.notify.webhook import cloud_event

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "notifications.md").read_text(encoding="utf-8")
GITHUB = (DOCS / "github.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return PAGE.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_example_is_a_configuration_and_the_last_channel_names_every_event() -> None:
    channels = Config.model_validate(yaml.safe_load(block("yaml"))).notify
    assert set(channels[-1].events) == set(get_args(Topic))
    assert "applied" not in Channel(url="${CHAT}").events


def test_the_table_of_events_has_each_of_them() -> None:
    table = PAGE.partition("| event | when |")[2].partition("\n\n")[0]
    assert re.findall(r"(?m)^\| `(\w+)` \|", table) == [
        "person_needed", "rolled_back", "stalled", "drift_begins", "drift_ends", "applied",
    ]  # fmt: skip


def test_the_event_is_what_a_webhook_gets() -> None:
    news = News("shop", ("rolled_back",), "rolled back", "main: unhealthy", "reconcile status shop")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    made = message(
        [news], Occasion("production", at, "https://github.com/acme/shop/actions/runs/7"), Channel(url="${C}")
    )
    assert made is not None
    shown = json.loads(block("json"))
    assert json.loads(cloud_event(made, shown["id"])) == shown
    stamp = re.search(r"webhook-timestamp: (\d+)", PAGE)
    assert stamp is not None
    assert int(stamp[1]) == at.timestamp()
    assert f"webhook-id: {shown['id']}" in PAGE


def test_the_numbers_are_those_of_the_program() -> None:
    assert (messages.LISTED, messages.CARRIED, send.TRIES, send.TIMEOUT) == (20, 1000, 3, 10.0)
    for said in ("the first 20", "holds 1,000 at most", "tried three times", "2 and 6 seconds", "10 seconds for each"):
        assert said in PAGE.replace("`apps` holds", "holds").replace("\n", " ")
    assert (rollouts.MOST, checks.MOST) == (50, 500)
    assert "the first 50 that it touches" in GITHUB
    assert "500 at most" in GITHUB


def test_the_command_is_one() -> None:
    assert "test" in build()["notify"]
    assert "reconcile notify test" in PAGE


def test_the_links_into_other_pages_lead_to_headings() -> None:
    for name, anchor in re.findall(r"\]\((\w+\.md)#([\w-]+)\)", PAGE):
        headings = re.findall(r"(?m)^#+ (.*)$", (DOCS / name).read_text(encoding="utf-8"))
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
