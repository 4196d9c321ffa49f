"""The story of one app in three environments over ten commits, with a change by hand that is imported in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.engine import load as loading
from reconciler.engine import overlay_import
from reconciler.engine.load import each
from reconciler.engine.overlay_import import OverlayImporter
from reconciler.engine.workspace import Workspace
from reconciler.errors import InvalidInput, UsageError
from reconciler.plan.model import Action
from reconciler.views import environments as view
from reconciler.views import text
from tests.support.account import World, paths, service

CONFIG = """\
defaults: {health: {soak: 0s}}
variables: [{name: LEVEL, default: info}, {name: TAG, default: "1.25"}]
environments:
  staging:
    rename: "{app}-staging"
    overlays: [overlays/staging]
    variables: {LEVEL: debug}
    variable_files: [values/staging.yaml]
  demo:
    rename: "{app}-demo"
    overlays: [overlays/demo]
  prod:
    overlays: [overlays/prod]
    variables: {TAG: "1.25"} # promoted
"""
BASE = """\
name: web
region: ams
services:
  - name: api # the one that people see
    image: {registry_type: DOCKER_HUB, registry: library, repository: nginx, tag: "${TAG}"}
    instance_size_slug: apps-s-1vcpu-1gb
    envs:
      - {key: LEVEL, value: "${LEVEL}"}
      - {key: REGION, value: eu}
"""
STAGING = """\
name: web
services:
  api:
    envs: {REGION: {value: test}}
"""
DEMO = """\
name: web
patch:
  - {op: replace, path: /services/api/envs/REGION/value, value: demo}
"""
PROD = """\
name: web
services:
  # three, as one zone may be down
  - name: api
    instance_count: 3
