"""`reconcile import` over a file that stands: only what differs is rewritten."""

from __future__ import annotations

import copy
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.export import export_spec, rewrite
from reconciler.desired.load import DesiredApp
from reconciler.desired.merge import merge_spec, rewritten
from reconciler.yamltext.edit import CannotEdit
from tests.support.any_specs import specs
from tests.support.read_back import app, apps, differing, loaded, paths
from tests.support.yaml_text import dump

TEXT = """\
# The shop.
name:  shop
region: "fra"   # near us

services:
- name: api        # the API
  image: {registry_type: DOCR, repository: api, tag: '1.0'}
  instance_count: 2

  # how much is logged
  envs:
  - key: LOG_LEVEL
    value: 'info'
  # asks the bank
  - {key: BANK, value: https://bank.example.com}
  - key: KEY
    type: SECRET
    value: "EV[1:aaaa:first]"

# the rest
databases:
- {name: db, engine: PG}
"""


def live(**service: Any) -> dict[str, Any]:
    out = copy.deepcopy(dict(app(TEXT).spec))
    out["services"][0] |= service
    return out


def edited_or_anew(one: DesiredApp, wanted: dict[str, Any]) -> str:
    try:
        return merge_spec(one, wanted, differing(wanted))
    except CannotEdit:
        return rewritten(one, wanted)


def merged(text: str, wanted: dict[str, Any], file: str = "web.yaml") -> str:
    one = app(text, file)
    out = edited_or_anew(one, wanted)
    assert paths(app(out, file).spec, wanted) == []
    return out


def changed(text: str, out: str) -> tuple[list[str], list[str]]:
    """The lines that are gone and the lines that are new."""
    before, after = text.splitlines(), out.splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_without_a_difference_comes_back_byte_for_byte(newline: str) -> None:
    text = TEXT.replace("\n", newline)
    for same in (live(), live(http_port=8080), {**live(), "region": "fra1", "egress": {"type": "AUTOASSIGN"}}):
        assert merged(text, same) == text


@pytest.mark.parametrize(
    ("wanted", "gone", "new"),
    [
        ({**live(), "region": "nyc"}, ['region: "fra"   # near us'], ['region: "nyc"   # near us']),
        (live(instance_count=5), ["  instance_count: 2"], ["  instance_count: 5"]),
        (live(instance_count=1), ["  instance_count: 2"], ["  instance_count: 1"]),
        (live(run_command="./go"), [], ["  run_command: ./go"]),
        (live(run_command="a\nb\n"), [], ["  run_command: |", "    a", "    b"]),
        (
            live(image={"registry_type": "DOCR", "repository": "api", "tag": "1.10"}),
            ["  image: {registry_type: DOCR, repository: api, tag: '1.0'}"],
            ["  image: {registry_type: DOCR, repository: api, tag: '1.10'}"],
        ),
        (
            live(image={"registry_type": "DOCR", "repository": "api", "digest": "sha256:00"}),
            ["  image: {registry_type: DOCR, repository: api, tag: '1.0'}"],
            ["  image: {registry_type: DOCR, repository: api, digest: sha256:00}"],
        ),
        ({**live(), "databases": []}, ["databases:", "- {name: db, engine: PG}"], []),
        (
            {**live(), "workers": [{"name": "mail", "instance_count": 1}]},
            [],
            ["workers:", "- name: mail"],
        ),
        (live(**{"x-new": {"a": ["on"]}}), [], ["  x-new:", "    a:", '    - "on"']),
    ],
)  # fmt: skip
def test_only_what_differs_is_rewritten(wanted: dict[str, Any], gone: list[str], new: list[str]) -> None:
    lost, found = changed(TEXT, merged(TEXT, wanted))
    assert [line for line in lost if line != "# the rest"] == [line for line in gone if line.strip()]
    assert found == new


def with_envs(*envs: dict[str, str]) -> dict[str, Any]:
    return live(envs=list(envs))


LOG, BANK, KEY = live()["services"][0]["envs"]


@pytest.mark.parametrize(
    ("wanted", "gone", "new"),
    [
        (with_envs(KEY, LOG, BANK), [], []),
        (with_envs({**LOG, "value": "1.2"}, BANK, KEY), ["    value: 'info'"], ["    value: '1.2'"]),
        (with_envs(LOG, KEY), ["  # asks the bank", "  - {key: BANK, value: https://bank.example.com}"], []),
        (
            with_envs(LOG, {**BANK, "scope": "RUN_TIME"}, KEY),
            ["  - {key: BANK, value: https://bank.example.com}"],
            ["  - {key: BANK, value: https://bank.example.com, scope: RUN_TIME}"],
        ),
        (with_envs(LOG, BANK, KEY, {"key": "NEW", "value": "yes"}), [], ["  - key: NEW", '    value: "yes"']),
        (
            with_envs(LOG, BANK, KEY, {"key": "NEW", "value": "EV[1:bbbb:new]", "type": "SECRET"}),
            [],
            [
                "  - key: NEW",
                "    # secret, encrypted for this app: useless in any other",
                "    value: EV[1:bbbb:new]",
            ],
        ),
        (
            with_envs(LOG, BANK, {**KEY, "value": "EV[1:bbbb:new]"}),
            ['    value: "EV[1:aaaa:first]"'],
            ['    value: "EV[1:bbbb:new]"'],
        ),
    ],
)
def test_variables_are_matched_by_key(wanted: dict[str, Any], gone: list[str], new: list[str]) -> None:
    assert changed(TEXT, merged(TEXT, wanted)) == (gone, new)


