import math
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.appspec.shape import SPEC
from reconciler.desired.reading import guide_of
from reconciler.errors import InvalidInput
from reconciler.yamltext import MAX_BYTES, MAX_DEPTH, parse, read_text, resolve_plain
from tests.support.yaml_text import dump


def one(text, **options):
    documents, findings = parse(text, "a.yaml", **options)
    return documents[0].data if documents else None, findings


def env(value):
    return f"name: web\nservices:\n- name: api\n  envs:\n  - key: A\n    value: {value}\n"


@pytest.mark.parametrize("value", ["0x423f", "on", "1.2", "8080", "yes", "010", "1e3", "1_000", "-7", ".5"])
def test_text_without_quotes_in_a_text_field_keeps_what_was_written_and_is_told(value):
    data, findings = one(env(value), guide=guide_of(SPEC))
    assert data["services"][0]["envs"][0]["value"] == value
    (finding,) = findings
    assert (finding.code, finding.location.line, finding.location.column) == ("unquoted", 6, 12)
    assert finding.location.pointer == "/services/0/envs/0/value"


@pytest.mark.parametrize(
    "value", ["12:30", "2026-03-01", "2026-03-01T10:00:00Z", ".inf", "abc", "null-ish", "n", "=", "0x_"]
)
def test_what_no_reader_takes_for_a_number_or_boolean_is_text_without_a_word(value):
    data, findings = one(env(value), guide=guide_of(SPEC))
    assert data["services"][0]["envs"][0]["value"] == value
    assert findings == []


@pytest.mark.parametrize("value", ["", "~", "null", "Null"])
def test_null_in_a_text_field_stays_null(value):
    data, findings = one(env(value), guide=guide_of(SPEC))
    assert data["services"][0]["envs"][0]["value"] is None
    assert findings == []


def test_quoted_scalars_are_text_everywhere():
    data, findings = one("instance_count: '3'\nname: \"8080\"\n", guide=guide_of(SPEC))
    assert data == {"instance_count": "3", "name": "8080"}
    assert findings == []


def test_other_fields_are_resolved_as_yaml_does():
    unknown = "[1, 1.5, yes, ~, 1e3, 12:30, 2026-03-01]"
    text = f"services:\n- {{name: a, http_port: 0x10, instance_count: 2, unknown: {unknown}}}\n"
    data, findings = one(text, guide=guide_of(SPEC))
    assert data["services"][0]["http_port"] == 16
    assert data["services"][0]["unknown"] == [1, 1.5, True, None, 1000.0, "12:30", "2026-03-01"]
    assert findings == []


@given(st.from_regex(r"[-+0-9a-zA-Z_.~]{1,8}", fullmatch=True))
def test_plain_scalars_are_those_of_pyyaml_but_for_dates_exponents_and_what_json_cannot_say(text):
    try:
        theirs = yaml.safe_load(text)
    except ValueError:
        theirs = text
    ours = resolve_plain(text)
    if isinstance(theirs, bool | None) or (isinstance(theirs, int | float) and math.isfinite(theirs)):
        assert ours == theirs
        assert type(ours) is type(theirs)
    else:
        assert ours == text or isinstance(ours, float)


@pytest.mark.parametrize("text", ["1e3", "1.5e1", "-2.5E-1", "+.5e2", "1.e3", "01e3"])
def test_a_number_with_an_exponent_is_one_as_json_and_yaml_1_2_have_it(text):
    assert resolve_plain(text) == float(text)


@pytest.mark.parametrize("text", ["e3", ".e3", "1e", "1e3_", "1_0e3", "1e400", "0x1e3g", "--1e3"])
def test_what_only_looks_like_an_exponent_is_text(text):
    assert resolve_plain(text) == text


def test_the_wrapper_of_deploy_templates_shifts_the_shape():
    data, findings = one("spec:\n  name: web\n  features: [1.2]\n", guide=guide_of(SPEC), wrapper="spec")
    assert data == {"spec": {"name": "web", "features": ["1.2"]}}
    assert [finding.location.pointer for finding in findings] == ["/spec/features/0"]


