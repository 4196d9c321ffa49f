"""Single values as people read them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import text as texts
from reconciler.appspec.secrets import plain
from reconciler.plan.model import Change, ChangeKind
from reconciler.views import lines, summary
from reconciler.views.lines import opaque
from tests.views import samples


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("a\nb\tc\r\0", r"a\nb\tc\r\0"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u202eb", r"a\u202eb"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("##[error]x", r"##\x5berror]x"),
        ("grün 漢字 é", "grün 漢字 é"),
    ],
)
def test_what_does_not_print_is_spelled_out(text, shown):
    assert lines.inert(text) == shown


@given(samples.hostile)
def test_inert_text_stays_as_it_is(text):
    assert lines.inert(lines.inert(text)) == lines.inert(text)


@given(samples.hostile, st.integers(32, 80))
def test_shortened_text_is_one_short_line(text, width):
    shown = lines.shortened(text * 20, width)
    assert shown.isprintable()
    assert len(shown) <= width + 1
    assert shown.endswith(f"… ({len(text * 20):,} characters)") or shown == lines.inert(text * 20)


def test_a_cut_never_splits_an_escape():
    for width in range(24, 60):
        head = lines.shortened("\u202e" * 100, width).split("…")[0]
        assert head == "\\u202e" * (len(head) // 6)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.27", "1.27"),
        ("", '""'),
        (" x", '" x"'),
        ("a → b", '"a → b"'),
        ("+ x", '"+ x"'),
        ("(secret", '"(secret"'),
        (True, "true"),
        (None, "null"),
        (3, "3"),
        (math.nan, "nan"),
        ({"a": [1, "x"]}, '{"a": [1, "x"]}'),
        ("EV[1:abc:def]", "(secret)"),
    ],
)
def test_values_are_bare_unless_that_would_mislead(value, shown):
    assert lines.shown(value, 60) == shown


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (Change((), ChangeKind.ADDED, None, "debug"), "+ debug"),
        (Change((), ChangeKind.REMOVED, 3, None), "- 3"),
        (Change((), ChangeKind.CHANGED, 1, 3), "1 → 3"),
        (Change((), ChangeKind.CHANGED, "80", 80), '"80" → 80'),
        (Change((), ChangeKind.CHANGED, "", "x"), '"" → x'),
        (Change((), ChangeKind.CHANGED, "a\nb", "a\nc"), r"a\nb → a\nc"),
        (Change((), ChangeKind.REORDERED, ["a", "b"], ["b", "a"]), 'order changed: ["a", "b"] → ["b", "a"]'),
        (Change((), ChangeKind.REORDERED), "order changed"),
        (Change((), ChangeKind.REORDERED, place="before [/a\nb]"), r"moved before [/a\nb]"),
        (Change((), ChangeKind.ADDED, sensitive=True), "+ (secret)"),
        (Change((), ChangeKind.REMOVED, sensitive=True), "- (secret)"),
        (Change((), ChangeKind.CHANGED, sensitive=True), "(secret) changed"),
    ],
)
def test_a_change_says_what_it_does(change, shown):
    assert lines.change_text(change, 60) == shown


_tails = st.one_of(
    st.text(max_size=50), st.sampled_from([r"\n", "\n", r"\x1b[0m", "\x1b[0m", "\U000e0041", "\U000e0042"])
)


@settings(max_examples=300)
@given(st.one_of(st.just(""), st.text(max_size=300)), _tails, _tails, st.integers(60, 120), st.integers(1, 80))
def test_two_values_that_differ_never_look_alike(same, one, other, width, times):
    before, after = same + one * times, same + other * times
    shown = lines.change_text(Change((), ChangeKind.CHANGED, before, after), width)
    assert shown.isprintable()
    assert len(shown) <= width + 60
    if before != after and "→" not in before + after:
        first, second = shown.split(" → ")
        assert first != second


def test_a_line_break_and_its_spelling_are_told_apart():
    change = Change((), ChangeKind.CHANGED, r"a\nb", "a\nb")
    assert lines.change_text(change, 60) == r'"a\\nb" → "a\nb"'


def test_long_values_are_shown_from_shortly_before_they_differ():
    change = Change((), ChangeKind.CHANGED, "x" * 300 + " --workers 2", "x" * 300 + " --workers 3 --reload")
    assert lines.change_text(change, 60) == "…xxxxxx --workers 2 → …xxxxxx --workers 3 --reload"


def test_a_long_value_that_grows_says_how_long_it_is():
    change = Change((), ChangeKind.CHANGED, "x" * 300, "x" * 300 + "y" * 70_000)
    assert lines.change_text(change, 60) == "…xxxx → …xxxxyy… (70,300 characters)"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0s"),
        (-1, "0.0s"),
        (4.24, "4.2s"),
        (9.96, "10s"),
        (59.6, "1m 00s"),
        (72.3, "1m 12s"),
        (3599.7, "1h 00m"),
        (7500, "2h 05m"),
    ],
)
def test_durations_are_told_in_two_units(seconds, shown):
    assert texts.duration(seconds) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(7, "+$7.00"), (-5.004, "-$5.00"), (0, "$0.00"), (-0.001, "$0.00"), (1234.5, "+$1,234.50")],
)
def test_differences_in_money_carry_their_sign(amount, shown):
    assert summary.signed_money(amount) == shown


def test_counts_agree_with_their_noun():
    assert [texts.count(number, "app") for number in (0, 1, 2000)] == ["0 apps", "1 app", "2,000 apps"]


def test_wide_characters_take_two_columns():
    assert lines.padded("漢字", 6) == "漢字  "
    assert lines.cells("e\u0301") == 1


def test_log_lines_lose_colours_and_what_was_overwritten():
    assert lines.log_line("\x1b[1;31mboom\x1b[0m\n") == "boom"
    assert lines.log_line("10%\r50%\r100%") == "100%"
    assert lines.log_line("\x1b]8;;https://x\x07link\x1b]8;;\x07") == "link"
    assert lines.log_line("a\x9b31mb") == r"a\x9b31mb"


def test_a_credential_within_a_larger_value_is_taken_out_by_its_place_in_the_spec():
    before = {"name": "d", "logtail": {"token": "t0ps3cret"}, "endpoint": "x"}
    change = opaque(Change(("services", "web", "log_destinations", "d"), ChangeKind.REMOVED, before))
    assert change.before == {"name": "d", "logtail": {"token": "(secret)"}, "endpoint": "x"}
    assert not change.sensitive


def test_an_unset_credential_is_not_called_a_secret():
    assert plain({"key": "A", "value": "", "type": "SECRET"}) == {"key": "A", "value": "", "type": "SECRET"}
