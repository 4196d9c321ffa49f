"""Overlays: merged by identity, or operations by identity; every mistake is a finding at its line."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.appspec.schema import OPERATIONS
from reconciler.appspec.shape import SPEC, Listing, Record, written_identity
from reconciler.config import Config
from reconciler.desired.export import export_spec
from reconciler.desired.overlays import OVERLAY_GUIDE, Overlay
from reconciler.desired.parts import part_of, taken_apart
from reconciler.desired.patches import FIELDS
from reconciler.desired.reading import parse_specs
from reconciler.findings import Finding
from reconciler.plan.canonical import canonical, key_of
from reconciler.plan.diff import diff
from reconciler.yamltext import Document, Written, parse
from tests.support.specs import specs

BASE = """\
name: web
domains:
- {domain: Example.com, type: PRIMARY}
envs:
- {key: A, value: a}
services:
- name: api
  github: {repo: acme/web, branch: main}
  instance_count: 1
  envs:
  - {key: LOG_LEVEL, value: info}
  - {key: OLD, value: x}
- name: admin
  github: {repo: acme/admin, branch: main}
ingress:
  rules:
  - {match: {path: {prefix: /}}, component: {name: api}}
"""


def base(text: str = BASE) -> Document:
    documents, findings = parse_specs(text, "specs/web.yaml")
    assert not findings
    return documents[0]


def overlay(text: str) -> Overlay:
    documents, _ = parse(text, "overlays/web.yaml", guide=OVERLAY_GUIDE)
    return Overlay("web", documents[0])


def merged(*texts: str) -> tuple[dict[str, Any], Written, list[Finding]]:
    """The spec, where its parts were written, and the findings."""
    document = base()
    part = part_of(document.data, document, "")
    findings = [found for text in texts for found in overlay(text).apply(part)]
    data, places = taken_apart(part)
    return data, Written(document, "", places), findings


def fine(*texts: str) -> dict[str, Any]:
    data, _, findings = merged(*texts)
    assert findings == []
    return data


def expected(change: Any) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(base().data)
    change(data)
    return data


# --- merging ---------------------------------------------------------------------------------------------------------


def test_items_are_found_by_identity_in_a_list_and_by_name() -> None:
    wanted = expected(lambda spec: spec["services"][0].update(instance_count=3))
    assert fine("name: web\nservices:\n- {name: api, instance_count: 3}\n") == wanted
    assert fine("name: web\nservices:\n  api: {instance_count: 3}\n") == wanted


def test_null_removes_a_field_an_item_and_a_list() -> None:
    data = fine("name: web\nenvs: null\nservices:\n  api: {instance_count: null, envs: {OLD: null}}\n  admin: null\n")
    assert "envs" not in data
    assert [one["name"] for one in data["services"]] == ["api"]
    assert "instance_count" not in data["services"][0]
    assert [one["key"] for one in data["services"][0]["envs"]] == ["LOG_LEVEL"]


def test_ordered_lists_are_replaced() -> None:
    data = fine("name: web\ningress:\n  rules:\n  - {match: {path: {prefix: /x}}, component: {name: admin}}\n")
    assert data["ingress"]["rules"] == [{"match": {"path": {"prefix": "/x"}}, "component": {"name": "admin"}}]


def test_an_item_that_is_complete_is_added_and_gets_its_name() -> None:
    data = fine("name: web\nservices:\n  api: {envs: {NEW: {value: '1'}}}\nworkers:\n  w: {github: {repo: acme/w}}\n")
    assert data["services"][0]["envs"][-1] == {"key": "NEW", "value": "1"}
    assert data["workers"] == [{"name": "w", "github": {"repo": "acme/w"}}]


def test_the_identity_is_the_one_of_comparing_whatever_its_spelling() -> None:
    data = fine("name: web\ndomains:\n- {domain: example.com., zone: example.com}\n")
    assert data["domains"] == [{"domain": "Example.com", "type": "PRIMARY", "zone": "example.com"}]


def test_text_stays_text_in_either_form() -> None:
    data = fine("name: web\nservices:\n  api: {image: {tag: 1.10}, envs: {LOG_LEVEL: {value: on}}}\n")
    assert data["services"][0]["image"]["tag"] == "1.10"
    assert data["services"][0]["envs"][0]["value"] == "on"


def test_later_overlays_win() -> None:
    one, other = (f"name: web\nservices:\n  api: {{instance_count: {count}}}\n" for count in (2, 3))
    assert fine(one, other)["services"][0]["instance_count"] == 3


def test_findings_point_at_what_was_written() -> None:
    data, written, _ = merged("name: web\nservices:\n  api:\n    instance_count: 3\n    envs: {OLD: null}\n")
    assert str(written.locate("/services/0/instance_count")) == "overlays/web.yaml:4:21"
    assert str(written.locate("/services/0/name")) == "specs/web.yaml:7:9"
    assert str(written.locate("/services/1/name")) == "specs/web.yaml:13:9"
    assert data["services"][1]["name"] == "admin"


# --- mistakes --------------------------------------------------------------------------------------------------------

WRONG = [
    ("services:\n- {name: ap, instance_count: 2}", "overlay-no-match", "did you mean api?", 3),
    ("services:\n  api:\n    envs: {LOG_LEVL: {value: x}}", "overlay-no-match", "did you mean LOG_LEVEL?; to add", 4),
    ("services:\n  api: {envs: {OLDD: null}}", "overlay-no-match", "did you mean OLD?", 3),
    ("services:\n  api: {instnce_count: 2}", "overlay-no-match", "did you mean instance_count?; to add", 3),
    ("services:\n  api: {http_port: null}", "overlay-no-match", "", 3),
    ("serivces: {}", "overlay-no-match", "did you mean services?; to add", 2),
    ("services:\n- {instance_count: 2}", "overlay-invalid", "name it by its name", 3),
    ("services: 3", "overlay-invalid", "write it as the base does", 2),
    ("services:\n  api: 3", "overlay-invalid", "write it as the base does", 3),
    ("services:\n  api: {envs: []}", "overlay-ambiguous", "null removes the whole list", 3),
    ("services:\n- {name: api}\n- {name: api}", "overlay-ambiguous", "name each item once", 4),
    ("patch: 3", "overlay-invalid", "write a list of operations", 2),
    ("patch: []\nregion: fra", "overlay-ambiguous", "write two overlays", 3),
    ("patch:\n- {op: set, path: /x, value: 1}", "overlay-invalid", "use one of add", 3),
    ("patch:\n- {op: add, path: /x}", "overlay-invalid", "such as /services", 3),
    ("patch:\n- {op: remove, path: x}", "overlay-invalid", "such as /services", 3),
    ("patch:\n- {op: remove, path: /services/ap}", "overlay-no-match", "did you mean api?", 3),
    ("patch:\n- {op: remove, path: /services/0}", "overlay-no-match", "there are: api, admin", 3),
    ("patch:\n- {op: replace, path: /services/apo/name, value: x}", "overlay-no-match", "did you mean api?", 3),
    ("patch:\n- {op: replace, path: /region, value: fra}", "overlay-no-match", "", 3),
    ("patch:\n- {op: test, path: /services/api/instance_count, value: 2}", "overlay-invalid", "", 3),
    ("patch:\n- {op: add, path: /services/x, value: {name: y}}", "overlay-invalid", "use the same name in both", 3),
    (
        "patch:\n- {op: replace, path: /services/api, value: {name: y}}",
        "overlay-invalid",
        "use the same name in both",
        3,
    ),
    ("patch:\n- {op: add, path: /ingress/rules/7, value: {}}", "overlay-no-match", "use a number", 3),
    ("patch:\n- {op: move, from: /services/x, path: /services/y}", "overlay-no-match", "there are: api, admin", 3),
]


@pytest.mark.parametrize(("text", "code", "hint", "line"), WRONG, ids=[one[0][:60] for one in WRONG])
def test_a_mistake_is_an_error_at_its_line_with_a_way_out(text: str, code: str, hint: str, line: int) -> None:
    data, _, findings = merged(f"name: web\n{text}\n")
    (finding,) = findings
    assert (finding.code, finding.is_error) == (code, True)
    assert finding.hint.startswith(hint)
    assert finding.location
    assert (finding.location.file, finding.location.line) == ("overlays/web.yaml", line)
    assert data.keys() >= base().data.keys()


def test_an_identity_that_the_base_has_twice_is_ambiguous() -> None:
    twice = BASE.replace("{key: OLD, value: x}", "{key: LOG_LEVEL, value: x}")
    for text in (
        "services: {api: {envs: {LOG_LEVEL: {value: y}}}}",
        "patch: [{op: remove, path: /services/api/envs/LOG_LEVEL}]",
    ):
        document = base(twice)
        (finding,) = overlay(f"name: web\n{text}\n").apply(part_of(document.data, document, ""))
        assert finding.code == "overlay-ambiguous"


def test_names_that_differ_in_their_number_alone_are_no_misspelling() -> None:
    assert fine("name: web\nenvs: {WORKER_1: {value: a}}\n", "name: web\nenvs: {WORKER_2: {value: b}}\n")


# --- operations ------------------------------------------------------------------------------------------------------


def test_every_operation_of_the_standard_is_known() -> None:
    assert tuple(FIELDS) == OPERATIONS


OPERATION = [
    ("{op: add, path: /region, value: fra}", lambda spec: spec.update(region="fra")),
    ("{op: add, path: /envs/LOG_LEVL, value: {value: 1}}",
     lambda spec: spec["envs"].append({"value": "1", "key": "LOG_LEVL"})),
    ("{op: add, path: /envs/A, value: {key: A, value: b}}", lambda spec: spec["envs"][0].update(value="b")),
    ("{op: add, path: /ingress/rules/0, value: {redirect: {uri: /}}}",
     lambda spec: spec["ingress"]["rules"].insert(0, {"redirect": {"uri": "/"}})),
    ("{op: add, path: /ingress/rules/-, value: {redirect: {uri: /}}}",
     lambda spec: spec["ingress"]["rules"].append({"redirect": {"uri": "/"}})),
    ("{op: remove, path: /services/admin}", lambda spec: spec["services"].pop(1)),
    ("{op: remove, path: /ingress/rules/0}", lambda spec: spec["ingress"]["rules"].clear()),
    ("{op: replace, path: /services/api/envs/OLD/value, value: 1.20}",
     lambda spec: spec["services"][0]["envs"][1].update(value="1.20")),
    ("{op: move, from: /services/admin, path: /workers}", None),
    ("{op: copy, from: /services/api/github/branch, path: /services/admin/github/branch}", lambda _: None),
    ("{op: test, path: /services/api/instance_count, value: 1}", lambda _: None),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "change"), OPERATION, ids=[one[0] for one in OPERATION])
def test_an_operation_does_what_the_standard_says_by_identity(operation: str, change: Any) -> None:
    data = fine(f"name: web\npatch:\n- {operation}\n")
    if change is not None:
        assert data == expected(change)
    else:
        assert data["workers"]["name"] == "admin"
        assert len(data["services"]) == 1


# --- properties ------------------------------------------------------------------------------------------------------


@given(specs())
@settings(max_examples=60)
def test_an_empty_overlay_changes_nothing(spec: dict[str, Any]) -> None:
    document = Document("specs/web.yaml", "", 0, spec)
    part = part_of(spec, document, "")
    assert overlay("name: web\n").apply(part) == []
    data, places = taken_apart(part)
    assert data == spec
    assert places == {"": (document, "")}


_IDENTIFIES = ("name", "key", "domain", "rule", "operator", "value", "window", "type")
"""Fields that are left alone: those of identities, and what makes another value a secret."""


def _leaf(draw: st.DrawFn, spec: dict[str, Any]) -> tuple[tuple[str, ...], Any, Any]:
    """A scalar of a spec by identity, with another value for it."""
    found: list[tuple[tuple[str, ...], Any]] = []

    def walk(node: Any, shape: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                field = shape.fields.get(name) if isinstance(shape, Record) else None
                identity = name in _IDENTIFIES
                if field is not None and not (identity and not isinstance(value, dict | list)):
                    walk(value, field.shape, (*path, name))
        elif isinstance(node, list) and isinstance(shape, Listing) and shape.identity:
            for item in node:
                walk(item, shape.item, (*path, written_identity(shape, item)))
        elif isinstance(node, int | str) and not isinstance(node, bool) and path:
            found.append((path, node))

    walk({name: value for name, value in spec.items() if name != "name"}, SPEC, ())
    path, value = draw(st.sampled_from(found)) if found else ((), None)
    return path, value, value + 1 if isinstance(value, int) else f"{value}-other"


@given(st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
def test_an_overlay_reaches_exactly_what_it_names(data: st.DataObject) -> None:
    spec = data.draw(specs(secrets=False))
    path, _, value = data.draw(st.composite(_leaf)(spec))
    if not path:
        return
    document = Document("specs/web.yaml", "", 0, spec)
    part = part_of(spec, document, "")
    nested: Any = value
    for name in reversed(path):
        nested = {name: nested}
    findings = overlay(yaml.safe_dump({"name": "web", **nested})).apply(part)
    assert findings == []
    rendered, _ = taken_apart(part)
    changed = {change.path for change in diff(canonical(spec), canonical(rendered))}
    assert all(one[: len(path)] == path or path[: len(one)] == one or one[0] == "ingress" for one in changed), changed
    again = part_of(rendered, document, "")
    assert overlay(yaml.safe_dump({"name": "web", **nested})).apply(again) == []
    assert taken_apart(again)[0] == rendered


@given(specs())
@settings(max_examples=40)
def test_the_identity_of_what_is_written_is_the_one_of_comparing(spec: dict[str, Any]) -> None:
    def walk(node: Any, shape: Any) -> None:
        if isinstance(node, dict) and isinstance(shape, Record):
            for name, value in node.items():
                walk(value, shape.fields[name].shape)
        elif isinstance(node, list) and isinstance(shape, Listing):
            for item in node:
                if shape.identity:
                    assert written_identity(shape, item) == key_of(shape, item)
                walk(item, shape.item)

    walk(spec, SPEC)


def test_a_rendering_read_back_is_the_same(tmp_path: Path) -> None:
    data = fine("name: web\nservices:\n  api: {instance_count: 3}\n")
    documents, _ = parse_specs(export_spec(data), "")
    assert canonical(documents[0].data) == canonical(data)
    assert Config().environments == {}