def test_anchors_and_merge_keys_are_expanded_and_own_keys_win():
    text = "base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\none: {<<: *b, a: 9}\ntwo: {<<: [*b, *m], d: 5}\n"
    data, findings = one(text)
    assert data["one"] == {"a": 9, "b": 2}
    assert data["two"] == {"a": 1, "b": 2, "c": 4, "d": 5}
    assert findings == []


def test_aliases_never_share_what_can_be_changed():
    data, _ = one("a: &x [1]\nb: *x\n")
    data["a"].append(2)
    assert data["b"] == [1]


def test_a_merge_of_something_else_is_told():
    _, findings = one("a: {<<: 3}\n")
    assert [finding.code for finding in findings] == ["merge"]


def test_duplicate_keys_are_told_with_both_places():
    documents, findings = parse("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "a.yaml")
    (finding,) = findings
    assert (finding.code, str(finding.location)) == ("duplicate-key", "a.yaml:5:3")
    assert [str(place) for place in finding.related] == ["a.yaml:3:3"]
    assert documents[0].data["b"]["c"] == 3


def test_an_alias_bomb_is_told_and_not_expanded():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 10)}]" for n in range(1, 12)]
    documents, findings = parse("\n".join(lines), "a.yaml")
    assert [finding.code for finding in findings] == ["too-large"]
    assert documents[0].data is None


def test_an_alias_within_itself_is_told():
    _, findings = parse("a: &a\n  b: *a\n", "a.yaml")
    assert [finding.code for finding in findings] == ["too-deep"]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 100_000 + "x", "{a: " * 100_000, "\n".join("  " * n + "a:" for n in range(200))]
)
def test_absurd_depth_is_told_and_does_not_crash_the_process(text):
    _, findings = parse(text, "a.yaml")
    assert [finding.code for finding in findings] == ["too-deep"]


def test_depth_up_to_the_limit_is_read():
    depth = MAX_DEPTH - 1
    data, findings = one("[" * depth + "1" + "]" * depth)
    assert findings == []
    for _ in range(depth):
        (data,) = data
    assert data == 1


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("a:\n\tb: 1\n", 2, 1, "tab"),
        ("a: b\n\tc: 1\n", 2, 1, "tab"),
        ("a: b: c\n", 1, 5, "mapping values"),
        ("a: 'x\n", 2, 1, "end of stream"),
        ("a: *b\n", 1, 4, "alias"),
        ("ü: ö\x07\n", 1, 5, "U+0007"),
        ("a: [1\nb: 2\n", 2, 2, "expected"),
    ],
)
def test_what_is_not_yaml_is_told_at_its_place(text, line, column, word):
    _, (finding,) = parse(text, "a.yaml")
    assert finding.code == "yaml"
    assert word in finding.message
    assert (finding.location.line, finding.location.column) == (line, column)


@pytest.mark.parametrize(
    "text", ["a: !!binary aGk=\n", "a: !mine 1\n", "a: !!set {x}\n", "a: !!int x\n", "!!python/object:os.x {}\n"]
)
def test_tags_that_mean_nothing_here_are_told(text):
    _, findings = parse(text, "a.yaml")
    assert [finding.code for finding in findings] == ["tag"]


def test_tags_of_plain_yaml_are_followed():
    data, findings = one("{a: !!str 1, b: !!int 2, c: !!float 2, d: !!null ~, e: !!bool yes, f: !!seq [], g: !!map {}}")
    assert data == {"a": "1", "b": 2, "c": 2, "d": None, "e": True, "f": [], "g": {}}
    assert findings == []


def test_keys_are_text_and_nothing_else():
    data, findings = one("1: a\non: b\n? [x]\n: c\n")
    assert data == {"1": "a", "on": "b"}
    assert [finding.code for finding in findings] == ["key"]


def test_several_documents_windows_line_ends_and_empty_ones():
    documents, findings = parse("a: 1\r\n---\r\n---\r\nb: [x,\r\n  y]\r\n", "a.yaml")
    assert [document.data for document in documents] == [{"a": 1}, None, {"b": ["x", "y"]}]
    assert str(documents[2].locate("/b/1")) == "a.yaml:5:3"
    assert findings == []
    assert parse("# nothing\n", "a.yaml") == ([], [])


