"""The check of recorded answers names every difference; the record here is made up by the sandbox itself."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from checks import recorded_answers

Tree = dict[str, Any]
SPEC: Tree = {
    "name": "web",
    "region": "ams",
    "services": [
        {"name": "api", "http_port": 8080, "image": {"registry_type": "DOCR", "repository": "api", "tag": "1"}}
    ],
}


@pytest.fixture(scope="module")
def recorded() -> Tree:
    return asyncio.run(recorded_answers.simulated({"spec": SPEC}))


def test_a_record_of_the_same_shape_has_no_differences(recorded: Tree) -> None:
    assert asyncio.run(recorded_answers.differences(recorded)) == []
    assert list(recorded_answers.lost(recorded)) == []
    assert asyncio.run(recorded_answers.in_sync(recorded)) == []


def test_each_difference_is_named_by_its_outermost_field(recorded: Tree) -> None:
    other = copy.deepcopy(recorded)
    other["active_deployment"]["queue"] = {"position": 1}
    del other["active_deployment"]["timing"]
    other["active_deployment"]["created_at"] = 1700000000
    other["updated_at"] = "2026-01-01T00:00:00.5Z"
    other["spec"]["services"][0]["source_dir"] = ""
    assert asyncio.run(recorded_answers.differences(other)) == [
        "+ active_deployment.timing",
        "- active_deployment.queue",
        "- spec.services.source_dir",
        "- the values of spec",
        "~ active_deployment.created_at: int, time in whole seconds here",
        "~ updated_at: time in nanoseconds, time in whole seconds here",
    ]


def test_what_reading_loses_and_a_plan_that_is_not_in_sync_are_problems(recorded: Tree) -> None:
    assert list(recorded_answers.lost(recorded | {"id": None})) == ["its id or spec is lost"]
    behind = copy.deepcopy(recorded)
    behind["active_deployment"]["spec"]["services"][0]["image"]["tag"] = "0"
    (problem,) = asyncio.run(recorded_answers.in_sync(behind))
    assert problem.startswith("imported, its plan is ")


def test_a_difference_that_is_not_explained_and_an_explanation_of_none_fail_the_check(
    recorded: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "apps.json"
    file.write_text(json.dumps({"apps": [recorded | {"mood": "fine"}]}))
    assert asyncio.run(recorded_answers.main(recorded_answers.read(tmp_path))) == 1
    said = capsys.readouterr().out
    assert "- mood: apps.json web" in said
    assert "+ domains: explained, and no difference" in said
    assert asyncio.run(recorded_answers.main([])) == 1, "nothing was checked"
