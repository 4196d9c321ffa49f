"""What programs read, held to its published schema."""

import json

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from reconciler.findings import Finding, Location, Severity
from reconciler.plan.model import Action, Cost, Plan, PlanReport, SyncStatus
from reconciler.rollout.model import OutcomeKind
from reconciler.views import json_documents, json_rollout
from tests.views import samples

_VALIDATORS = {
    "rollout": Draft202012Validator(json_rollout.json_schema()),
    **{kind: Draft202012Validator(json_documents.json_schema(kind)) for kind in ("plan", "drift", "findings")},
}


def checked(kind, document):
    data = json.loads(document)
    _VALIDATORS[kind].validate(data)
    return data


def test_the_json_of_a_plan(expected_json):
    document = json_documents.plan(samples.PLAN)
    checked("plan", document)
    assert document == expected_json


def test_the_json_of_a_rollout(expected_json):
    document = json_rollout.rollout(samples.ROLLOUT)
    checked("rollout", document)
    assert document == expected_json


def test_the_json_of_findings(expected_json):
    document = json_documents.findings(samples.FINDINGS)
    checked("findings", document)
    assert document == expected_json


@pytest.mark.parametrize("kind", ["plan", "rollout", "findings"])
def test_the_schemas_change_only_on_purpose(kind, expected_json):
    schema = json_rollout.json_schema() if kind == "rollout" else json_documents.json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert json.dumps(schema, indent=2) == expected_json


def test_drift_is_a_plan_by_another_name():
    data = checked("drift", json_documents.plan(samples.PLAN, kind="drift"))
    assert data.pop("kind") == "drift"
    plan = json.loads(json_documents.plan(samples.PLAN))
    assert plan.pop("kind") == "plan"
    assert data == plan


def test_every_action_and_outcome_is_counted_even_if_none_has_it():
    plan = json.loads(json_documents.plan(samples.PLAN))
    counted = {"create": 1, "update": 1, "redeploy": 0, "delete": 1, "none": 1, "refuse": 3, "alerts": 0}
    assert plan["actions"] == counted
    assert set(plan["actions"]) == {action.word for action in Action}
    rollout = json.loads(json_rollout.rollout(samples.ROLLOUT))
    assert {kind for kind, number in rollout["outcomes"].items() if number} == {
        "unchanged", "applied", "rolled_back", "rollback_failed"
    }  # fmt: skip
    assert set(rollout["outcomes"]) == {kind.value for kind in OutcomeKind}


@settings(max_examples=60, deadline=None)
@given(samples.hostile_plans)
def test_any_plan_satisfies_its_schema(report):
    checked("plan", json_documents.plan(report))


@settings(max_examples=60, deadline=None)
@given(samples.hostile_rollouts)
def test_any_rollout_satisfies_its_schema(report):
    checked("rollout", json_rollout.rollout(report))


@settings(max_examples=40, deadline=None)
@given(samples.hostile_findings)
def test_any_findings_satisfy_their_schema(found):
    checked("findings", json_documents.findings(found))


def test_a_file_name_that_is_no_utf_8_is_escaped_and_nothing_is_lost():
    place = Location("specs/caf\udce9.yaml", 3, 1)
    found = Finding(Severity.ERROR, "name", "what \udcff is", location=place, related=(place,))
    data = checked("findings", json_documents.findings([found]))
    (finding,) = data["findings"]
    assert (finding["location"]["file"], finding["message"]) == ("specs/caf\udce9.yaml", "what \udcff is")


def test_a_whole_number_stays_one():
    plan = Plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, cost=Cost(10, 15))
    assert '"after": 15,' in json_documents.plan(PlanReport((plan,), seconds=3))
    assert '"seconds": 3\n' in json_documents.plan(PlanReport((plan,), seconds=3))


def test_what_is_no_amount_is_no_json():
    with pytest.raises(ValueError, match="finite number"):
        json_documents.plan(PlanReport((), seconds=float("nan")))
