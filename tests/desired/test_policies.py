"""Policies: JSON Schemas of the user's own, applied to specs by app name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.desired.load import DesiredApp
from reconciler.desired.policies import check, load_policies
from reconciler.desired.reading import parse_specs
from reconciler.findings import Severity

SPEC_TEXT = """\
name: prod-shop
services:
  - name: web
    health_check:
      http_path: /up
  - name: api
    image:
      tag: latest
    envs:
      - key: STRIPE_KEY
        value: sk-live-very-secret
        type: SECRET
"""

HEALTH = """\
title: every service in prod has a health check
description: add health_check with an http_path
x-apps: [prod-*]
properties:
  services:
    items:
      required: [health_check]
"""


def app(text: str = SPEC_TEXT, wrapper: str = "") -> DesiredApp:
    documents, _ = parse_specs(text, "specs/shop.yaml")
    spec = documents[0].data["spec"] if wrapper else documents[0].data
    return DesiredApp(name=spec["name"], spec=spec, document=documents[0], wrapper=wrapper)


def policies(tmp_path: Path, **files: str):
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    return load_policies(tmp_path)


def test_a_missing_folder_holds_no_policy(tmp_path: Path) -> None:
    assert load_policies(tmp_path / "policies") == ((), ())


def test_the_policys_own_message_stands_at_the_line_it_speaks_of(tmp_path: Path) -> None:
    loaded, problems = policies(tmp_path, health__yaml=HEALTH)
    assert problems == ()
    (finding,) = check(app(), loaded)
    assert finding.code == "policy:health"
    assert finding.severity is Severity.ERROR
    assert finding.message == "services/api: every service in prod has a health check"
    assert finding.hint == "add health_check with an http_path"
    assert str(finding.location) == "specs/shop.yaml:6:5"
    assert finding.location is not None
    assert finding.location.pointer == "/services/1"


def test_a_deploy_template_is_judged_by_its_spec(tmp_path: Path) -> None:
    loaded, _ = policies(tmp_path, health__yaml=HEALTH)
    text = "spec:\n  name: prod-shop\n  services:\n    - name: api\n"
    (finding,) = check(app(text, "/spec"), loaded)
    assert str(finding.location) == "specs/shop.yaml:4:7"


@pytest.mark.parametrize(
    ("patterns", "concerned"),
    [('"prod-*"', True), ('["stage-*", "*-shop"]', True), ('"stage-*"', False), ('"PROD-*"', False), ("null", None)],
)
def test_a_policy_concerns_the_apps_it_names(tmp_path: Path, patterns: str, concerned: bool | None) -> None:
    text = f'{{"x-apps": {patterns}, "required": ["region"]}}'
    loaded, problems = policies(tmp_path, region__json=text)
    if concerned is None:
        assert [problem.message for problem in problems] == [
            "x-apps must be an app name pattern such as prod-*, or a list of them"
        ]
    else:
        assert bool(check(app(), loaded)) is concerned


def test_without_a_message_the_rule_is_told_but_never_the_value(tmp_path: Path) -> None:
    schema = {
        "properties": {
            "services": {
                "items": {
                    "properties": {
                        "envs": {"items": {"properties": {"value": {"pattern": "^EV\\[", "maxLength": 3}}}},
                        "image": {"properties": {"tag": {"not": {"const": "latest"}, "enum": ["1", "2"]}}},
                    },
                }
            }
        },
        "required": ["region"],
        "x-severity": "warning",
    }
    loaded, _ = policies(tmp_path, rules__json=json.dumps(schema))
    told = check(app(), loaded)
    assert {finding.message for finding in told} == {
        "missing region",
        'services/api/envs/STRIPE_KEY/value: violates pattern: "^EV\\\\["',
        "services/api/envs/STRIPE_KEY/value: violates maxLength: 3",
        'services/api/image/tag: violates not: {"const": "latest"}',
        'services/api/image/tag: violates enum: ["1", "2"]',
    }
    assert {finding.severity for finding in told} == {Severity.WARNING}
    assert "sk-live" not in repr(told)


def test_a_part_of_a_policy_may_have_its_own_message(tmp_path: Path) -> None:
    text = """\
x-message: the shop's rules
required: [region]
properties:
  services:
    x-message: services are well described
    items: {required: [source_dir]}
