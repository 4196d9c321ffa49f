"""Streams that break, close, are full or know no Unicode: the run goes on, and what can be told is told."""

from __future__ import annotations

import errno
import json
import sys

import pytest

from reconciler.cli.console import unbroken
from tests.cli.shell import sandbox_of, shell, web_in


class Broken:
    """A stream nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def flush(self):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def isatty(self):
        return False

    def fileno(self):
        raise OSError("no file")


@pytest.fixture
def folder(tmp_path):
    return web_in(tmp_path)


@pytest.mark.parametrize("gone", [["stderr"], ["stdout"], ["stdout", "stderr"]], ids=" and ".join)
def test_a_reader_who_goes_away_changes_nothing_of_the_rollout(run, edit, capsys, monkeypatch, gone):
    assert run("--sandbox") == 0
    run("sandbox", "fail", "shop", "deploy")
    edit("shop", "value: info", "value: debug")
    with monkeypatch.context() as patched:
        for name in gone:
            patched.setattr(sys, name, Broken())
        assert run("--sandbox") == 4
    capsys.readouterr()
    assert run("--sandbox") == 6, "it was judged, and rolled back"


@pytest.mark.parametrize("gone", ["2>&1 | head -n 1", ">&- 2>&-", "> /dev/full 2>&1"])
def test_a_failure_keeps_its_exit_code_whatever_becomes_of_the_streams(folder, gone):
    with sandbox_of(folder) as box:
        box.fail("web", "deploy")
    ended = shell(f"reconcile --sandbox {gone}; exit ${{PIPESTATUS[0]}}", folder)
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_progress_on_a_terminal_that_is_gone_breaks_nothing():
    stream = unbroken(Broken())
    assert stream.write("progress") == 8
    stream.flush()
    assert not stream.isatty()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("--plan --sandbox > /dev/full", "No space left on device"),
        ("--plan --sandbox >&-", "it is closed"),
        ("sandbox show > /dev/full", "No space left on device"),
    ],
)
def test_a_result_that_cannot_be_written_is_an_error_that_says_why(folder, command, why):
    ended = shell(f"reconcile {command}", folder)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"reconcile: cannot write to standard output: {why}\n")
    assert "bug" not in ended.stderr


def test_a_reader_who_has_seen_enough_of_a_plan_is_no_error(folder):
    ended = shell("reconcile --plan --sandbox | true; exit ${PIPESTATUS[0]}", folder)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_output_without_unicode_is_still_readable(folder):
    shell("reconcile --sandbox", folder)
    spec = folder / "specs/web.yaml"
    spec.write_text(spec.read_text().replace("v1", "v2"))
    ended = shell("reconcile --plan --sandbox", folder, PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert "v1 -> v2" in ended.stdout
    ended = shell("reconcile --plan --sandbox --format json", folder, PYTHONIOENCODING="ascii")
    assert json.loads(ended.stdout)["apps"][0]["app"] == "web"
