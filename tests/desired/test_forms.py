"""Texts with a form of their own, as the platform's readers take them."""

import pytest

from reconciler.desired.rules import context as forms


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("0 3 * * *", None),
        ("*/5 0-6,12 * JAN-DEC mon", None),
        (" 0  3 * * * ", None),
        ("0 3 * *", True),
        ("every day", True),
        ("60 * * * *", True),
        ("@hourly", False),
        ("TZ=UTC 0 3 * * *", False),
        ("0 3 ? * *", False),
        ("0 0 3 * * *", False),
    ],
)
def test_a_cron_expression_has_five_fields(text, certain):
    found = forms.wrong_cron(text)
    assert (found and found.certain) == certain


@pytest.mark.parametrize("text", ["", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "EST5EDT"])
def test_every_zone_of_the_database_is_known(text):
    assert forms.wrong_time_zone(text) is None


@pytest.mark.parametrize(("text", "meant"), [("Europe/Berln", "Europe/Berlin"), ("america/denver", "America/Denver")])
def test_a_misspelt_zone_is_told_with_what_was_meant(text, meant):
    found = forms.wrong_time_zone(text)
    assert found
    assert found.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("text", ["/etc/localtime", "../UTC", "\0", "Europe", "x" * 10_000])
def test_what_is_no_zone_is_none_and_no_file_is_read(text):
    assert forms.wrong_time_zone(text)


@pytest.mark.parametrize("text", ["", "0", "30m", "5h30m", "1.5h", ".5s", "-1s", "90s", "1h0m0s", "1us", "3ns"])
def test_a_duration_is_what_go_reads(text):
    assert forms.wrong_duration(text) is None


@pytest.mark.parametrize(
    ("text", "certain"), [("3600", False), ("1 hour", True), ("1d", True), ("PT1H", True), ("h", True)]
)
def test_anything_else_is_no_duration(text, certain):
    found = forms.wrong_duration(text)
    assert found
    assert found.certain is certain


def test_a_pattern_is_what_re2_compiles_however_large_it_is():
    assert forms.wrong_pattern("^https://([a-z]+\\.)*example\\.com$") is None
    assert forms.wrong_pattern("(a{1,500}){1,2}") is None, "another reader's limits are not ours"
    for text in ("(", "(?=a)", "\\1", "a{1001}"):
        found = forms.wrong_pattern(text)
        assert found
        assert found.message
        assert found.hint


@pytest.mark.parametrize(
    ("text", "fine"), [("1.4", True), ("latest", True), ("a/b", False), ("", False), ("a" * 129, False)]
)
def test_a_tag_has_the_characters_of_a_tag(text, fine):
    assert (forms.wrong_tag(text) is None) is fine


def test_a_digest_is_no_tag_and_goes_where_digests_go():
    digest = "sha256:" + "a" * 64
    found = forms.wrong_tag(digest)
    assert found
    assert found.hint == f"write `digest: {digest}`"
    assert forms.is_digest(digest)
    assert not forms.is_digest(digest[:-1])
