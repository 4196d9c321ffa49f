"""`notify` in reconcile.yaml: what it may hold, and that no secret is written there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config_file import read_config
from reconciler.config_notify import Channel, is_webhook, secrets_of, value_of
from reconciler.errors import InvalidInput


def problem(folder: Path, *channels: Any) -> str:
    """What is wrong with the file."""
    (folder / "reconcile.yaml").write_text(yaml.safe_dump({"notify": list(channels)}))
    with pytest.raises(InvalidInput) as caught:
        read_config(folder / "reconcile.yaml")
    [finding] = caught.value.findings
    return f"{finding.message}; {finding.hint}"


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ({}, "a channel takes either url or webhook"),
        ({"url": "${A}", "webhook": "https://x", "secret": "${B}"}, "a channel takes either url or webhook"),
        ({"webhook": "https://x"}, "webhook and secret go together"),
        ({"url": "${A}", "secret": "${B}"}, "webhook and secret go together"),
        ({"url": "slack://T0K3N/abc"}, "a secret is not written into this file"),
        ({"webhook": "https://x", "secret": "whsec_T0K3N"}, "a secret is not written into this file"),
        ({"webhook": "http://hooks.example", "secret": "${B}"}, "not an https address"),
        ({"url": "${DIGITALOCEAN_TOKEN}"}, "DIGITALOCEAN_TOKEN is this run's own token"),
        ({"url": "${A}", "events": ["exploded"]}, "'person_needed', 'rolled_back'"),
        ({"url": "${A}", "events": []}, "events"),
        ({"url": "${A}", "name": "chat"}, "unknown key 'name'"),
    ],
)
def test_a_wrong_channel_is_an_error_that_quotes_no_secret(tmp_path: Path, channel: dict[str, Any], said: str):
    shown = problem(tmp_path, channel)
    assert said in shown
    assert "T0K3N" not in shown


def test_an_environment_has_channels_of_its_own_or_the_files(tmp_path: Path):
    text = {
        "notify": [{"url": "${A}"}],
        "environments": {"staging": {"notify": []}, "demo": {"notify": [{"url": "${B}"}]}, "production": {}},
    }
    (tmp_path / "reconcile.yaml").write_text(yaml.safe_dump(text))
    file = read_config(tmp_path / "reconcile.yaml")
    found = {name: [one.url for one in file.within(name).config.notify] for name in file.config.environments}
    assert found == {"staging": [], "demo": ["${B}"], "production": ["${A}"]}


@pytest.mark.parametrize("address", ["https://hooks.example/x", "http://localhost:8080/x", "http://[::1]:1/"])
def test_a_webhook_is_encrypted_or_on_this_machine(address: str):
    assert is_webhook(address)


@pytest.mark.parametrize(
    "address", ["", "http://hooks.example", "https://", "https://[", "file:///etc", "https://a\nb"]
)
def test_nothing_else_is_a_webhook(address: str):
    assert not is_webhook(address)


def test_what_variables_hold_is_secret_and_what_the_file_says_is_not():
    channels = [
        Channel(webhook="https://hooks.example", secret="${KEY}"),
        Channel(url="${CHAT}"),
        Channel(url="${NONE}"),
    ]
    environ = {"KEY": "whsec_abc", "CHAT": " slack://x ", "OTHER": "y"}
    assert secrets_of(channels, environ) == {"whsec_abc", "slack://x"}
    assert value_of("${CHAT}", environ) == "slack://x"
    assert value_of("https://hooks.example", environ) == "https://hooks.example"
    assert value_of("${NONE}", environ) == ""
