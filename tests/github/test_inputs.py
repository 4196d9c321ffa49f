from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.github.inputs import Inputs, Mode, Permissions, Switch, parse, tokens


def test_no_input_at_all_is_a_plan_of_the_folder_specs() -> None:
    assert parse({}) == Inputs()
    assert parse({}).mode is Mode.PLAN
    assert parse({}).specs == ("specs",)


def test_inputs_arrive_in_upper_case_with_their_hyphens() -> None:
    environ = {
        "INPUT_MODE": "drift",
        "INPUT_SPECS": "specs\n'more specs'",
        "INPUT_GITHUB-TOKEN": "ghs_x",
        "INPUT_FAIL-ON-DRIFT": "True",
        "INPUT_DRIFT-AFTER": "3",
        "INPUT_APP": "web, api",
        "INPUT_EXCLUDE": "old 'db-*',x",
        "INPUT_ONLY-CHANGED": "auto",
        "INPUT_SHARD": "2/5",
        "INPUT_COMMENT": "off",
        "INPUT_ALLOW": "--allow remove=web/api\n--allow=region=web --retry max-changes --rotate web/KEY",
        "INPUT_TOKEN": " dop_v1_x\n",
    }
    inputs = parse(environ)
    assert inputs.mode is Mode.DRIFT
    assert inputs.specs == ("specs", "more specs")
    assert (inputs.token, inputs.github_token) == ("dop_v1_x", "ghs_x")
    assert (inputs.fail_on_drift, inputs.drift_after, inputs.apps, inputs.shard) == (True, 3, ("web", "api"), (2, 5))
    assert (inputs.exclude, inputs.only_changed) == (("old", "db-*", "x"), "auto")
    assert inputs.comment is Switch.OFF
    allowed = frozenset({"remove=web/api", "region=web", "max-changes"})
    assert inputs.permissions == Permissions(allowed, frozenset({"web/KEY"}), retry=True)


def test_a_shell_that_cannot_write_hyphens_may_write_underscores() -> None:
    assert parse({"INPUT_FAIL_ON_DRIFT": "true"}).fail_on_drift


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MODE", "destroy", "plan, apply, drift, validate"),
        ("COMMENT", "yes", "auto, off"),
        ("FAIL-ON-DRIFT", "ja", "true or false"),
        ("DRIFT-AFTER", "0", "1 to 1000"),
        ("DRIFT-AFTER", "²", "1 to 1000"),
        ("SHARD", "3/2", "such as 2/5"),
        ("SHARD", "0/2", "such as 2/5"),
        ("SPECS", "'open", "balanced quotes"),
        ("ALLOW", "--yes", "--allow WHAT, --rotate WHAT, --retry and --override-freeze"),
        ("ALLOW", "--allow", "--allow WHAT, --rotate WHAT, --retry and --override-freeze"),
        ("ALLOW", "--allow --retry", "--allow WHAT, --rotate WHAT, --retry and --override-freeze"),
        ("ALLOW", "--allow=", "--allow WHAT, --rotate WHAT, --retry and --override-freeze"),
    ],
)
def test_an_input_that_cannot_be_says_what_it_could_be(name: str, value: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse({f"INPUT_{name}": value})
    assert value in caught.value.message
    assert told in caught.value.hint


def test_tokens_come_from_the_known_variables_too_and_are_not_in_the_repr() -> None:
    environ = {"DIGITALOCEAN_ACCESS_TOKEN": "dop_v1_secret", "GITHUB_TOKEN": "ghs_secret"}
    assert tokens(environ) == ("dop_v1_secret", "ghs_secret")
    assert "secret" not in repr(parse(environ))
