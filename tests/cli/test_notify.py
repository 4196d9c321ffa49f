"""Messages on the command line: after apply and drift, with warnings that change no exit code, and `notify test`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from reconciler.cli import main
from reconciler.notify.send import Sender
from reconciler.sandbox import Sandbox, Settings, Speed
from reconciler.sandbox.server import make_server
from tests.cli.test_start import imported
from tests.github.stage import running
from tests.github.test_story import service
from tests.support.receiver import SECRET, Receiver
from tests.support.warp import warp

ROOT = Path(__file__).parents[2]
PROMPT = {"health": {"soak": "0s", "tolerance": "0s"}}


@pytest.fixture(scope="module")
def hooked() -> Iterator[tuple[Receiver, str]]:
    made = Receiver()
    config = uvicorn.Config(made.app(), host="127.0.0.1", port=0, ws="none", lifespan="off", log_level="warning")
    with running(uvicorn.Server(config)) as url:
        yield made, url


@pytest.fixture
def receiver(hooked: tuple[Receiver, str]) -> Receiver:
    hooked[0].reset()
    return hooked[0]


@pytest.fixture(scope="module")
def platform() -> Iterator[tuple[Sandbox, str]]:
    """A served App Platform: an embedded one is a rehearsal, which says nothing."""
    box = Sandbox(settings=Settings(seed=1, speed=Speed.instant()), base_url=None)
    try:
        with running(make_server(box, "127.0.0.1", 0)) as url:
            yield box, url
    finally:
        box.close()


Configure = Callable[..., None]


@pytest.fixture
def folder(
    hooked: tuple[Receiver, str],
    receiver: Receiver,
    platform: tuple[Sandbox, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with one app, and a channel that hears of everything."""
    platform[0].clear_faults()
    platform[0].reset()
    (tmp_path / "specs").mkdir()
    spec(tmp_path, "1")
    everything = ["applied", "rolled_back", "person_needed", "stalled", "drift_begins"]
    channel = {"webhook": f"{hooked[1]}/s3cr3t-path-Zk29", "secret": "${HOOK_SECRET}", "events": everything}
    configure(tmp_path, channel)
    for name, value in {"HOOK_SECRET": SECRET, "DIGITALOCEAN_TOKEN": "t", "DIGITALOCEAN_API_URL": platform[1]}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    warp(monkeypatch)
    return tmp_path


def configure(folder: Path, *channels: dict[str, Any], **more: Any) -> None:
    config = {"defaults": PROMPT, "notify": list(channels), **more}
    (folder / "reconcile.yaml").write_text(yaml.safe_dump(config))


def spec(folder: Path, tag: str) -> None:
    (folder / "specs/shop.yaml").write_text(yaml.safe_dump(service("shop", tag)))


def test_an_apply_that_fails_is_said_once_and_a_plan_says_nothing(
    folder: Path, receiver: Receiver, platform: tuple[Sandbox, str], capsys: pytest.CaptureFixture[str]
):
    assert main(["plan"]) == 0
    assert receiver.tries == []
    assert main(["apply"]) == 0
    assert receiver.titles() == ["reconcile: shop was applied"]
    spec(folder, "2")
    platform[0].fail("shop", "health")
    assert main(["apply"]) == 4
    for _ in range(2):
        assert main(["apply"]) == 6
        assert main(["drift"]) == 2
    assert receiver.titles()[1:] == ["reconcile: shop was rolled back"], "its history shows that a run rolled it back"
    assert "no message" not in capsys.readouterr().err


def test_a_redeploy_is_an_apply_and_drift_outside_github_is_said_each_time(folder: Path, receiver: Receiver):
    assert main(["apply"]) == 0
    assert main(["redeploy", "shop"]) == 0
    assert receiver.titles() == ["reconcile: shop was applied"] * 2
    spec(folder, "2")
    for _ in range(2):
        assert main(["drift"]) == 2
    assert receiver.titles()[2:] == ["reconcile: shop differs from Git"] * 2


