"""`reconcile fmt`: one way to write a spec, that never changes what it says."""

from __future__ import annotations

import textwrap

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.desired.format import format_text
from tests.support.any_specs import specs
from tests.support.read_back import apps

MESSY = """\
# The shop. Ask ops before changing the region.

region:   fra
name: shop # the one and only


services:
# the API
- envs:   # all of them
    - {key: FLOW, value: "1"}
    - value: 1.10
      # numbers are text here
      key: VERSION
    # - key: OLD
    #   value: gone
  name: api
  # small is enough
  instance_size_slug: basic-xxs
  run_command: >-
      ./go
      --fast
  build_command: "one
    two"
# the end
"""

TIDY = """\
# The shop. Ask ops before changing the region.

name: shop  # the one and only
region: fra

services:
  # the API
  - name: api
    build_command: "one
      two"
    run_command: >-
      ./go
      --fast
    # small is enough
    instance_size_slug: basic-xxs
    envs:  # all of them
      - {key: FLOW, value: "1"}
      # numbers are text here
      - key: VERSION
        value: "1.10"
      # - key: OLD
      #   value: gone
# the end
"""


def meaning(text: str) -> object:
    return [app.spec for app in apps(text)]


def test_a_messy_spec_becomes_tidy_and_keeps_every_comment() -> None:
    assert format_text(MESSY) == TIDY
    assert format_text(TIDY) == TIDY
    assert meaning(MESSY) == meaning(TIDY)


def test_windows_line_ends_stay() -> None:
    assert format_text(MESSY.replace("\n", "\r\n")) == TIDY.replace("\n", "\r\n")


def test_deploy_templates_and_several_documents_keep_their_form() -> None:
    text = "# first\nspec:\n    region: fra\n    name: a\n---\n# second\nregion: nyc\nname: b\n...\n---\nname: c\n"
    assert format_text(text) == textwrap.dedent("""\
        # first
        spec:
          name: a
          region: fra
        ---
        # second
        name: b
        region: nyc
        ...
        ---
        name: c
        """)


def test_an_overlay_with_lists_by_name_is_formatted_too() -> None:
    text = "services:\n    api:  # c\n        envs:\n            PORT: {value: 8080}\n            X: {}\nname: a\n"
    text = text.replace("X: {}", "X:\n                value: 0123")
    tidy = 'name: a\nservices:\n  api:  # c\n    envs:\n      PORT: {value: 8080}\n      X:\n        value: "0123"\n'
    assert format_text(text) == tidy


def test_a_comment_goes_with_what_it_speaks_of() -> None:
    text = textwrap.dedent("""\
        name: a
        services:
        - envs:
          - key: A
          # - key: GONE
          # about the name
          name: s
        # about the jobs
        jobs:
        - name: j # beside
        """)
    assert format_text(text) == textwrap.dedent("""\
        name: a
        services:
          # about the name
          - name: s
            envs:
              - key: A
              # - key: GONE
        # about the jobs
        jobs:
          - name: j  # beside
        """)


def test_an_alias_never_comes_before_its_anchor() -> None:
    text = "workers:\n- name: w\n  envs: &e\n  - {key: A, value: x}\nname: a\nservices:\n- envs: *e\n  name: s\n"
    out = format_text(text)
    assert meaning(out) == meaning(text)
    assert out.index("&e") < out.index("*e")
    assert "  - name: w" not in text
    assert "  - name: w" in out


@pytest.mark.parametrize(
    "text",
    ['{"name": "shop"}\n', "name: [\n", "- 1\n", "", "# only a comment\n", "name: a\nname: b\n"],
)
def test_what_is_not_made_of_blocks_or_not_understood_stays_as_it_is(text: str) -> None:
    assert format_text(text) == text


@pytest.mark.parametrize(
    "block",
    [
        "|\n      one\n       two\n", "|2\n        one\n      two\n", ">+\n      kept\n\n\n",
        "|-\n      # no comment\n      x\n",
        "|  # a comment\n      one\n",
    ],
)  # fmt: skip
def test_blocks_of_text_keep_every_character(block: str) -> None:
    text = f"name: a\nservices:\n  - name: s\n    build_command: {block}    run_command: x\n"
    assert meaning(format_text(text)) == meaning(text)
    assert format_text(format_text(text)) == format_text(text)
    flush = text.replace("\n  - ", "\n- ").replace("\n    ", "\n  ")
    assert meaning(format_text(flush)) == meaning(flush)


@settings(max_examples=100, deadline=None)
@given(specs, st.sampled_from([None, False, True]), st.integers(2, 6), st.booleans())
def test_formatting_never_changes_the_meaning_and_twice_is_once(
    spec: dict, flow: bool | None, indent: int, wide: bool
) -> None:
    text = yaml.dump(
        spec, default_flow_style=flow, indent=indent, sort_keys=False, allow_unicode=wide, width=200 if wide else 20,
        Dumper=yaml.CSafeDumper,
    )  # fmt: skip
    out = format_text(text)
    assert meaning(out) == meaning(text)
    assert format_text(out) == out


@settings(max_examples=100, deadline=None)
@given(specs, st.integers(1, 3), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 6)), max_size=6))
def test_no_comment_is_ever_lost(spec: dict, indent: int, places: list[tuple[int, int]]) -> None:
    lines = yaml.dump(spec, indent=indent + 1, sort_keys=False, width=10_000, Dumper=yaml.CSafeDumper).split("\n")
    for number, (place, column) in enumerate(places):
        lines.insert(place % len(lines), f"{' ' * column}# comment {number}.")
    text = "\n".join(lines)
    out = format_text(text)
    assert meaning(out) == meaning(text)
    assert all(f"# comment {number}." in out for number in range(len(places)))
    assert format_text(out) == out