def test_what_comes_first_in_an_item_can_go() -> None:
    text = "name: a\nservices:\n- instance_count: 3 # many\n  # its name\n  name: s\n  http_port: 9000\n"
    out = merged(text, {"name": "a", "services": [{"name": "s", "http_port": 9000}]})
    assert out == "name: a\nservices:\n  # its name\n- name: s\n  http_port: 9000\n"


def test_a_comment_beside_a_value_is_no_part_of_a_block_that_takes_its_place() -> None:
    text = "name: a\nservices:\n  - name: s\n    run_command: x # run\n    http_port: 9000\n"
    out = merged(text, {"name": "a", "services": [{"name": "s", "http_port": 9000, "run_command": "a\nb\n"}]})
    assert "run_command: | # run\n      a\n      b\n    http_port" in out


def test_a_file_that_ends_within_its_last_line_gets_whole_lines() -> None:
    out = merged(
        "name: a", {"name": "a", "disable_edge_cache": True, "workers": [{"name": "w", "run_command": "a\nb\n"}]}
    )
    assert out == "name: a\nworkers:\n  - name: w\n    run_command: |\n      a\n      b\ndisable_edge_cache: true\n"


def test_routes_give_way_to_ingress_only_where_it_differs() -> None:
    text = "name: a\nservices:\n  - name: s\n    routes:\n      - path: /api # the API\n"
    rule = {"match": {"path": {"prefix": "/api"}}, "component": {"name": "s"}}
    same = {"name": "a", "services": [{"name": "s"}], "ingress": {"rules": [rule]}}
    assert merged(text, same) == text
    kept = {**same, "ingress": {"rules": [{**rule, "component": {"name": "s", "preserve_path_prefix": True}}]}}
    assert merged(text, kept) == textwrap.dedent("""\
        name: a
        services:
          - name: s
        ingress:
          rules:
            - match:
                path:
                  prefix: /api
              component:
                name: s
                preserve_path_prefix: true
        """)


def test_rules_keep_their_order_and_comments() -> None:
    def rule(prefix: str) -> dict[str, Any]:
        return {"match": {"path": {"prefix": prefix}}, "component": {"name": "s"}}

    text = "name: a\nservices:\n- name: s\ningress:\n  rules:\n" + "".join(
        f"  # {prefix[1:]}\n  - component: {{name: s}}\n    match: {{path: {{prefix: {prefix}}}}}\n"
        for prefix in ("/one", "/two", "/three")
    )
    wanted = {
        "name": "a",
        "services": [{"name": "s"}],
        "ingress": {"rules": [rule("/one"), rule("/new"), rule("/three")]},
    }
    out = merged(text, wanted)
    assert changed(text, out) == (
        ["    match: {path: {prefix: /two}}"],
        ["    match: {path: {prefix: /new}}"],
    )
    wanted["ingress"]["rules"] = [rule("/three"), rule("/one"), rule("/two")]
    assert [one["match"]["path"]["prefix"] for one in app(merged(text, wanted)).spec["ingress"]["rules"]] == [
        "/three",
        "/one",
        "/two",
    ]


def test_deploy_templates_and_the_other_documents_of_a_file_are_left_alone() -> None:
    first, second = "# one\nspec:\n    name: a # it\n    region: fra\n", "name: b\nregion: fra\n"
    text = f"{first}---\n{second}"
    one, two = apps(text)
    wanted = {"name": "a", "region": "nyc", "workers": [{"name": "w"}]}
    out = merge_spec(one, wanted, differing(wanted))
    assert out == "# one\nspec:\n    name: a # it\n    region: nyc\n    workers:\n      - name: w\n---\n" + second
    wanted = {"name": "b", "region": "ams"}
    assert merge_spec(two, wanted, differing(wanted)) == first + "---\nname: b\nregion: ams\n"


def test_anchors_that_others_use_are_not_changed_under_them() -> None:
    text = textwrap.dedent("""\
        # the header
        name: a
        services:
          - name: s
            envs: &shared
              - {key: A, value: x}
          - name: t
            envs: *shared
        """)
    env = {"key": "A", "value": "x"}
    other = {"key": "A", "value": "y"}
    both = {"name": "a", "services": [{"name": "s", "envs": [env]}, {"name": "t", "envs": [env]}]}
    assert merged(text, both) == text
    both["services"][1]["envs"] = [other]
    out = merged(text, both)
    assert "envs: &shared\n      - {key: A, value: x}\n" in out
    assert "*shared" not in out
    both["services"][0]["envs"], both["services"][1]["envs"] = [other], [env]
    assert merged(text, both).startswith("# the header\nname: a\n")


