"""SARIF, held to the schema of SARIF 2.1.0 as schemastore publishes it (copy in `data/`)."""

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from jsonschema import Draft4Validator

from reconciler.findings import Finding, Location, Severity
from reconciler.views import sarif
from tests.views import samples

_SCHEMA = Draft4Validator(json.loads((Path(__file__).parent / "data" / "sarif-2.1.0-rtm.5.json").read_text("utf-8")))


def checked(found, **more):
    document = json.loads(sarif.sarif(found, **more))
    _SCHEMA.validate(document)
    return document["runs"][0]


def test_findings_as_sarif(expected_json):
    document = sarif.sarif(samples.FINDINGS, tool_version="1.2.3")
    _SCHEMA.validate(json.loads(document))
    assert document == expected_json


def test_no_findings_are_a_valid_run_without_results():
    assert checked([])["results"] == []


def test_every_result_has_a_place_because_code_scanning_refuses_others():
    (result,) = checked([Finding(Severity.WARNING, "w", "m")])["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "reconcile.yaml"


def test_paths_are_relative_uris():
    found = Finding(Severity.ERROR, "e", "m", location=Location("./specs/über app#1.yaml", 2, 3))
    (result,) = checked([found])["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "specs/%C3%BCber%20app%231.yaml", "uriBaseId": "%SRCROOT%"}


def test_a_finding_keeps_its_fingerprint_when_its_line_moves():
    found = samples.FINDINGS[0]
    moved = replace(found, location=replace(found.location, line=99))
    other = replace(found, message="another")
    prints = [checked([one])["results"][0]["partialFingerprints"] for one in (found, moved, other)]
    assert prints[0] == prints[1] != prints[2]


def test_two_equal_findings_have_two_fingerprints():
    results = checked([samples.FINDINGS[0]] * 2)["results"]
    assert results[0]["partialFingerprints"] != results[1]["partialFingerprints"]


def test_beyond_what_is_shown_the_least_serious_are_left_out():
    many = [Finding(Severity.NOTICE, "n", f"m{n}") for n in range(sarif.MOST)]
    results = checked([*many, Finding(Severity.ERROR, "e", "the error")])["results"]
    assert len(results) == sarif.MOST
    assert results[0]["level"] == "error"


@settings(max_examples=60, deadline=None)
@given(samples.hostile_findings)
def test_any_findings_are_valid_sarif(found):
    run = checked(found)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