"""


@pytest.fixture
def three(world: World) -> World:
    """One base, three environments, all applied."""
    write(world, "reconcile.yaml", CONFIG)
    write(world, "specs/web.yaml", BASE)
    write(world, "overlays/staging/web.yaml", STAGING)
    write(world, "overlays/demo/web.yaml", DEMO)
    write(world, "overlays/prod/web.yaml", PROD)
    write(world, "values/staging.yaml", 'TAG: "1.26"\n')
    world.repository.commit(0)
    for environment in ("staging", "demo", "prod"):
        assert {record.outcome.kind.value for record in world.apply(environment=environment).records} == {"applied"}
    return world


def write(world: World, path: str, content: str) -> Path:
    return world.repository.write(path, content)


def edit(world: World, path: str, old: str, new: str, day: float) -> None:
    """A commit that replaces one text."""
    file = world.root / path
    before = file.read_text()
    assert before.count(old) == 1
    file.write_text(before.replace(old, new))
    world.repository.commit(day)


def together(world: World) -> str:
    """What `plan --env all` shows."""
    found = []
    for one in each(world.options(environment="all")):
        planned = world.planned(environment=one.environment)
        bases = {app.desired.name: app.desired.base for app in planned.apps if app.desired}
        found.append(view.EnvironmentPlan(one.environment, planned.report, bases))
    return view.plan(found)


def live_spec(world: World, name: str) -> dict[str, Any]:
    return dict(world.live(name).spec)


def test_three_environments_of_one_base_over_ten_commits(three: World, snapshot: Any) -> None:
    shown = [together(three)]
    edit(three, "specs/web.yaml", "apps-s-1vcpu-1gb", "apps-s-1vcpu-2gb", 1)  # the base alone
    shown.append(together(three))
    edit(three, "specs/web.yaml", "value: eu", "value: west", 2)  # two environments say otherwise
    shown.append(together(three))
    edit(three, "overlays/prod/web.yaml", "instance_count: 3", "instance_count: 4", 3)
    edit(three, "values/staging.yaml", "1.26", "1.27", 4)
    shown.append(together(three))
    for environment in ("staging", "demo", "prod"):
        three.apply(environment=environment)
    shown.append(together(three))
    three.at(5)
    three.edit(lambda spec: service(spec).update(instance_count=2), "web-demo")  # by hand
    shown.append(together(three))
    with pytest.raises(InvalidInput) as nowhere:
        imported(
            three, "demo", "web-demo"
        )  # its only overlay holds operations, under the name that a new one would have
    assert "has no folder of overlays to put it in" in nowhere.value.findings[0].message
    edit(three, "overlays/demo/web.yaml", DEMO, "name: web\nservices:\n  api:\n    envs: {REGION: {value: demo}}\n", 6)
    imported(three, "demo", "web-demo")
    three.repository.commit(7)
    shown.append(together(three))
    edit(three, "reconcile.yaml", 'TAG: "1.25"}', 'TAG: "1.27"}', 8)
    edit(three, "specs/web.yaml", "    envs:\n", "    http_port: 9000\n    envs:\n", 9)
    shown.append(together(three))
    edit(three, "reconcile.yaml", '    variables: {TAG: "1.27"} # promoted\n', "    required: [TAG]\n", 10)
    with pytest.raises(InvalidInput) as refused:
        three.plan(environment="prod")
    (finding,) = [one for one in refused.value.findings if one.is_error]
    assert finding.code == "required-variable"
    assert str(finding.location).endswith("reconcile.yaml:14:16")
    assert shown == snapshot


def imported(world: World, environment: str, name: str) -> list[str]:
    workspace = Workspace(world.options(environment=environment))
    OverlayImporter(workspace, environment).imported(world.live(name))
    return workspace.write()


def test_a_change_by_hand_goes_to_the_overlay_if_others_share_the_base(three: World) -> None:
    three.edit(lambda spec: service(spec).update(instance_count=5, http_port=9000), "web")
    three.edit(lambda spec: service(spec)["envs"].append({"key": "NEW", "value": "1"}), "web")
    before = (three.specs / "web.yaml").read_text()
    assert [Path(file).name for file in imported(three, "prod", "web")] == ["web.yaml"]
    assert (three.specs / "web.yaml").read_text() == before
    overlay = (three.root / "overlays/prod/web.yaml").read_text()
    assert "  # three, as one zone may be down\n" in overlay
    assert "instance_count: 5" in overlay
    assert three.one("web", environment="prod").action is Action.NONE
    assert three.one("web-demo", environment="demo").action is Action.NONE


def test_a_change_by_hand_goes_to_the_base_if_every_other_environment_overrides_it(three: World) -> None:
    three.edit(lambda spec: service(spec)["envs"][1].update(value="north"), "web")
    imported(three, "prod", "web")
    assert "value: north" in (three.specs / "web.yaml").read_text()
    assert (three.root / "overlays/prod/web.yaml").read_text() == PROD
    assert three.one("web", environment="prod").action is Action.NONE


def test_an_overlay_that_is_not_there_yet_is_made_with_every_change_by_hand(three: World) -> None:
    (three.root / "overlays/prod/web.yaml").unlink()
    three.edit(lambda spec: service(spec).update(instance_count=5, http_port=9000), "web")
    three.edit(lambda spec: service(spec)["envs"].append({"key": "NEW", "value": "1"}), "web")
    assert [file.removeprefix(f"{three.root}/") for file in imported(three, "prod", "web")] == [
        "overlays/prod/web.yaml"
    ]
    assert three.one("web", environment="prod").action is Action.NONE
    assert three.one("web-demo", environment="demo").action is Action.NONE


def test_what_was_removed_by_hand_is_null_in_the_overlay(three: World) -> None:
    three.edit(lambda spec: service(spec)["envs"].pop(1), "web-staging")
    imported(three, "staging", "web-staging")
    assert (three.root / "overlays/staging/web.yaml").read_text() == STAGING.replace("{value: test}", "null")
    assert three.one("web-staging", environment="staging").action is Action.NONE


@pytest.mark.parametrize(
    ("own", "rest"),
    [
        (
            "    http_port: 9000\n    health_check:\n      http_path: /a  # own\n      port: 80\n",
            "    http_port: 9000\n",
        ),
        ("    http_port: 9000\n    health_check: {port: 80}\n", "    http_port: 9000\n"),
        ("    health_check: {port: 80}\n", None),
        ("    envs:\n      - key: OWN\n        value: '1'\n", None),
        ("    envs: {OWN: {value: '1'}, MORE: {value: '2'}}\n", "    envs: {MORE: {value: '2'}}\n"),
    ],
)
def test_what_only_the_overlay_has_and_was_removed_by_hand_goes_from_the_overlay(
    three: World, own: str, rest: str | None
) -> None:
    start = "# of production\nname: web\n"
    overlay = write(three, "overlays/prod/web.yaml", f"{start}services:\n  api:\n{own}")
    three.apply(environment="prod")

    def remove(spec: dict[str, Any]) -> None:
        service(spec).pop("health_check", None)
        service(spec)["envs"] = [env for env in service(spec)["envs"] if env["key"] != "OWN"]

    three.edit(remove, "web")
    imported(three, "prod", "web")
    assert overlay.read_text() == start + (f"services:\n  api:\n{rest}" if rest else "")
    assert three.one("web", environment="prod").action is Action.NONE


def test_an_import_that_would_leave_an_overlay_that_cannot_be_read_changes_no_text(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay_import, "put", lambda *_: "name: web\nservices: {api: {nothing: null}}\n")
    three.edit(lambda spec: service(spec).update(instance_count=5), "web")
    workspace = Workspace(three.options(environment="prod"))
    with pytest.raises(InvalidInput):
        OverlayImporter(workspace, "prod").imported(three.live("web"))
    assert workspace.texts == {}


def test_an_overlay_of_two_environments_is_not_changed_for_one_of_them(three: World) -> None:
    config = (three.root / "reconcile.yaml").read_text()
    write(three, "reconcile.yaml", config.replace("    overlays: [overlays/demo]", "    overlays: [overlays/prod]"))
    three.edit(lambda spec: service(spec).update(instance_count=5), "web")
    with pytest.raises(InvalidInput) as refused:
        imported(three, "prod", "web")
    assert "its overlay is also of web in environment demo" in refused.value.findings[0].message
    assert (three.root / "overlays/prod/web.yaml").read_text() == PROD


def test_a_value_of_a_variable_is_not_imported_and_nothing_is_written(three: World) -> None:
    three.edit(lambda spec: service(spec)["envs"][0].update(value="trace"), "web")
    three.edit(lambda spec: service(spec).update(instance_count=5), "web")
    with pytest.raises(InvalidInput) as refused:
        imported(three, "prod", "web")
    (finding,) = refused.value.findings
    assert finding.code == "not-importable"
    assert "it comes from variable LEVEL" in finding.message
    assert str(finding.location).endswith("specs/web.yaml:8:29")
    assert (three.root / "overlays/prod/web.yaml").read_text() == PROD


def test_a_wrong_patch_is_an_error_at_its_line(three: World) -> None:
    write(three, "overlays/demo/web.yaml", DEMO.replace("envs/REGION", "envs/REGOIN"))
    with pytest.raises(InvalidInput) as refused:
        three.plan(environment="demo")
    (finding,) = [one for one in refused.value.findings if one.is_error]
    assert (finding.code, finding.hint) == ("overlay-no-match", "did you mean REGION?")
    assert str(finding.location).endswith("overlays/demo/web.yaml:3:25")
    assert three.plan(environment="prod").plans[0].app == "web"


def test_a_variable_that_only_fell_back_is_a_finding_at_its_place(three: World) -> None:
    edit(three, "values/staging.yaml", 'TAG: "1.26"', "{}", 1)
    plan = three.one("web-staging", environment="staging")
    assert paths(plan) == ["services/api/image/tag"]
    (finding,) = plan.findings
    assert finding.code == "variable-fallback"
    assert str(finding.location).endswith("specs/web.yaml:5:83")
    assert "written: " in text.plan(three.plan(environment="staging"), verbose=True)
    assert "written: " not in text.plan(three.plan(environment="staging"))


def test_no_environment_is_planned_without_naming_it(three: World) -> None:
    with pytest.raises(UsageError, match="none was chosen"):
        loading.check(three.options())
    with pytest.raises(UsageError, match="no such environment: stagging"):
        loading.check(three.options(environment="stagging"))


def test_drift_is_attributed_to_the_commit_of_an_overlay_and_to_a_change_by_hand(three: World) -> None:
    commit = three.repository.commit(1)
    edit(three, "overlays/prod/web.yaml", "instance_count: 3", "instance_count: 4", 2)
    three.at(3)
    plan = three.drift("web", environment="prod")
    assert plan.attribution
    assert [(one.path[-1], one.kind) for one in plan.attribution.changes] == [("instance_count", "git_ahead")]
    assert plan.attribution.changes[0].commit != commit
    three.edit(lambda spec: service(spec).update(http_port=9000), "web-staging")
    by_hand = three.drift("web-staging", environment="staging").attribution
    assert by_hand
    assert [(one.path[-1], one.kind) for one in by_hand.changes] == [("http_port", "live_edit")]


def test_pruning_in_an_environment_deletes_its_own_app_alone(three: World) -> None:
    write(three, "specs/job.yaml", BASE.replace("name: web", "name: job"))
    write(three, "overlays/prod/job.yaml", "name: job\nservices: {api: {instance_count: 2}}\n")
    three.repository.commit(1)
    three.apply(environment="staging")
    three.apply(environment="prod")
    (three.specs / "job.yaml").unlink()
    (three.root / "overlays/prod/job.yaml").unlink()
    three.repository.commit(2)
    found = three.plan(environment="staging", prune=True, allow=frozenset({"delete=job-staging"}))
    assert {plan.app: plan.action for plan in found.plans}["job-staging"] is Action.DELETE
    assert "job" not in {plan.app for plan in found.plans}
    found = three.plan(environment="prod", prune=True)
    assert "job" not in {plan.app for plan in found.plans}, "no version of the base alone is what is live"
