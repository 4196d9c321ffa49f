"""The lines of the log: each kind of event, what is left out, and that no secret is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.errors import InvalidInput, UsageError
from reconciler.findings import Finding, Location, Severity
from reconciler.plan.model import Action, PlanReport, SyncStatus
from reconciler.redaction import Redactor
from reconciler.rollout.model import Event, EventKind, OutcomeKind
from reconciler.telemetry import events
from reconciler.telemetry.run import RunObserver
from tests.support.virtual_time import VirtualClock
from tests.telemetry.facts import ended, plan, rolled_out
from tests.views import samples
from tests.views.samples import hostile

SCHEMA = Draft202012Validator(events.json_schema())
SECRET = "Tr0ub4dor-and-3-Horses"


class Log:
    """An observer, and what it logs."""

    def __init__(self, *secrets: str) -> None:
        self.clock = VirtualClock()
        self.raw: list[str] = []
        self.warned: list[str] = []
        self.run = RunObserver("apply", self.clock, lambda: Redactor(secrets), self.warned.append)
        self.run.log_to(self.raw.append)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was logged, each line as its schema says."""
        found = [json.loads(line) for line in self.raw]
        for line in found:
            SCHEMA.validate(line)
        return found

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    yield log
    log.clock.close()


def test_a_run_has_a_first_and_a_last_line(log: Log):
    log.run.within("production")
    log.run.sent(12, 4988)
    log.run.rolled_out(rolled_out(ended("web", OutcomeKind.APPLIED)).report)
    log.run.finished(0)
    first, last = log.lines
    assert first["event"] == "run.started"
    assert first["time"] == "2026-03-01T12:00:00.000Z"
    assert last["event"] == "run.finished"
    assert last["run"] == first["run"] == log.run.id
    assert (last["exit_code"], last["requests"], last["budget_remaining"]) == (0, 12, 4988)
    assert {kind: count for kind, count in last["outcomes"].items() if count} == {"applied": 1}
    assert (last["environment"], last["level"]) == ("production", "info")


def test_the_ids_of_two_runs_differ():
    first, second = Log(), Log()
    assert first.run.id != second.run.id
    first.clock.close()
    second.clock.close()


def test_a_plan_is_counted_and_what_differs_is_listed(log: Log):
    log.run.planned(samples.PLAN, drift=False, whole=True)
    made, *others = log.lines[1:]
    assert made["event"] == "plan.made"
    assert made["apps"] == len(samples.PLAN.plans) == sum(made["actions"].values()) == sum(made["statuses"].values())
    differing = [one.app for one in samples.PLAN.plans if one.status is not SyncStatus.IN_SYNC]
    assert [line["app"] for line in others if line["event"] == "app.planned"] == differing
    found = [*samples.PLAN.findings, *(finding for one in samples.PLAN.plans for finding in one.findings)]
    shown = [line for line in others if line["event"] == "finding"]
    assert len(shown) == len(found) == sum(made["findings"].values()) > 0
    for line in shown:
        assert line["level"] == {"error": "error", "warning": "warning", "notice": "info"}[line["finding"]["severity"]]


def test_values_of_specs_are_not_in_the_log(log: Log):
    log.run.planned(samples.PLAN, drift=False, whole=True)
    values = {str(value) for one in samples.PLAN.plans for change in one.changes for value in (change.before,) if value}
    assert values
    assert {value for value in values if len(value) > 5 and value in "".join(log.raw)} == set()


@pytest.mark.parametrize("kind", [kind for kind in get_args(EventKind) if kind != "outcome"])
def test_each_kind_of_event_has_a_name(log: Log, kind: EventKind):
    log.run.happened(Event(4.2, "web", "text", "BUILDING", 3, 7, kind=kind))
    last = log.last
    assert last["event"] == f"rollout.{kind}"
    assert (last["app"], last["message"], last["phase"], last["done"], last["total"]) == (
        "web", "text", "BUILDING", 3, 7,
    )  # fmt: skip
    assert last["level"] == ("warning" if kind == "warning" else "info")


@pytest.mark.parametrize("kind", OutcomeKind)
def test_an_outcome_is_an_error_unless_it_is_good(log: Log, kind: OutcomeKind):
    log.run.happened(Event(9.0, "web", "because", "ACTIVE", outcome=kind, kind="outcome"))
    assert (log.last["event"], log.last["outcome"], log.last["good"]) == ("rollout.outcome", kind.value, kind.good)
    assert log.last["level"] == ("info" if kind.good else "error")


def test_what_only_passes_is_logged_after_half_a_minute_of_silence(log: Log):
    for at in range(0, 100, 5):
        log.run.happened(Event(float(at), "web", "healthy", "ACTIVE", passing=True, kind="progress"))
    assert [line["at"] for line in log.lines[1:]] == [30, 60, 90]


