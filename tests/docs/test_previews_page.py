"""Every file and command of docs/previews.md is tried, in their order, and its tables say what there is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from reconciler.cli.commands import build
from reconciler.cli.main import main
from reconciler.config_preview import Preview
from tests.docs.test_environments_page import steps
from tests.support.warp import warp

PAGE = (Path(__file__).parents[2] / "docs/previews.md").read_text(encoding="utf-8")
NAME = "shop-pr-12-7d61fc7a"


def test_the_page_from_beginning_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    warp(monkeypatch)
    shown: list[str] = []
    for line, _ in steps(PAGE, tmp_path):
        capsys.readouterr()
        assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr())
        shown.append(capsys.readouterr().out)
    made, listed, document, planned, gone = shown
    assert f"{NAME}  #12 6dcb09b  healthy" in made
    assert "services/web: branch new-cart" in made
    assert "databases/db: an empty development database instead of the cluster" in made
    assert f"{NAME}  #12 6dcb09b  live" in listed
    assert [one["name"] for one in json.loads(document)["previews"]] == [NAME]
    assert NAME not in planned
    assert f"{NAME}  #12 6dcb09b  gone" in gone


def test_every_setting_is_named() -> None:
    table = PAGE.partition("| field |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(Preview.model_fields)


def test_every_command_of_previews_is_named_and_there_is_no_other() -> None:
    named = set(re.findall(r"\| `reconcile preview (\w+)", PAGE))
    assert named == {name for name in build()["preview"] if not name.startswith("-")}