"""
    loaded, _ = policies(tmp_path, shop__yml=text)
    assert {finding.message for finding in check(app(), loaded)} == {
        "the shop's rules",
        "services/web: services are well described",
        "services/api: services are well described",
    }


def test_policies_share_parts_by_file_name(tmp_path: Path) -> None:
    loaded, problems = policies(
        tmp_path,
        common__json='{"$defs": {"checked": {"required": ["health_check"], "x-message": "must be checked"}}}',
        health__yaml='properties: {services: {items: {$ref: "common.json#/$defs/checked"}}}',
    )
    assert problems == ()
    assert [finding.message for finding in check(app(), loaded)] == ["services/api: must be checked"]


@pytest.mark.parametrize("ref", ["https://example.com/schema.json", "missing.json", "#/$defs/none"])
def test_a_reference_that_leads_nowhere_is_a_finding_and_nothing_is_fetched(tmp_path: Path, ref: str) -> None:
    loaded, _ = policies(tmp_path, far__json=json.dumps({"$ref": ref}))
    (finding,) = check(app(), loaded)
    assert finding.is_error
    assert "cannot resolve $ref" in finding.message
    assert finding.location is not None
    assert finding.location.file.endswith("far.json")


def test_a_reference_to_itself_is_a_finding(tmp_path: Path) -> None:
    loaded, _ = policies(tmp_path, loop__json='{"$ref": "#"}')
    (finding,) = check(app(), loaded)
    assert finding.message == "circular $ref"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("title: x\nproperties:\n  name:\n    type: text\n", "not a valid JSON Schema: 'text' is not valid", 4),
        ("title: x\nproperties:\n  name:\n    pattern: '['\n", "not a valid JSON Schema: '[' is not a 'regex'", 4),
        ("title: x\nx-severity: fatal\n", "x-severity must be one of error, warning, notice", 2),
        ("title: x\n$schema: [1]\n", "$schema must be text", 2),
        ("title: 3\n", "title must be text", 1),
        ("- 1\n", "not a JSON Schema: the file must contain one mapping", 1),
        ("title: [\n", "not valid YAML", 2),
    ],
)
def test_a_policy_that_is_none_is_a_finding_at_its_own_line(tmp_path: Path, text: str, message: str, line: int) -> None:
    loaded, problems = policies(tmp_path, wrong__yaml=text, health__yaml=HEALTH)
    assert [policy.code for policy in loaded] == ["policy:health"]
    assert problems[0].message.startswith(message)
    assert problems[0].is_error
    assert problems[0].location is not None
    assert problems[0].location.line == line
    assert problems[0].location.file.endswith("wrong.yaml")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("title: x\nproperties:\n  name:\n    pattern: '^(?!test-)'\n", (4, 14), "invalid perl operator: (?!"),
        ("title: x\nanyOf:\n- {pattern: '(a)\\1'}\n", (3, 13), "invalid escape sequence: \\1"),
        ("title: x\npatternProperties:\n  '(?<=a)b': {}\n", (3, 14), "invalid perl operator: (?<="),
    ],
)
def test_c59_a_pattern_that_needs_backtracking_is_refused_with_another_way_to_say_it(
    tmp_path: Path, text: str, place: tuple[int, int], message: str
) -> None:
    loaded, (finding,) = policies(tmp_path, wrong__yaml=text)
    assert loaded == ()
    assert finding.message == f"invalid regular expression: {message}"
    assert "says what must not match" in finding.hint
    assert finding.location is not None
    assert (finding.location.line, finding.location.column) == place


def test_c59_a_pattern_that_backtracks_without_end_ends(tmp_path: Path) -> None:
    text = "properties: {name: {pattern: '^(a+)+$'}}\npatternProperties: {'^(b+)+$': {type: number}}\n"
    loaded, problems = policies(tmp_path, evil__yaml=text)
    assert problems == ()
    spec = f"name: {'a' * 50_000}!\n? {'b' * 50_000}!\n: x\nbbb: x\n"
    told = [finding.message for finding in check(app(spec), loaded)]
    assert [message.partition(": ")[2] for message in told] == [
        'violates type: "number"',
        'violates pattern: "^(a+)+$"',
    ]


def test_c59_what_is_no_text_or_no_mapping_matches_as_json_schema_has_it(tmp_path: Path) -> None:
    text = "properties: {quantum: {pattern: '^n', patternProperties: {a: false}}, pattern: {type: string}}\n"
    loaded, _ = policies(tmp_path, one__yaml=text)
    assert check(app("name: web\nquantum: 3\n"), loaded) == ()
    assert check(app("name: web\nquantum: nyc\n"), loaded) == ()
    (finding,) = check(app("name: web\nquantum: fra\n"), loaded)
    assert "pattern" in finding.message


def test_other_files_of_the_folder_are_passed_over(tmp_path: Path) -> None:
    assert policies(tmp_path, README__md="# Policies\n") == ((), ())


def test_jsonschema_is_not_imported_without_policies() -> None:
    code = (
        "import sys, reconciler.desired.policies as p; p.load_policies('/nowhere'); print('jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
