"""The tour of docs/sandbox.md: its commands in processes of their own, its buttons in a browser, by keyboard."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")
TOUR = DOCUMENT.partition("## In two minutes")[2].partition("\n## ")[0]
SERVE, CREATE, UPDATE, AFTER = (block.strip() for block in re.findall(r"```sh\n(.*?)```", TOUR, re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One of the example specs, whose health is not watched for long."""
    (tmp_path / "specs").mkdir()
    shutil.copy(ROOT / "specs/shop.yaml", tmp_path / "specs")
    config = (ROOT / "reconcile.yaml").read_text(encoding="utf-8")
    (tmp_path / "reconcile.yaml").write_text(config.replace("5s", "0s").partition("apps:")[0])
    return tmp_path


def start(script: str, folder: Path) -> subprocess.Popen[str]:
    """Begin commands of the tour, in which `reconcile` is the command."""
    command = f'reconcile() {{ "{sys.executable}" -m reconciler "$@"; }}\n{script}'
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.PIPE
    return subprocess.Popen(["bash", "-c", command], cwd=folder, env=environ, stdout=output, stderr=output, text=True)


@contextmanager
def sandbox_of(folder: Path) -> Iterator[str]:
    """The sandbox as the tour serves it, on any free port."""
    command = SERVE.partition("#")[0].replace("reconcile", f"exec {sys.executable} -m reconciler")
    with start(f"{command} --port 0", folder) as served:
        assert served.stdout is not None
        yield served.stdout.readline().split()[5]
        served.terminate()
        assert served.wait(10) == 0


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


def ended(script: str, folder: Path, page: Page) -> int:
    """How commands end while "until quiet" is pressed whenever something is deploying."""
    with start(script, folder) as running:
        while running.poll() is None:
            if page.locator(".states", has_text="deploying").count():
                press(page, "until quiet")
            page.wait_for_timeout(300)
        return running.wait()


def test_the_tour_shows_a_deployment_that_goes_wrong_and_is_rolled_back(page: Page, folder: Path) -> None:
    from playwright.sync_api import expect

    with sandbox_of(folder) as url:
        page.goto(url)
        expect(page.get_by_text("No apps here yet.")).to_be_visible()
        assert ended(CREATE, folder, page) == 0
        expect(page.locator(".app .states")).to_have_text("✓running")
        shop = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="shop"))
        lanes = page.get_by_role("list", name="Deployments of shop").get_by_role("listitem")
        press(page, "health: The next deployment of shop will fail its health checks")
        expect(page.locator("#said")).to_have_text("The next deployment of shop will fail its health checks.")
        expect(shop.get_by_text("the next deployment fails its health checks")).to_be_visible()
        lanes.first.get_by_text("steps and log").focus()
        page.keyboard.press("Enter")
        assert ended(UPDATE, folder, page) == 4
        expect(lanes).to_have_count(3)
        rollback, broken, first = lanes.all()
        expect(rollback).to_contain_text("rollback")
        expect(rollback).to_contain_text("✓active")
        expect(rollback).not_to_contain_text("pinned")
        expect(broken).to_contain_text("became unhealthy: web")
        expect(first.get_by_label("Log")).to_be_visible()  # still open, two deployments further down
        broken.get_by_text("steps and log").focus()
        page.keyboard.press("Enter")
        expect(broken.get_by_label("Log")).to_contain_text("readiness check failed: HTTP 503")
        first_line, *others = AFTER.splitlines()
        assert ended(first_line, folder, page) == 6
        assert ended("\n".join(others), folder, page) == 0
        expect(page.get_by_text("No apps here yet.")).to_be_visible()