def test_documents_before_a_syntax_error_are_kept():
    documents, findings = parse("a: 1\n---\nb: [\n", "a.yaml")
    assert [document.data for document in documents] == [{"a": 1}]
    assert len(findings) == 1
    assert str(documents[0].locate("/a")) == "a.yaml:1:4"


TEXT = """\
base: &base
  http_port: 1
services:
  - name: web
    <<: *base
    envs: [{key: A, value: b}]
    a/b~c: 1
"""


@pytest.mark.parametrize(
    ("pointer", "key", "place"),
    [
        ("", False, (1, 1)),
        ("/services", False, (3, 1)),
        ("/services/0", False, (4, 5)),
        ("/services/0/name", False, (4, 11)),
        ("/services/0/name", True, (4, 5)),
        ("/services/0/envs", False, (6, 11)),
        ("/services/0/envs/0/value", False, (6, 28)),
        ("/services/0/a~1b~0c", False, (7, 12)),
        ("/services/0/http_port", False, (2, 14)),
        ("/services/0/image/tag", False, (4, 5)),
        ("/services/7", False, (3, 1)),
        ("/services/x", False, (3, 1)),
    ],
)
def test_a_pointer_leads_to_its_place_or_its_nearest_parent(pointer, key, place):
    (document,), _ = parse(TEXT, "a.yaml")
    location = document.locate(pointer, key=key)
    assert (location.line, location.column) == place
    assert location.pointer == pointer


def test_plain_scalars_are_told_apart_from_quoted_ones():
    (document,), _ = parse("a: x\nb: 'x'\nc: [x]\n", "a.yaml")
    assert [document.is_plain(pointer) for pointer in ("/a", "/b", "/c", "/c/0", "/d")] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_a_document_shows_neither_text_nor_data_in_its_repr():
    (document,), _ = parse("password: hunter2\n", "a.yaml")
    assert "hunter2" not in repr(document)


@given(st.text(max_size=80))
def test_no_text_makes_the_reader_raise(text):
    documents, findings = parse(text, "a.yaml", guide=guide_of(SPEC), wrapper="spec")
    assert all(document.locate("/a/0").line for document in documents)
    assert isinstance(findings, list)


KEYS = st.text("abcxyz", min_size=1, max_size=3)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=6),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=12,
)


@given(TREES)
def test_what_pyyaml_writes_is_read_back(tree):
    data, findings = one(dump(tree))
    assert data == tree
    assert findings == []


def test_json_is_read_with_its_exponents_and_surrogate_pairs(tmp_path: Path):
    file = tmp_path / "a.json"
    file.write_text(
        '{\n\t"a": "\\ud83d\\ude00 \\\\ud83d", "b": [1E3, 1.5e1, -2.5E-1], "c": "a\\/b"\n}', encoding="utf-8"
    )
    (document,), findings = parse(read_text(file, str(file)), str(file))
    assert document.data == {"a": "\U0001f600 \\ud83d", "b": [1000.0, 15.0, -0.25], "c": "a/b"}
    assert findings == []


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: web\n")
    assert read_text(file, "a.yaml") == "name: web\n"


def test_a_file_system_may_give_less_at_once_than_it_is_asked_for(tmp_path, monkeypatch):
    file, read = tmp_path / "a.yaml", os.read
    file.write_text("name: web\nregion: fra\n")
    monkeypatch.setattr(os, "read", lambda number, length: read(number, min(length, 7)))
    assert read_text(file, "a.yaml") == "name: web\nregion: fra\n"


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        ("name: x".encode("utf-16"), "encoding", "a.yaml:1:1"),
        (b"a: 1\nb: \xff\n", "encoding", "a.yaml:2:4"),
        (b" " * (MAX_BYTES + 1), "too-large", "a.yaml"),
    ],
)
def test_files_that_cannot_be_used_are_told(tmp_path: Path, raw, code, place):
    file = tmp_path / "a.yaml"
    file.write_bytes(raw)
    with pytest.raises(InvalidInput) as caught:
        read_text(file, "a.yaml")
    (finding,) = caught.value.findings
    assert (finding.code, str(finding.location)) == (code, place)


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(InvalidInput) as caught:
        read_text(tmp_path, "a.yaml")
    assert caught.value.findings[0].code == "unreadable-file"
