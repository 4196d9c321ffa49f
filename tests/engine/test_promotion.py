"""Promotion: production gets what held its soak in staging, by edits of those bytes alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Policy
from reconciler.desired.load import Loaded
from reconciler.engine.load import RunOptions
from reconciler.engine.promotion import LeftOut, Promotion, candidates, found, proven, settled
from reconciler.engine.workspace import Workspace
from reconciler.errors import InvalidInput, UsageError
from reconciler.live.models import Deployment, LiveApp
from tests.support.account import World, service

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOAK = 30
POLICY = Policy.model_validate({"health": {"soak": SOAK}})
DIGEST = "sha256:{:064x}"
IMAGE = "{registry_type: DOCKER_HUB, registry: library, repository: nginx"


def repository(folder: Path, files: dict[str, str]) -> Workspace:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Workspace(RunOptions((folder / "specs",), config=folder / "reconcile.yaml"))


def deployment(
    spec: dict[str, Any], phase: str = "ACTIVE", age: float = 3600, number: int = 1, **more: Any
) -> Deployment:
    when = (NOW - timedelta(seconds=age)).isoformat()
    data = {"id": f"d{number}", "spec": spec, "phase": phase, "created_at": when, "phase_last_updated_at": when}
    return Deployment.model_validate(data | more)


def app(active: Deployment | None, **more: Any) -> LiveApp:
    return LiveApp(id="a", spec=active.spec if active else {}, active_deployment=active, **more)


def running(name: str = "web", **image: str) -> dict[str, Any]:
    where = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx"}
    return {"name": name, "services": [{"name": "api", "image": where | image}]}


# --- what counts as proven -------------------------------------------------------------------------------------------


def test_what_is_active_for_its_soak_is_proven():
    active = deployment(running(tag="2"), age=SOAK)
    assert proven(app(active), [active], POLICY, NOW).deployment == active


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (lambda one: app(None), "no deployment is active"),
        (lambda one: app(one, pinned_deployment=one), "pinned"),
        (lambda one: app(one, in_progress_deployment=deployment({}, "BUILDING", number=2)), "in progress"),
    ],
)
def test_what_is_uncertain_is_not_proven(live: Callable[[Deployment], LiveApp], why: str):
    active = deployment(running(tag="2"))
    found = proven(live(active), [active], POLICY, NOW)
    assert found.deployment is None
    assert why in found.why


def test_what_is_younger_than_its_soak_is_not_proven():
    active = deployment(running(tag="2"), age=SOAK - 1)
    assert proven(app(active), [active], POLICY, NOW).why == "it has been active for 29 s of its soak of 30 s"


def test_without_the_time_since_when_it_is_active_nothing_is_proven():
    active = deployment(running(tag="2"), phase_last_updated_at=None)
    assert proven(app(active), [active], POLICY, NOW).deployment is None


# --- one app ---------------------------------------------------------------------------------------------------------

CONFIG = """\
variables: [{name: TAG, default: "0"}]
environments:
  staging: {rename: "{app}-staging", overlays: [overlays/staging]}
  demo: {rename: "{app}-demo"}
  prod: {overlays: [overlays/prod]} # the real one
