"""What the pages about secrets and drift say is what the code does."""

from __future__ import annotations

from pathlib import Path

import yaml

from reconciler.config import Config
from reconciler.plan import guard
from reconciler.plan import secret_fingerprints as fingerprints
from reconciler.plan.canonical import Opaque
from reconciler.plan.secret_fingerprints import Fingerprints
from reconciler.redaction import KEY_VARIABLE

DOCS = Path(__file__).parents[2] / "docs"
SECRETS = (DOCS / "secrets.md").read_text(encoding="utf-8")
DRIFT = (DOCS / "drift.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[object]:
    return [yaml.safe_load(part.split("```")[0]) for part in text.split("```yaml\n")[1:]]


def test_the_variable_is_shown_as_it_is_sent():
    (shown,) = [block["envs"][0] for block in blocks(SECRETS) if isinstance(block, dict) and "envs" in block]
    text = Fingerprints("correct horse battery staple").text("web", {("services",): Opaque("x")})
    (sent,) = fingerprints.with_variable({"name": "web"}, text)["envs"]
    assert {**shown, "value": ""} == {**sent, "value": ""}
    assert shown["value"].partition(":")[0] == sent["value"].partition(":")[0]


def test_the_numbers_are_those_of_the_code():
    assert f"fewer than {fingerprints.SHORTEST} characters" in SECRETS
    assert KEY_VARIABLE in SECRETS
    assert fingerprints.VARIABLE in SECRETS


def test_the_configuration_shown_is_one():
    shown = [block for text in (SECRETS, DRIFT) for block in blocks(text) if isinstance(block, dict)]
    configs = [block for block in shown if block.keys() <= set(Config.model_fields)]
    assert len(configs) == 3
    for block in configs:
        Config.model_validate(block)


def test_every_permission_that_is_shown_is_one_and_none_is_left_out():
    shown = {part.split("`")[0].split(" ")[0].split("=")[0] for part in DRIFT.split("--allow ")[1:]}
    assert shown == {*guard._BY_APP, guard.MAX_CHANGES}
