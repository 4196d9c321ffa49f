from datetime import UTC, datetime, timedelta

import pytest

from reconciler.text import ago, did_you_mean, nearest, pointer_token, segments

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (7200, "2 h ago"),
        (86399, "23 h ago"),
        (172800, "2 d ago"),
    ],
)
def test_ages_are_in_the_largest_unit_that_counts_at_least_one(seconds, text):
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_moment_without_a_zone_is_utc_and_an_unknown_one_has_no_age():
    assert ago((NOW - timedelta(hours=2)).replace(tzinfo=None), NOW) == "2 h ago"
    assert ago(None, NOW) == ""


def test_the_nearest_name_is_found_whatever_its_case_and_dashes():
    assert nearest("Instance-Count", ["instance_count", "instances"]) == "instance_count"
    assert did_you_mean("regoin", ["region", "name"]) == "did you mean region?"


def test_nothing_is_suggested_where_nothing_is_near():
    assert nearest("zzz", ["region"]) == ""
    assert did_you_mean("zzz", ["region"], "known: region") == "known: region"


@pytest.mark.parametrize("name", ["a", "", "a/b", "a~b", "~1", "~0/"])
def test_a_name_comes_back_from_a_json_pointer(name):
    assert segments(f"/first/{pointer_token(name)}") == ("first", name)