"""


def one(folder: Path, base: str, prod: str = "", config: str = CONFIG) -> Workspace:
    text = f"name: web\nservices:\n  - name: api\n    image: {IMAGE}, {base}}}\n"
    over = f"# production\nname: web\nservices:\n  api:\n    image: {{{prod}}} # kept\n" if prod else "name: web\n"
    return repository(
        folder,
        {
            "reconcile.yaml": config,
            "specs/web.yaml": text,
            "overlays/prod/web.yaml": over,
            "overlays/staging/web.yaml": "name: web\n",
        },
    )


def promoted(workspace: Workspace, *deployments: Deployment) -> tuple[list[Promotion], list[LeftOut]]:
    """What is promoted to prod from these deployments of staging, newest first; the active one among them is proven."""
    active = next((one for one in deployments if one.phase.value == "ACTIVE"), None)
    loaded, sources = workspace.environment("prod")
    proof = proven(app(active), deployments, POLICY, NOW)
    every = [found for each in loaded.apps for found in candidates(each, proof, sources)]
    kept, left = settled([found for found in every if isinstance(found, Promotion)], workspace, "prod")
    return kept, [*(found for found in every if isinstance(found, LeftOut)), *left]


def test_a_tag_in_an_overlay_changes_and_no_other_byte(tmp_path: Path):
    workspace = one(tmp_path, "tag: '1'", "tag: '1'")
    kept, left = promoted(workspace, deployment(running("web-staging", tag="2")))
    assert ([(each.before, each.after) for each in kept], left) == ([("1", "2")], [])
    (text,) = workspace.texts.values()
    assert text == "# production\nname: web\nservices:\n  api:\n    image: {tag: '2'} # kept\n"


@pytest.mark.parametrize("now", ["name: web\nservices:\n  api:\n    http_port: 9000\n", ""])
def test_a_file_that_was_changed_meanwhile_is_not_overwritten(tmp_path: Path, now: str):
    workspace = one(tmp_path, "tag: '1'", "tag: '1'")
    promoted(workspace, deployment(running("web-staging", tag="2")))
    overlay = tmp_path / "overlays/prod/web.yaml"
    overlay.write_text(now)
    with pytest.raises(InvalidInput) as refused:
        workspace.write()
    assert [found.code for found in refused.value.findings] == ["changed-meanwhile"]
    assert overlay.read_text() == now


def test_a_file_that_was_made_meanwhile_is_not_overwritten(tmp_path: Path):
    workspace = one(tmp_path, "tag: '1'")
    new = tmp_path / "overlays/prod/new.yaml"
    workspace.texts[str(new)] = "name: web\n"
    new.write_text("name: other\n")
    with pytest.raises(InvalidInput):
        workspace.write()
    assert new.read_text() == "name: other\n"


def test_a_tag_in_the_base_would_reach_other_environments(tmp_path: Path):
    workspace = one(tmp_path, "tag: '1'")
    kept, (left,) = promoted(workspace, deployment(running("web-staging", tag="2")))
    assert (kept, workspace.texts) == ([], {})
    assert "is also services/api/image/tag of web in" in left.why
    assert left.why.endswith("give prod one of its own")


def test_a_variable_of_the_environment_changes_where_it_is_written(tmp_path: Path):
    config = CONFIG.replace("prod: {", 'prod: {variables: {TAG: "1"}, ')
    workspace = one(tmp_path, 'tag: "${TAG}"', config=config)
    kept, _ = promoted(workspace, deployment(running("web-staging", tag="2")))
    assert [str(each.place).rpartition("/")[2] for each in kept] == ["reconcile.yaml:5:27"]
    assert workspace.texts == {str(tmp_path / "reconcile.yaml"): config.replace('TAG: "1"', 'TAG: "2"')}


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ('tag: "${TAG}"', "variable TAG has no value in a file of this environment"),
        ('tag: "v${TAG}"', "variable TAG is only a part of the value at"),
        (f"digest: '{DIGEST.format(1)}'", "the source environment has only its tag, this one only its digest"),
    ],
)
def test_what_cannot_be_written_is_left_with_the_reason(tmp_path: Path, base: str, why: str):
    kept, (left,) = promoted(one(tmp_path, base), deployment(running("web-staging", tag="2")))
    assert kept == []
    assert left.why.startswith(why)


def test_a_digest_is_promoted_from_what_the_platform_pulled(tmp_path: Path):
    workspace = one(tmp_path, "tag: '1'", f"tag: null, digest: '{DIGEST.format(1)}'")
    pulled = [{"name": "api", "source_image_digest": DIGEST.format(2)}]
    kept, left = promoted(workspace, deployment(running("web-staging", tag="latest"), services=pulled))
    assert ([each.after for each in kept], left) == ([DIGEST.format(2)], [])


def test_another_repository_is_never_taken_for_the_same(tmp_path: Path):
    other = running("web-staging", tag="2")
    service(other)["image"]["repository"] = "apache"
    kept, (left,) = promoted(one(tmp_path, "tag: '1'", "tag: '1'"), deployment(other))
    assert (kept, left.why) == ([], "the source environment runs another repository")


def test_what_failed_in_a_newer_deployment_is_not_promoted(tmp_path: Path):
    same = deployment(running("web-staging", tag="2"), number=1)
    worse = deployment(running("web-staging", tag="2") | {"region": "fra"}, "ERROR", age=60, number=2)
    kept, (left,) = promoted(one(tmp_path, "tag: '1'", "tag: '1'"), worse, same)
    assert (kept, left.why) == ([], "a newer deployment with this tag failed or was rolled back")


def test_a_commit_in_a_variable_of_a_component_is_promoted(tmp_path: Path):
    old, new = "a" * 40, "b" * 40
    workspace = one(tmp_path, "tag: '1'")
    (tmp_path / "overlays/prod/web.yaml").write_text(
        f"name: web\nservices:\n  api:\n    envs: {{COMMIT: {{value: {old}}}}}\n"
    )
    spec = running("web-staging", tag="1")
    service(spec)["envs"] = [{"key": "COMMIT", "value": new}, {"key": "OTHER", "value": "x"}]
    kept, left = promoted(workspace, deployment(spec))
    assert ([(each.path[-2:], each.after) for each in kept], left) == ([(("COMMIT", "value"), new)], [])


def test_two_components_that_share_a_value_and_run_different_ones_are_left(tmp_path: Path):
    config = CONFIG.replace("prod: {", 'prod: {variables: {TAG: "1"}, ')
    workspace = one(tmp_path, 'tag: "${TAG}"', config=config)
    text = (tmp_path / "specs/web.yaml").read_text()
    (tmp_path / "specs/web.yaml").write_text(text + f"  - name: b\n    image: {IMAGE}, tag: '${{TAG}}'}}\n")
    spec = running("web-staging", tag="2")
    spec["services"].append({**spec["services"][0], "name": "b", "image": {**spec["services"][0]["image"], "tag": "3"}})
    kept, left = promoted(workspace, deployment(spec))
    assert kept == []
    assert {each.why.partition(" the one")[0] for each in left} == {"components that run different values share"}


def test_a_value_that_an_anchor_shares_is_left(tmp_path: Path):
    workspace = one(tmp_path, "tag: '1'", "tag: '1'")
    (tmp_path / "overlays/prod/web.yaml").write_text(
        "name: web\nservices:\n  api:\n    image: {tag: &it '1'}\n    envs: {V: {value: *it}}\n"
    )
    kept, (left,) = promoted(workspace, deployment(running("web-staging", tag="2")))
    assert (kept, workspace.texts) == ([], {})
    assert "cannot be changed alone" in left.why


# --- through the platform --------------------------------------------------------------------------------------------


def test_the_platform_is_asked_and_an_app_that_is_not_there_is_left(world: World):
    files = {"overlays/staging/web.yaml": "name: web\nservices: {api: {image: {tag: '2'}}}\n", "reconcile.yaml": CONFIG}
    files |= {"overlays/prod/web.yaml": "name: web\nservices: {api: {image: {tag: '1'}}}\n"}
    files |= {
        f"specs/{name}.yaml": f"name: {name}\nservices:\n- name: api\n  image: {IMAGE}, tag: '0'}}\n"
        for name in ("web", "new")
    }
    for name, text in files.items():
        world.repository.write(name, text)
    world.apply(environment="staging", apps=frozenset({"web"}))
    world.at(1)
    workspace = Workspace(world.options())
    kept, left = world.ask(lambda client: found(client, workspace, ("staging", "prod"), (), world.clock.now()))
    assert [(each.app, each.after) for each in kept] == [("web", "2")]
    assert left == [LeftOut("new", (), "it is not live in staging")]
    with pytest.raises(UsageError, match="no spec for app wbe"):
        world.ask(lambda client: found(client, workspace, ("staging", "prod"), ("wbe",), world.clock.now()))
    (world.root / "overlays/prod/web.yaml").write_text("name: web\nservices: {ap: {http_port: 1}}\n")
    with pytest.raises(InvalidInput):
        world.ask(lambda client: found(client, Workspace(world.options()), ("staging", "prod"), (), world.clock.now()))


# --- 50 apps, 3 environments, 20 releases ----------------------------------------------------------------------------

APPS, RELEASES = 50, 20


def fleet(folder: Path) -> Workspace:
    """Fifty apps; production pins digests in overlays, by variables, or in a file of variables, with comments."""
    variables, values, files = [], [], {}
    for number in range(APPS):
        name, first = f"app-{number:02}", DIGEST.format(number * 1000)
        digest = f"${{D{number}}}" if number % 3 else first
        files[f"specs/{name}.yaml"] = f"name: {name}\nservices:\n- name: api\n  image: {IMAGE}, digest: '{digest}'}}\n"
        if number % 3:
            variables.append(f"  - {{name: D{number}, default: '{first}'}}")
            values.append(f"D{number}: {first} # of {name}")
        else:
            files[f"overlays/prod/{name}.yaml"] = (
                f"name: {name} # one of fifty\nservices:\n  api:\n    image:\n      digest: {first}   # pinned\n"
            )
    environments = "environments:\n  staging: {rename: '{app}-staging'}\n  demo: {rename: '{app}-demo'}\n"
    environments += "  prod: {overlays: [overlays/prod], variable_files: [values/prod.yaml]}\n"
    files["reconcile.yaml"] = "variables:\n" + "\n".join(variables) + "\n" + environments
    files["values/prod.yaml"] = "\n".join(values) + "\n"
    return repository(folder, files)


def production(loaded: Loaded) -> dict[str, str]:
    """The digest of each app that production would get."""
    return {one.name: service(one.spec)["image"]["digest"] for one in loaded.apps}


def history(number: int, release: int, luck: random.Random, before: list[Deployment]) -> tuple[list[Deployment], str]:
    """Staging's deployments of an app after one more release, newest first, and how that release went."""
    spec = running(f"app-{number:02}-staging", digest=DIGEST.format(number * 1000 + release))
    fate = luck.choice(["held", "failed", "rolled back", "young", "building", "pinned", "failed later"])
    older = [
        one.model_copy(update={"phase": type(one.phase)("SUPERSEDED")}) if one.phase == "ACTIVE" else one
        for one in before
    ]
    key = number * 10_000 + release * 10
    match fate:
        case "held" | "pinned":
            return [deployment(spec, number=key), *older], fate
        case "young":
            return [deployment(spec, age=SOAK / 2, number=key), *older], fate
        case "failed":
            return [deployment(spec, "ERROR", number=key), *before], fate
        case "building":
            return [deployment(spec, "BUILDING", number=key), *before], fate
        case "failed later":
            again = deployment(spec | {"region": "fra"}, "ERROR", age=60, number=key + 1)
            return [again, deployment(spec, number=key), *older], fate
        case _:  # the deployment before it serves again
            good = next((one for one in before if one.phase == "ACTIVE"), None)
            back = [deployment(dict(good.spec), age=SOAK * 2, number=key + 1)] if good else []
            return [*back, deployment(spec, "SUPERSEDED", number=key), *older], fate


