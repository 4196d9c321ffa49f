import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, quote_plus

import pytest

from reconciler.redaction import MASK, Redactor

SECRET = "Tr0ub4dor&3"
TRICKY = 'p"a\\ss wörd/ü'


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        pytest.param(SECRET, f"got {SECRET}!", id="as it is"),
        pytest.param(f" {SECRET}\n", f"got {SECRET}!", id="without the spaces around it"),
        pytest.param(TRICKY, f"got {json.dumps(TRICKY)[1:-1]}!", id="as JSON"),
        pytest.param(TRICKY, f"got {json.dumps(TRICKY, ensure_ascii=False)[1:-1]}!", id="as JSON that is not ASCII"),
        pytest.param("a<B>9&<c>", "got a\\u003cB\\u003e9\\u0026\\u003cc\\u003e!", id="as JSON from Go"),
        pytest.param('it\'s "22"', 'got it\\\'s "22"!', id="as a repr"),
        pytest.param(TRICKY, f"got {quote(TRICKY, safe='')}!", id="in a URL"),
        pytest.param(TRICKY, f"got {quote_plus(TRICKY)}!", id="in a form"),
        pytest.param(SECRET, f"got {SECRET.encode().hex()}!", id="as hex"),
        pytest.param(SECRET, f"got {SECRET.encode().hex().upper()}!", id="as upper-case hex"),
        pytest.param(f"first line\n{SECRET}", f"got {SECRET}!", id="one of its lines"),
        pytest.param("Tr0\x07ub4\x9bdor", "got Tr0ub4dor!", id="without the control characters that a log loses"),
        pytest.param(f"postgres://ada:{SECRET}@db:25060/x", f"got {SECRET}!", id="the password of an address"),
        pytest.param("postgres://ada:a/B@9c7Xq@db/x", f"got {quote('a/B@9c7Xq', safe='')}!", id="that in a URL"),
        pytest.param(f"bot:{SECRET}", f"got {SECRET}!", id="the password of user:password"),
        pytest.param(f"{SECRET}:x", f"got {SECRET}!", id="the user of user:password, if it is a token"),
    ],
)
def test_c68_every_spelling_of_a_secret_is_taken_out(secret, told):
    assert Redactor([secret])(told) == f"got {MASK}!"


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
def test_c68_base64_is_taken_out_wherever_in_it_the_secret_is(encode, before):
    text = encode(f"{before}{SECRET}ÿ>{before}".encode()).decode()
    shown = Redactor([f"{SECRET}ÿ>"])(f"Basic {text}")
    assert MASK in shown
    assert len(shown) <= len(f"Basic {MASK}") + 2 * len(before) + 6


def test_the_longest_is_taken_out_first_so_that_no_rest_of_it_stays():
    assert Redactor([SECRET, f"{SECRET}-and-more"])(f"{SECRET}-and-more") == MASK


@pytest.mark.parametrize(
    "word",
    [
        "",
        "on",
        "true",
        "null",
        "8842",
        "8081",
        "abc",
        "production",
        "postgres15",
        "localhost:5432",
        "hunter22",
        "2024-01-31 10:00:00",
    ],
)
def test_c66_a_word_or_a_number_is_left_where_it_is_as_masking_would_give_it_away(word):
    text = f"{word} 1{word}2 and {word}"
    assert Redactor([word])(text) == text
    assert Redactor()(text) == text


def test_a_text_that_has_no_secret_stays_the_same_object():
    text = "nothing here, for 8 characters and more"
    assert Redactor([SECRET])(text) is text
    assert Redactor().within(report := Report(text)) is report


class Kind(StrEnum):
    A = "Tr0ub4dor&3"


@dataclass(frozen=True)
class Report:
    text: str
    more: tuple["Report", ...] = ()
    data: object = None
    kind: Kind = Kind.A


def test_every_text_of_a_report_is_redacted_and_everything_else_stays():
    report = Report(f"a {SECRET}", (Report(SECRET),), {"x": [SECRET, 1, None], SECRET: True})
    shown = Redactor([SECRET]).within(report)
    assert shown == Report(f"a {MASK}", (Report(MASK),), {"x": [MASK, 1, None], MASK: True})
    assert shown.kind is Kind.A
