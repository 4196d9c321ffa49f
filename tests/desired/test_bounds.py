"""Whatever a spec, a policy or a name holds, it is an error within seconds: every work is bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest

from reconciler.config import Config
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.policies import MOST_VALUES, check, load_policies
from reconciler.desired.reading import parse_specs
from reconciler.desired.validate import validate_all
from reconciler.findings import Finding

SPEC = "name: web\nservices:\n- {name: api, github: {repo: a/b}}\n"
SECONDS = 20
"""Of processor time, on a slow and busy machine; without the bounds these take minutes or hours."""


@contextmanager
def bounded() -> Iterator[None]:
    began = process_time()
    yield
    assert process_time() - began < SECONDS


def findings_of(tmp_path: Path, text: str) -> list[Finding]:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    with bounded():
        loaded = load([file], config=Config(), environ={})
        return [*loaded.findings, *validate_all(loaded.apps)]


ALIASES = "".join(f"{name}: &{name} [{f'*{before},' * 10}]\n" for before, name in pairwise("abcdefghi"))
LONG = "1," * 100_000

HOSTILE = {
    "too-large": SPEC + "features:\n" + "- a\n" * 2_000_000,
    "too-large after aliases": f"a: &a [x]\n{ALIASES}",
    "duplicate-app": f"---\n{SPEC}" * 5_000,
    "too-many-findings": SPEC + "".join(f"key{number}: 1\n" for number in range(30_000)),
    "duplicate-key": SPEC + "".join(f"key{number}: 1\n" for number in range(15_000)) * 2,
    "type": SPEC + "envs:\n" + "- {key: [], value: {}}\n" * 10_000,
    "too-deep": SPEC + "features: " + "[" * 50_000,
    "invalid-name": f"name: {'a' * 500_000}\nregion: {'x' * 500_000}\n",
    "invalid-domain": SPEC + f"domains: [{{domain: '{'xn--a.' * 100_000}!'}}]\n",
    "bad-cron": f"name: web\njobs: [{{name: aa, github: {{repo: a/b}}, schedule: {{cron: '{LONG}x * * * *'}}}}]\n",
}
"""The code of an error, and a text that has it."""


@pytest.mark.parametrize(("code", "text"), HOSTILE.items(), ids=list(HOSTILE))
def test_a_huge_or_hostile_document_is_an_error_within_seconds(tmp_path, code, text):
    found = findings_of(tmp_path, text)
    assert code.partition(" ")[0] in {one.code for one in found if one.is_error}


def test_many_rules_of_an_ingress_are_compared_within_seconds(tmp_path):
    rules = "".join(f"  - {{match: {{path: {{prefix: /a{n}}}}}, component: {{name: api}}}}\n" for n in range(9000))
    assert findings_of(tmp_path, f"{SPEC}ingress:\n  rules:\n{rules}") == []


NUL = SPEC + r'jobs: [{name: jj, github: {repo: "\0"}, schedule: {cron: "\0", time_zone: "\0"}, timeout: "\0"}]'


@pytest.mark.parametrize("text", [r'name: "a\0b"', NUL])
def test_nul_in_names_and_texts_is_an_error(tmp_path, text):
    assert any(one.is_error for one in findings_of(tmp_path, text))


def test_a_folder_of_policies_with_nul_in_its_name_is_no_folder(tmp_path):
    (tmp_path / "a.yaml").write_text(SPEC)
    loaded = load([tmp_path], config=Config.model_validate({"policies": "a\0b"}), environ={})
    assert [app.name for app in loaded.apps] == ["web"]


# --- policies --------------------------------------------------------------------------------------------------------


def app_of(text: str = SPEC) -> DesiredApp:
    (document,), _ = parse_specs(text, "a.yaml")
    return DesiredApp("web", document.data, document)


def verdict(tmp_path: Path, schema: dict[str, object], *apps: DesiredApp) -> list[Finding]:
    (tmp_path / "p.json").write_text(json.dumps(schema))
    with bounded():
        policies, findings = load_policies(tmp_path)
        return [*findings, *(found for app in apps or (app_of(),) for found in check(app, policies))]


def tower(keyword: str, root: str = "$defs") -> dict[str, object]:
    """A schema that evaluates 2^40 others."""
    levels = {f"d{n}": {keyword: [{"$ref": f"#/{root}/d{n + 1}"}] * 2} for n in range(40)}
    return {root: {**levels, "d40": {"required": ["zz"]}}, "$ref": f"#/{root}/d0"}


def test_a_policy_that_branches_without_end_is_an_error_at_its_file(tmp_path):
    (finding,) = verdict(tmp_path, tower("anyOf"), *[app_of()] * 20)
    assert finding.is_error
    assert "takes more than 50,000 steps for app 'web'" in finding.message
    assert finding.location
    assert finding.location.file.endswith("p.json")


def test_an_old_draft_and_conditions_are_bounded_as_well(tmp_path):
    old = {"$schema": "http://json-schema.org/draft-04/schema#", **tower("anyOf", "definitions")}
    levels = {f"d{n}": {"if": {"$ref": f"#/$defs/d{n + 1}"}, "then": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(40)}
    conditions = {"$defs": {**levels, "d40": {}}, "dependentSchemas": {"name": {"$ref": "#/$defs/d0"}}}
    for schema in (old, conditions, {**tower("anyOf"), "unevaluatedProperties": False}):
        (finding,) = verdict(tmp_path, schema)
        assert "steps" in finding.message


def test_unique_items_are_compared_by_hash(tmp_path):
    policy = {"properties": {"features": {"uniqueItems": True}}}
    many = ",".join(f"{{a: {number}}}" for number in range(20_000))
    assert verdict(tmp_path, policy, app_of(f"name: web\nfeatures: [{many}]\n")) == []
    (finding,) = verdict(tmp_path, policy, app_of("name: web\nfeatures: [{a: [1, {b: x}]}, {a: [1.0, {b: x}]}]\n"))
    assert "uniqueItems" in finding.message
    assert verdict(tmp_path, policy, app_of("name: web\nfeatures: [1, true, [], {}]\n")) == []


def test_a_long_enumeration_counts_by_its_length(tmp_path):
    policy = {"properties": {"features": {"items": {"enum": [f"x{number}" for number in range(5000)]}}}}
    found = verdict(tmp_path, policy, app_of(f"name: web\nfeatures: [{'y,' * 20_000}]\n"))
    assert any("steps" in finding.message for finding in found)


def test_names_beside_pattern_properties_are_matched_in_linear_time(tmp_path):
    policy = {
        "properties": {"name": {}, "services": {}},
        "patternProperties": {"^(a+)+$": {}},
        "additionalProperties": False,
    }
    (finding,) = verdict(tmp_path, policy, app_of(f"{SPEC}{'a' * 60}!: 1\n"))
    assert "additionalProperties" in finding.message
    assert verdict(tmp_path, policy, app_of(f"{SPEC}{'a' * 60}: 1\n")) == []
    typed = {**policy, "additionalProperties": {"type": "string"}}
    (finding,) = verdict(tmp_path, typed, app_of(SPEC + "other: 1\n"))
    assert finding.location
    assert finding.location.line == 4
    unevaluated = {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False}
    (finding,) = verdict(tmp_path, unevaluated)
    assert finding.hint == "use additionalProperties"


def test_policies_that_are_too_large_together_are_an_error(tmp_path):
    policy = {"allOf": [{"properties": {f"a{number}": {"type": "string"}}} for number in range(12_000)]}
    (finding,) = verdict(tmp_path, policy)
    assert finding.is_error
    assert f"{MOST_VALUES:,}" in finding.message