@pytest.mark.parametrize("form", ["text", "json", "markdown", "sarif", "github"])
def test_a_channel_that_is_down_is_a_warning_in_every_format_and_changes_no_exit_code(
    folder: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str], form: str
):
    receiver.answers += [500] * 6
    warning = "no message to notify[1] (HOOK_SECRET): it answered 500"
    for arguments, code in ((["drift"], 2), (["apply"], 0)):
        assert main([*arguments, "--format", form]) == code
        shown = capsys.readouterr()
        assert shown.err.count(f"warning: {warning}") == 1
        assert "s3cr3t-path" not in shown.out + shown.err
        if form == "json":
            assert json.loads(shown.out)["warnings"] == [warning]
    assert receiver.events == []


def test_a_run_that_is_interrupted_while_it_sends_still_shows_what_it_did(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    async def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sender, "publish", interrupted)
    assert main(["apply", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["outcomes"]["applied"] == 1
    assert document["warnings"] == ["interrupted before every message was sent"]


def test_every_environment_says_its_own_drift(folder: Path, receiver: Receiver, hooked: tuple[Receiver, str]):
    channel = {"webhook": hooked[1], "secret": "${HOOK_SECRET}"}
    environments = {"staging": {"rename": "{app}-staging"}, "production": {}, "demo": {"notify": []}}
    configure(folder, channel, environments=environments)
    assert main(["drift", "--env", "all"]) == 2
    assert receiver.titles() == [
        "reconcile production: shop differs from Git",
        "reconcile staging: shop-staging differs from Git",
    ]


def test_a_rehearsal_in_the_sandbox_says_nothing(folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DIGITALOCEAN_API_URL")
    assert main(["apply", "--sandbox"]) == 0
    assert main(["drift", "--sandbox"]) == 0
    assert receiver.tries == []


# --- `notify test` ---


def test_a_test_goes_to_every_channel_and_says_what_came_of_each(
    folder: Path, receiver: Receiver, hooked: tuple[Receiver, str], capsys: pytest.CaptureFixture[str]
):
    channel = {"webhook": "${HOOK}", "secret": "${HOOK_SECRET}"}
    configure(folder, {"webhook": hooked[1], "secret": "${HOOK_SECRET}"})
    assert main(["notify", "test"]) == 0
    assert capsys.readouterr().out == "sent to notify[1] (HOOK_SECRET)\n"
    configure(folder, {"webhook": hooked[1], "secret": "${HOOK_SECRET}", "apps": ["nothing"]}, channel)
    assert main(["notify", "test"]) == 1
    shown = capsys.readouterr().out
    assert shown == "sent to notify[1] (HOOK_SECRET)\nno message to notify[2] (HOOK, HOOK_SECRET): not set: HOOK\n"
    assert receiver.titles() == ["reconcile: test"] * 2
    assert [event["data"]["apps"] for event in receiver.events] == [[], []]


def test_a_test_of_an_environment_goes_to_its_channels(folder: Path, receiver: Receiver, hooked: tuple[Receiver, str]):
    own = {"notify": [{"webhook": hooked[1], "secret": "${HOOK_SECRET}"}]}
    configure(folder, environments={"production": own})
    assert main(["notify", "test", "--env", "production"]) == 0
    assert receiver.titles() == ["reconcile production: test"]


def test_without_a_channel_there_is_nothing_to_test(folder: Path, capsys: pytest.CaptureFixture[str]):
    configure(folder)
    assert main(["notify", "test"]) == 64
    assert "add one under `notify` in reconcile.yaml" in capsys.readouterr().err


def test_without_the_extra_a_test_says_how_to_install_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    configure(folder, {"url": "${CHAT}"})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "apprise" else object())
    assert main(["notify", "test"]) == 64
    assert "pip install '.[notify]'" in capsys.readouterr().err


# --- what a run imports ---


def test_a_plan_loads_nothing_that_sends_messages(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DIGITALOCEAN_API_URL")
    configure(folder, {"url": "${CHAT}"})
    assert not imported("plan", "--sandbox", cwd=folder) & {"apprise", "requests", "reconciler.notify.send"}
