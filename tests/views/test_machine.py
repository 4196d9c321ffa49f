"""What programs read, held to its published schema."""

import json

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from reconciler.plan.model import Action
from reconciler.rollout.model import OutcomeKind
from reconciler.views import machine
from tests.views import samples

_VALIDATORS = {
    kind: Draft202012Validator(machine.json_schema(kind)) for kind in ("plan", "drift", "rollout", "findings")
}


def checked(kind, document):
    data = json.loads(document)
    _VALIDATORS[kind].validate(data)
    return data


def test_the_json_of_a_plan(expected_json):
    document = machine.plan(samples.PLAN)
    checked("plan", document)
    assert document == expected_json


def test_the_json_of_a_rollout(expected_json):
    document = machine.rollout(samples.ROLLOUT)
    checked("rollout", document)
    assert document == expected_json


def test_the_json_of_findings(expected_json):
    document = machine.findings(samples.FINDINGS)
    checked("findings", document)
    assert document == expected_json


@pytest.mark.parametrize("kind", ["plan", "rollout", "findings"])
def test_the_schemas_change_only_on_purpose(kind, expected_json):
    schema = machine.json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert json.dumps(schema, indent=2) == expected_json


def test_drift_is_a_plan_by_another_name():
    data = checked("drift", machine.plan(samples.PLAN, kind="drift"))
    assert data.pop("kind") == "drift"
    plan = json.loads(machine.plan(samples.PLAN))
    assert plan.pop("kind") == "plan"
    assert data == plan


def test_every_action_and_outcome_is_counted_even_if_none_has_it():
    plan = json.loads(machine.plan(samples.PLAN))
    assert plan["actions"] == {"create": 1, "update": 1, "redeploy": 0, "delete": 1, "none": 1, "refuse": 3}
    assert set(plan["actions"]) == {action.word for action in Action}
    rollout = json.loads(machine.rollout(samples.ROLLOUT))
    assert {kind for kind, number in rollout["outcomes"].items() if number} == {
        "unchanged", "applied", "rolled_back", "rollback_failed"
    }  # fmt: skip
    assert set(rollout["outcomes"]) == {kind.value for kind in OutcomeKind}


@settings(max_examples=60, deadline=None)
@given(samples.hostile_plans)
def test_any_plan_satisfies_its_schema(report):
    checked("plan", machine.plan(report))


@settings(max_examples=60, deadline=None)
@given(samples.hostile_rollouts)
def test_any_rollout_satisfies_its_schema(report):
    checked("rollout", machine.rollout(report))


@settings(max_examples=40, deadline=None)
@given(samples.hostile_findings)
def test_any_findings_satisfy_their_schema(found):
    checked("findings", machine.findings(found))