def test_what_a_merge_key_brings_is_overridden_beside_it() -> None:
    text = textwrap.dedent("""\
        name: a
        services:
          - &base
            name: s
            http_port: 9000
          - <<: *base
            name: t
        """)
    wanted = {"name": "a", "services": [{"name": "s", "http_port": 9000}, {"name": "t", "http_port": 7000}]}
    assert merged(text, wanted) == text + "    http_port: 7000\n"
    assert "<<" not in merged(text, {"name": "a", "services": [{"name": "s", "http_port": 9000}, {"name": "t"}]})


def test_variables_and_secrets_of_git_stay_as_git_has_them(tmp_path: Path) -> None:
    text = textwrap.dedent("""\
        name: shop
        services:
          - name: api
            image: {registry_type: DOCR, repository: api, tag: "${TAG}"}
            instance_count: ${COUNT}
            envs:
              - {key: KEY, type: SECRET, value: "${KEY}"}
              - {key: BY_HAND, type: SECRET}
              - {key: URL, value: "${api.PUBLIC_URL}"}
        """)
    file = tmp_path / "shop.yaml"
    file.write_text(text)
    one = loaded(file, {"variables": ["TAG", "KEY", "COUNT"]}, TAG="1.0", KEY="sk-very-secret", COUNT="2")
    wanted = copy.deepcopy(dict(one.spec))
    wanted["services"][0]["envs"][0]["value"] = "EV[1:aaaa:key]"
    wanted["services"][0]["envs"][1]["value"] = "EV[1:aaaa:hand]"
    assert merge_spec(one, wanted, differing(wanted)) == text
    wanted["services"][0]["instance_count"] = 3
    assert merge_spec(one, wanted, differing(wanted)) == text.replace("${COUNT}", "3")
    wanted["services"][0]["image"]["tag"] = "1.1"
    assert merge_spec(one, wanted, differing(wanted)) == text.replace("${COUNT}", "3").replace("${TAG}", "1.1")


def test_a_plaintext_secret_is_never_brought_from_live() -> None:
    wanted = with_envs(LOG, BANK, KEY, {"key": "NEW", "type": "SECRET", "value": "sk-very-secret"})
    wanted["services"][0]["image"] = {"registry_type": "GHCR", "registry_credentials": "sk-very-secret"}
    assert "very-secret" not in merge_spec(app(TEXT), wanted, differing(wanted))


def test_json_stays_json() -> None:
    import json

    text = '{\n  "name": "a",\n  "services": [\n    {"name": "s", "http_port": 9000}\n  ]\n}\n'
    out = merged(
        text, {"name": "a", "disable_edge_cache": True, "services": [{"name": "s", "run_command": "yes"}]}, "a.json"
    )
    assert json.loads(out) == {
        "name": "a",
        "disable_edge_cache": True,
        "services": [{"name": "s", "run_command": "yes"}],
    }
    assert merged(text, {"name": "a", "services": [{"name": "s", "http_port": 9001}]}, "a.json") == text.replace(
        "9000", "9001"
    )


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_stays(tmp_path: Path, mark: bytes) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(mark + b"name: a\r\n")
    rewrite(file, "name: b\r\n")
    assert file.read_bytes() == mark + b"name: b\r\n"
    rewrite(tmp_path / "new.yaml", "name: é\n")
    assert (tmp_path / "new.yaml").read_bytes() == "name: é\n".encode()


@settings(max_examples=100, deadline=None)
@given(specs, specs, st.sampled_from([None, False, True]), st.booleans())
def test_whatever_stands_and_whatever_is_live_they_agree_afterwards(
    have: dict, want: dict, flow: bool | None, own: bool
) -> None:
    text = export_spec(have) if own else dump(have, default_flow_style=flow, sort_keys=False)
    want = {**want, "name": have["name"]}
    out = edited_or_anew(app(text), want)
    assert paths(app(out).spec, want) == []


@settings(max_examples=100, deadline=None)
@given(specs, st.sampled_from([None, False, True]), st.integers(2, 4))
def test_whatever_stands_comes_back_if_live_agrees(have: dict, flow: bool | None, indent: int) -> None:
    text = dump(have, default_flow_style=flow, indent=indent, sort_keys=False)
    assert merge_spec(app(text), have, differing(have)) == text


def test_a_text_that_looks_like_a_number_to_some_reader_stays_what_it_is() -> None:
    have = {"name": "web", "x-unknown": "1e3", "x-other": "1.5e1"}
    text = dump(have, sort_keys=False)
    assert text == 'name: web\nx-unknown: "1e3"\nx-other: "1.5e1"\n'
    assert merge_spec(app(text), have, differing(have)) == text
    assert app(export_spec(have)).spec == have
