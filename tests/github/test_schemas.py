"""The published JSON Schemas are current, and hold what programs and editors meet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.cli import main
from tests.github.runner import ROOT

FOLDER = ROOT / "docs/schemas"
KINDS = (
    "spec", "overlay", "config", "plan", "drift", "environments", "rollout", "previews", "findings", "error",
    "event",
)  # fmt: skip


def schema(kind: str) -> Any:
    return json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))


def test_there_is_one_for_each_word_of_the_command() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_schema_is_what_the_command_prints(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", kind]) == 0
    # A difference is mended by: python -m checks.schemas
    assert capsys.readouterr().out == (FOLDER / f"{kind}.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(schema(kind))


def test_the_json_of_each_kind_of_run_is_what_its_schema_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    spec = "name: desk\nregion: fra\nstatic_sites:\n- name: pages\n  github: {repo: acme/desk, branch: main}\n"
    Path("specs/desk.yaml").write_text(spec)
    Path("reconcile.yaml").write_text("defaults: {health: {soak: 0s}}\n")
    runs = {
        "findings": ("validate",),
        "plan": ("--plan", "--sandbox"),
        "drift": ("--drift", "--sandbox"),
        "rollout": ("--sandbox", "--shard", "2/2"),  # the app is in the other part
    }
    for kind, arguments in runs.items():
        main([*arguments, "--format", "json"])
        document = json.loads(capsys.readouterr().out)
        assert (document["version"], document["kind"]) == (1, kind)
        Draft202012Validator(schema(kind)).validate(document)


def test_editors_take_the_schemas_of_specs_and_configuration() -> None:
    for kind, pattern in (("spec", "specs/*.yaml"), ("config", "reconcile.yaml")):
        for file in ROOT.glob(pattern):
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            Draft202012Validator(schema(kind)).validate(document)


def test_the_schema_of_one_kind_refuses_another() -> None:
    plan = Draft202012Validator(schema("plan"))
    assert not plan.is_valid({"version": 1, "kind": "rollout"})
    messages = [error.message for error in plan.iter_errors({"version": 1, "kind": "drift"})]
    assert "'plan' was expected" in messages
