from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.config import Config
from reconciler.config_names import find_circle
from reconciler.config_sections import Probe
from reconciler.text import LONGEST_DURATION, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), (45, 45), ("0.5h", 1800)]
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "5m later", True, None, "-5m", 10**400])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write 90s, 5m or 1h30m"):
        parse_duration(text)


def test_an_apps_own_policy_overrides_the_defaults_field_by_field():
    config = Config.model_validate(
        {
            "defaults": {"timeouts": {"build": "10m", "deploy": "2m"}, "health": {"soak": "1m"}, "ignore": ["/region"]},
            "apps": {"web": {"timeouts": {"deploy": "9m"}, "ignore": ["/services/api/instance_count"]}},
        }
    )
    assert config.policy("web").timeouts.build == 600
    assert config.policy("web").timeouts.deploy == 540
    assert config.policy("web").health.soak == 60
    assert config.policy("web").ignore == ["/services/api/instance_count"]
    assert config.policy("other").timeouts.deploy == 120


def test_a_variable_may_be_a_name_alone():
    config = Config.model_validate({"variables": ["KEY", {"name": "TAG", "default": "1.4"}]})
    assert [(variable.name, variable.default) for variable in config.variables] == [("KEY", None), ("TAG", "1.4")]


def test_a_probes_pattern_is_checked_when_the_config_is_read():
    with pytest.raises(ValidationError, match="invalid regular expression"):
        Probe(body="(")


def test_a_default_of_depends_on_lets_no_app_wait_for_itself():
    config = Config.model_validate({"defaults": {"depends_on": ["base"]}, "apps": {"base": {"on_failure": "pin"}}})
    assert config.policy("base").depends_on == []
    assert config.policy("web").depends_on == ["base"]
    own = Config.model_validate({"apps": {"base": {"depends_on": ["base"]}}})
    assert own.policy("base").depends_on == ["base"], "that is a mistake, which is told"


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({}, ()),
        ({"a": []}, ()),
        ({"a": ["unknown"]}, ()),
        ({"a": ["a"]}, ("a", "a")),
        ({"a": ["b"], "b": ["a"]}, ("a", "b", "a")),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ("b", "c", "b")),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ()),
        ({"a": ["b", "b"], "b": []}, ()),
        ({"a": ["b", "c"], "b": [], "c": ["a"]}, ("a", "c", "a")),
        ({"a": [], "b": ["a", "c"], "c": ["b"]}, ("b", "c", "b")),
        ({"a": ["b"], "b": [], "c": ["b", "d"], "d": ["c"]}, ("c", "d", "c")),
        ({"c": ["b"], "a": ["c"], "b": ["a"]}, ("c", "b", "a", "c")),
        ({"b": ["a"], "c": ["b"], "a": ["c"]}, ("b", "a", "c", "b")),
        ({"d": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, ("a", "b", "c", "a")),
    ],
)
def test_a_circle_begins_with_the_first_of_its_apps(graph, circle):
    assert find_circle(graph) == circle


def test_many_apps_that_wait_for_the_same_ones_are_seen_through_in_no_time():
    """Each app waits for both of the next layer: there are few apps and countless paths."""
    layers = [(f"{number}a", f"{number}b") for number in range(40)]
    graph = {name: list(below) for upper, below in pairwise(layers) for name in upper}
    assert find_circle(graph) == ()


@given(st.floats(min_value=0, max_value=LONGEST_DURATION, exclude_min=True))
@example(12 * 86400.0)
def test_a_default_duration_survives_an_override_beside_it(seconds):
    defaults = {"timeouts": {"build": seconds}}
    config = Config.model_validate({"defaults": defaults, "apps": {"web": {"timeouts": {"deploy": "5m"}}}})
    assert config.policy("web").timeouts.build == seconds


def test_a_probe_is_sent_at_most_once_a_second() -> None:
    assert [Probe(interval=interval).every for interval in (0, 0.5, 1, 1.5)] == [1.0, 1.0, 1.0, 1.5]