@pytest.mark.parametrize("seed", range(2))
def test_production_never_gets_what_did_not_hold_its_soak_and_only_those_bytes_change(tmp_path: Path, seed: int):
    luck, workspace = random.Random(seed), fleet(tmp_path)
    histories: dict[int, list[Deployment]] = {number: [] for number in range(APPS)}
    held: dict[str, set[str]] = {f"app-{number:02}": {DIGEST.format(number * 1000)} for number in range(APPS)}
    moves = 0
    loaded, sources = workspace.environment("prod")
    for release in range(1, RELEASES + 1):
        before = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
        every: list[Promotion | LeftOut] = []
        for number, each in enumerate(sorted(loaded.apps, key=lambda one: one.base)):
            histories[number], fate = history(number, release, luck, histories[number])
            if fate == "held":
                held[each.base].add(DIGEST.format(number * 1000 + release))
            active = next((one for one in histories[number] if one.phase == "ACTIVE"), None)
            building = next((one for one in histories[number] if one.phase == "BUILDING"), None)
            live = app(active, in_progress_deployment=building, pinned_deployment=active if fate == "pinned" else None)
            every += candidates(each, proven(live, histories[number], POLICY, NOW), sources)
            histories[number] = [one for one in histories[number] if one.phase != "BUILDING"]
            if fate in ("pinned", "young", "failed later"):  # the next release finds nothing of it
                histories[number] = [one for one in histories[number] if one.phase != "ACTIVE"]
        kept, _ = settled([one for one in every if isinstance(one, Promotion)], workspace, "prod")
        workspace.write()
        workspace.texts = {}
        moves += len(kept)
        _only_digests_changed(before, tmp_path, kept)
        loaded, sources = workspace.environment("prod")
        assert all(digest in held[name] for name, digest in production(loaded).items())
    assert moves > APPS


def _only_digests_changed(before: dict[Path, str], folder: Path, kept: list[Promotion]) -> None:
    """Put back, the values give the bytes of before; nothing else was written."""
    places = {(one.edit.document.file, one.before, one.after) for one in kept}
    for path in folder.rglob("*.yaml"):
        text = path.read_text()
        for file, old, new in places:
            if file == str(path):
                assert text.count(new) == 1
                text = text.replace(new, old)
        assert text == before[path]
