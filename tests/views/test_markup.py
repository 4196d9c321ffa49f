"""The pieces of markdown that everything foreign stands in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.findings import Finding, Location, Severity
from reconciler.redaction import without_query
from reconciler.views import markup
from reconciler.views.lines import inert

_PARSER = MarkdownIt("commonmark")
_ticks = st.lists(st.sampled_from(["`", "``", "```", "````", " ", "a", "\n", "~~~"]), max_size=4).map("".join)


@given(st.lists(_ticks, min_size=1, max_size=4))
def test_no_line_closes_the_fence_around_it(lines):
    tokens = _PARSER.parse(f"{markup.fence(lines)}\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content.split("\n")[:-1] == [inert(line) for line in lines]


@given(_ticks)
def test_a_code_span_holds_its_whole_text(text):
    paragraph = _PARSER.parse(f"a {markup.code(text)} b")[1]
    assert [child.type for child in paragraph.children] == ["text", "code_inline", "text"]
    assert paragraph.children[1].content.strip(" ") == inert(text).strip(" ")


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://github.com/o/r/actions/runs/1?attempt=2#summary", True),
        ("http://github.com/o/r", False),
        ("https://github.com/o r", False),
        ("https://github.com/>[x](https://evil.example)", False),
        ("javascript:alert(1)", False),
        ("https://user@evil.example/", False),
        ("", False),
    ],
)
def test_only_plain_https_addresses_become_links(address, linked):
    assert markup.link("here", address) == (f"[here](<{address}>)" if linked else "here")


@pytest.mark.parametrize(
    ("address", "console"),
    [
        ("https://cloud.digitalocean.com/apps/1/deployments/2", True),
        ("https://cloud.digitalocean.com.evil.example/", False),
        ("https://cloud.digitalocean.com:443@evil.example/", False),
        ("https://logs.example.com/", False),
    ],
)
def test_only_the_control_panel_is_worth_a_click(address, console):
    assert markup.is_console(address) is console


def test_a_signature_in_a_link_is_not_repeated():
    assert without_query("https://logs.example.com/a.log?X-Sig=abc") == "https://logs.example.com/a.log?…"
    assert without_query("https://logs.example.com/a.log") == "https://logs.example.com/a.log"


def test_the_first_attempt_that_fits_is_taken():
    assert markup.fitted([["äöü" * 9], ["äöü"], ["-"]], 6) == "äöü"


def test_parts_are_blocks_and_what_stands_between_them_counts():
    attempts = (["aa", "", "bb"], ["c"])
    assert markup.fitted(attempts, 6) == "aa\n\nbb"
    assert markup.fitted(attempts, 5) == "c"


def test_when_nothing_fits_the_last_attempt_is_cut_between_characters():
    cut = markup.fitted([["ä" * 40]], 10)
    assert cut == "äää…"
    assert len(cut.encode()) <= 10
    assert markup.fitted([["ä", "ä", "ä"]], 8) == "ä\n\n…"


def test_no_more_of_an_attempt_is_made_than_shows_that_it_is_too_long():
    made = itertools.count()
    endless = (f"app {number}" for number in made)
    assert markup.fitted([endless, ["many apps"]], 50) == "many apps"
    assert next(made) < 10


@pytest.mark.parametrize("file", ["../../../../evil/shop/x.yaml", "up/../../../../evil/x.yaml", "/etc/x.yaml", ""])
def test_a_finding_in_a_file_elsewhere_links_to_no_other_repository(file: str) -> None:
    found = Finding(Severity.WARNING, "x", "odd", location=Location(file, 3))
    assert "](" not in markup.finding_block([found], 5, "https://github.example/acme/shop/blob/abc")


@pytest.mark.parametrize("file", ["./specs/a.yaml", "specs//a.yaml", "specs/./a.yaml", "specs/a.yaml"])
def test_a_finding_links_to_its_line(file: str) -> None:
    found = Finding(Severity.WARNING, "x", "odd", location=Location(file, 3))
    link = "](<https://github.example/acme/shop/blob/abc/specs/a.yaml#L3>)"
    assert link in markup.finding_block([found], 5, "https://github.example/acme/shop/blob/abc")
