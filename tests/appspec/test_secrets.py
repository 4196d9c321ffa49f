"""Where secrets stand in a spec, also in parts that no model knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from reconciler.appspec.secrets import CLONE_URL, plaintext_secrets, secrets
from reconciler.appspec.walk import accepts
from tests.support.specs import Spec, specs


def test_every_marked_field_is_found_with_its_place() -> None:
    spec = {
        "envs": [{"key": "A", "type": "SECRET", "value": "one"}, {"key": "B", "value": "shown"}],
        "workers": [{"image": {"registry_credentials": "two"}, "log_destinations": [{"logtail": {"token": "three"}}]}],
    }
    assert dict(secrets(spec)) == {
        "/envs/0/value": "one",
        "/workers/0/image/registry_credentials": "two",
        "/workers/0/log_destinations/0/logtail/token": "three",
    }


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"image": {"registry_credentials": "x"}}, "/agents/0/image/registry_credentials"),
        ({"envs": [{"key": "K", "type": "SECRET", "value": "x"}]}, "/agents/0/envs/0/value"),
        ({"headers": [{"key": "K", "value": "x"}]}, "/agents/0/headers/0/value"),
        ({"Deploy-Token": "x"}, "/agents/0/Deploy-Token"),
        ({"a/b": {"api_key": ["x"]}}, "/agents/0/a~1b/api_key"),
        ({"db_password": 12345678}, "/agents/0/db_password"),
    ],
)
def test_in_a_part_that_no_model_knows_a_secret_is_told_by_its_name(part: dict[str, Any], pointer: str) -> None:
    assert [at for at, _ in secrets({"agents": [part]})] == [pointer]


@pytest.mark.parametrize(
    "part",
    [
        {"envs": [{"key": "K", "value": "x"}, {"key": "L", "type": "GENERAL", "value": "y"}]},
        {"tokens_per_minute": 5, "secret": True, "token": None},
        {"key": "K", "name": "password"},
    ],
)
def test_what_is_not_called_like_a_secret_is_none(part: dict[str, Any]) -> None:
    assert list(secrets({"agents": [part]})) == []


def test_an_unknown_field_of_a_known_component_is_told_by_its_name() -> None:
    assert dict(secrets({"services": [{"name": "api", "mesh_token": "x"}]})) == {"/services/0/mesh_token": "x"}


_LOGINS = ("https://user:hunter22@example.com/a.git", "https://example.com/a.git")


@given(specs())
def test_of_a_spec_that_the_models_accept_the_quick_search_finds_the_same_secrets(spec: Spec) -> None:
    for number, component in enumerate(one for kind in ("services", "workers", "jobs") for one in spec.get(kind, ())):
        component["git"] = {CLONE_URL: _LOGINS[number % 2], "branch": "main"}
        odd = {"key": "ODD", "type": ("SECRET", "GENERAL")[number % 2], "value": "x y"}
        component.setdefault("envs", []).append(odd)
    assert accepts(spec)
    quick = dict(plaintext_secrets(spec, accepted=True))
    assert quick == dict(plaintext_secrets(spec))
    assert not any(spec.get(kind) for kind in ("services", "workers", "jobs")) or quick
