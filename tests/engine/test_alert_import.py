"""`reconcile import --alerts`: who is notified, written into `reconcile.yaml`; URLs become variables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config_file import read_config
from reconciler.engine.alert_import import AlertImporter, _edited
from reconciler.engine.load import RunOptions
from reconciler.errors import InvalidInput
from reconciler.live.models import Alert
from reconciler.plan.model import SyncStatus
from tests.engine.test_alerts import HOOK, OPS, OTHER_HOOK, OWNER, app, declare, in_panel
from tests.support.account import CONFIG, World


@pytest.fixture
def live(world: World) -> World:
    """An app in sync, whose alerts have destinations that nothing in Git names."""
    world.write(app())
    world.apply()
    world.at(1)
    in_panel(world, "DEPLOYMENT_FAILED", ["ops@example.com"], [("#deploys", HOOK), ("@ada", OTHER_HOOK)])
    return world


def imported(world: World, name: str = "web", **wanted: Any) -> tuple[bool, list[str]]:
    """Import the alerts of an app; whether the file changed, and what remains to do."""
    app_id = world.live(name).id
    alerts = world.ask(lambda client: client.list_alerts(app_id))
    importer = AlertImporter(world.specs, world.options(), **wanted)
    _, changed, notes = importer.write(name, alerts)
    return changed, [note.hint for note in notes]


def config(world: World) -> Any:
    return yaml.safe_load(world.config.read_text())


def test_an_import_with_its_variables_set_is_in_sync_and_holds_no_url(live: World) -> None:
    before = "# ours\nvariables: [TAG]  # of the image\n\ndefaults:\n  health: {soak: 0s}\n"
    live.config.write_text(before)
    where = "to it; Slack shows it, and so does the control panel"
    assert imported(live) == (
        True,
        [f"set the variable SLACK_WEBHOOK_DEPLOYS {where}", f"set the variable SLACK_WEBHOOK_ADA {where}"],
    )
    text = live.config.read_text()
    assert text.startswith("# ours\n")
    assert "# of the image" in text
    assert "hooks.slack.com" not in text
    names = ["TAG", *({"name": name, "secret": True} for name in ("SLACK_WEBHOOK_DEPLOYS", "SLACK_WEBHOOK_ADA"))]
    assert config(live)["variables"] == names
    assert config(live)["apps"]["web"]["alerts"] == {
        "DEPLOYMENT_FAILED": {
            "emails": ["ops@example.com"],
            "slack_webhooks": [
                {"channel": "#deploys", "url": "${SLACK_WEBHOOK_DEPLOYS}"},
                {"channel": "@ada", "url": "${SLACK_WEBHOOK_ADA}"},
            ],
        },
        "api/CPU_UTILIZATION": {"emails": [OWNER]},
        "bg/CPU_UTILIZATION": {"emails": [OWNER]},
    }
    assert imported(live) == (False, [])
    live.environ |= {"TAG": "1", "SLACK_WEBHOOK_DEPLOYS": HOOK, "SLACK_WEBHOOK_ADA": OTHER_HOOK}
    assert live.one().status is SyncStatus.IN_SYNC
    assert imported(live) == (False, [])


def test_only_what_differs_is_written_and_a_variable_with_the_url_is_used_again(live: World) -> None:
    declare(live, {"api/CPU_UTILIZATION": {"emails": [OWNER.upper()]}, "bg/CPU_UTILIZATION": OPS})
    assert imported(live) == (
        True,
        ["set the variable SLACK_WEBHOOK_ADA to it; Slack shows it, and so does the control panel"],
    )
    own = config(live)["apps"]["web"]["alerts"]
    assert own["api/CPU_UTILIZATION"] == {"emails": [OWNER.upper()]}
    assert own["bg/CPU_UTILIZATION"] == {"emails": [OWNER]}
    assert own["DEPLOYMENT_FAILED"]["slack_webhooks"][0] == {"channel": "#deploys", "url": "${SLACK_DEPLOYS}"}


def test_webhooks_of_the_defaults_that_live_has_not_are_taken_back_by_name(live: World) -> None:
    hook = {"channel": "#all", "url": "${SLACK_DEPLOYS}"}
    defaults = {**CONFIG["defaults"], "alerts": {"api/CPU_UTILIZATION": {"slack_webhooks": [hook]}}}
    live.configure({"defaults": defaults, "variables": ["SLACK_DEPLOYS"]})
    live.environ["SLACK_DEPLOYS"] = HOOK
    imported(live)
    assert config(live)["apps"]["web"]["alerts"]["api/CPU_UTILIZATION"] == {"emails": [OWNER], "slack_webhooks": []}
    live.environ["SLACK_WEBHOOK_ADA"] = OTHER_HOOK
    assert live.one().status is SyncStatus.IN_SYNC


def test_two_webhooks_of_channels_with_one_name_have_two_variables(live: World) -> None:
    in_panel(live, "DEPLOYMENT_FAILED", [], [("#a-b", HOOK), ("a_b", OTHER_HOOK)])
    imported(live)
    names = [one["name"] for one in config(live)["variables"]]
    assert names == ["SLACK_WEBHOOK_A_B", "SLACK_WEBHOOK_A_B_2"]
    live.environ |= dict(zip(names, [HOOK, OTHER_HOOK], strict=True))
    assert live.one().status is SyncStatus.IN_SYNC


def test_a_repository_without_a_configuration_gets_one(live: World, monkeypatch: pytest.MonkeyPatch) -> None:
    live.config.unlink()
    monkeypatch.chdir(live.root)
    options = RunOptions((live.specs,))
    app_id = live.live().id
    alerts = live.ask(lambda client: client.list_alerts(app_id))
    path, changed, _ = AlertImporter(live.specs, options).write("web", alerts)
    assert (path.name, path.parent, changed) == ("reconcile.yaml", live.root, True)
    assert set(read_config(path).config.policy("web").alerts) == {
        "DEPLOYMENT_FAILED",
        "api/CPU_UTILIZATION",
        "bg/CPU_UTILIZATION",
    }


def test_an_environment_has_its_own_entry_by_the_name_of_the_base(live: World) -> None:
    live.configure({**CONFIG, "environments": {"staging": {"rename": "{app}-staging"}}})
    assert live.outcome("web-staging", environment="staging") == "applied"
    imported(live, "web-staging", environment="staging")
    own = config(live)["environments"]["staging"]["apps"]["web"]["alerts"]
    assert own["DEPLOYMENT_FAILED"] == {"emails": [OWNER]}
    assert "apps" not in config(live)
    assert live.one("web-staging", environment="staging").alerts == ()


FORMS = {
    "nothing": "",
    "a comment": "# later\n",
    "no final newline": "guards: {}",
    "empty sections": "apps: {}\nvariables: []\n",
    "in braces": "{apps: {web: {paused: true}}, variables: [A]}\n",
    "nested": "apps:\n  web:\n    on_failure: leave\n  other:\n    paused: true\nvariables:\n- A\n",
    "an app without a policy": "apps:\n  web: {}\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_file_is_edited_and_says_the_same_as_before_beside_it(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "web.yaml").write_text(yaml.safe_dump(app()))
    file = tmp_path / "reconcile.yaml"
    file.write_text(FORMS[form])
    data = {"spec": {"rule": "DEPLOYMENT_FAILED"}, "slack_webhooks": [{"channel": "#ops", "url": HOOK}]}
    importer = AlertImporter(folder, RunOptions((folder,), config=file))
    importer.write("web", [Alert.model_validate(data)])
    before, after = yaml.safe_load(FORMS[form]) or {}, yaml.safe_load(file.read_text())
    hook = {"channel": "#ops", "url": "${SLACK_WEBHOOK_OPS}"}
    own = after["apps"]["web"].pop("alerts")
    assert own == {"DEPLOYMENT_FAILED": {"emails": [], "slack_webhooks": [hook]}}
    assert after["variables"].pop() == {"name": "SLACK_WEBHOOK_OPS", "secret": True}
    empty = {"apps": {"web": {}}, "variables": []}
    given = {name: value for name, value in before.items() if value}
    apps = {"apps": {"web": {}} | given.get("apps", {})}
    assert after == empty | {"guards": {}} | given | apps if "guards" in before else after == empty | given | apps


@pytest.fixture
def linked(live: World, tmp_path: Path) -> Iterator[World]:
    target = tmp_path / "elsewhere.yaml"
    live.config.rename(target)
    live.config.symlink_to(target)
    yield live
    assert "alerts" not in target.read_text()


def test_windows_line_ends_stay_in_a_file_that_holds_only_comments(tmp_path: Path) -> None:
    text = _edited(
        tmp_path / "reconcile.yaml", "# ours\r\n# alone", ("apps", "web", "alerts"), {"A": {"emails": ["a@b.c"]}}
    )
    assert text.startswith("# ours\r\n# alone\r\napps:\r\n")
    assert text.count("\n") == text.count("\r\n")


def test_nothing_is_written_through_a_link(linked: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        imported(linked)
    assert [one.code for one in caught.value.findings] == ["unsafe-path"]


def test_what_cannot_be_edited_piece_by_piece_or_has_no_spec_is_refused(live: World) -> None:
    shared = "apps: {web: &w {}, other: *w}\n"
    live.config.write_text(shared)
    with pytest.raises(InvalidInput) as caught:
        imported(live)
    assert "cannot be edited piece by piece: write apps/web/alerts/" in caught.value.findings[0].message
    assert live.config.read_text() == shared
    live.configure(CONFIG)
    live.write({**app(), "name": "other"}, file="specs/web.yaml")
    with pytest.raises(InvalidInput) as caught:
        imported(live)
    assert [one.message for one in caught.value.findings] == ["no spec of web to import alerts for"]