def test_waits_and_what_is_said_are_lines(log: Log):
    log.run.waiting(12.3456, "the rate limit")
    assert (log.last["event"], log.last["seconds"], log.last["message"]) == (
        "requests.waiting",
        12.346,
        "the rate limit",
    )
    log.run.said("declined: nothing was changed")
    assert (log.last["event"], log.last["level"]) == ("message", "info")
    log.run.said("warning: no message to notify[1]")
    assert (log.last["level"], log.last["message"]) == ("warning", "no message to notify[1]")


def test_an_error_has_its_findings_and_the_run_ends_with_its_code(log: Log):
    finding = Finding(Severity.ERROR, "bad-region", "no such region", "use fra", Location("specs/web.yaml", 2, 9))
    log.run.failed(InvalidInput([finding]))
    log.run.finished(3)
    error, last = log.lines[1:]
    assert error["error"]["type"] == "invalid_input"
    assert [one["code"] for one in error["error"]["findings"]] == ["bad-region"]
    assert (last["exit_code"], last["level"]) == (3, "error")


def test_the_message_of_a_consumer_that_fails_is_a_warning_and_the_others_still_run(log: Log):
    def full(_run: object) -> None:
        raise OSError(28, "No space left on device")

    def unusable(_run: object) -> None:
        raise UsageError("this needs a package", hint="pip install it")

    def broken(_run: object) -> None:
        raise ZeroDivisionError(SECRET)

    def awaited(_run: object) -> None:
        raise KeyboardInterrupt

    done: list[object] = []
    log.run.consumers = {"metrics": full, "traces": unusable, "others": broken, "more": awaited, "last": done.append}
    log.run.finished(0)
    warnings = [(line["level"], line["message"]) for line in log.lines if line["event"] == "message"]
    assert warnings == [
        ("warning", "no metrics: No space left on device"),
        ("warning", "no traces: this needs a package; pip install it"),
        ("warning", "no others: internal error: ZeroDivisionError"),
        ("warning", "no more: interrupted"),
    ]
    assert len(done) == 1
    assert log.last["event"] == "run.finished"


def test_without_a_log_such_a_warning_is_the_front_ends():
    log = Log(SECRET)
    log.run.log = None

    def failing(_run: object) -> None:
        raise UsageError(f"refused: {SECRET}")

    log.run.consumers["traces"] = failing
    log.run.finished(0)
    assert log.warned == ["no traces: refused: (secret)"]
    assert not log.run.logs
    log.clock.close()


def test_no_secret_is_in_a_line_or_in_the_facts():
    log = Log(SECRET)
    finding = Finding(Severity.WARNING, "x", f"found {SECRET}")
    report = PlanReport((plan("web", SyncStatus.OUT_OF_SYNC, Action.UPDATE, reason=SECRET, findings=(finding,)),))
    log.run.planned(report, drift=False, whole=True)
    log.run.happened(Event(1.0, "web", f"failed: {SECRET}", kind="decision"))
    log.run.happened(Event(1.0, "web", SECRET, outcome=OutcomeKind.FAILED, kind="outcome"))
    log.run.waiting(5, SECRET)
    record = ended("web", OutcomeKind.FAILED)
    record = replace(record, outcome=replace(record.outcome, reason=SECRET), failure=samples.FAILURE)
    log.run.rolled_out(rolled_out(record).report)
    assert len(log.lines) == 7
    assert SECRET not in "".join(log.raw)
    assert SECRET not in repr(log.run.facts(0))
    log.clock.close()


@given(text=hostile, app=st.text(max_size=9))
def test_whatever_is_said_a_line_is_one_line_of_ascii(text: str, app: str):
    log = Log()
    log.run.happened(Event(1.0, app, text, kind="decision"))
    log.run.said(text)
    for line in log.raw:
        assert line.isascii()
        assert line.isprintable()
        assert "##[" not in line
        assert not line.startswith("::")
    assert log.last["message"] == text
    log.clock.close()


def test_every_event_has_the_same_head_and_the_schema_knows_each():
    named = {
        word
        for event in get_args(events.AnyEvent)
        for word in get_args(event.model_fields["event"].annotation)
    }  # fmt: skip
    assert set(events.json_schema()["discriminator"]["mapping"]) == named
    assert {f"rollout.{kind}" for kind in get_args(EventKind)} <= named
    head = list(events.EventData.model_fields)
    assert all(list(event.model_fields)[: len(head)] == head for event in get_args(events.AnyEvent))


def test_the_documentation_names_each_event():
    text = (Path(__file__).parents[2] / "docs/telemetry.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?m)^\| `([a-z.]+)` \| ", text.partition("## Metrics")[0]))
    assert named == set(events.json_schema()["discriminator"]["mapping"])
