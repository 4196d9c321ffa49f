import json
from urllib.parse import quote

import pytest

from reconciler.redaction import MASK, Redactor

TRICKY = 'p"a\\ss wörd/ü'


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        pytest.param("hunter22", "got hunter22!", id="as it stands"),
        pytest.param(" hunter22\n", "got hunter22!", id="without the spaces around it"),
        pytest.param(TRICKY, f"got {json.dumps(TRICKY)[1:-1]}!", id="as JSON"),
        pytest.param(TRICKY, f"got {json.dumps(TRICKY, ensure_ascii=False)[1:-1]}!", id="as JSON that is not ASCII"),
        pytest.param('it\'s "22"', 'got it\\\'s "22"!', id="as a repr"),
        pytest.param(TRICKY, f"got {quote(TRICKY, safe='')}!", id="in a URL"),
        pytest.param("first line\nsecond line", "got second line!", id="one of its lines"),
        pytest.param("postgres://ada:hunter22@db.example:25060/x", "got hunter22!", id="the password of an address"),
        pytest.param("postgres://ada:a/b@c@db/x", f"got {quote('a/b@c', safe='')}!", id="that password in a URL"),
    ],
)
def test_every_spelling_of_a_secret_is_taken_out(secret, told):
    assert Redactor([secret])(told) == f"got {MASK}!"


def test_the_longest_is_taken_out_first_so_that_no_rest_of_it_stays():
    assert Redactor(["hunter", "hunter-and-more"])("hunter-and-more") == MASK


def test_what_is_too_short_to_be_a_secret_blanks_out_nothing():
    assert Redactor(["", "on", "abc"])("on abc") == "on abc"
    assert Redactor()("anything") == "anything"
