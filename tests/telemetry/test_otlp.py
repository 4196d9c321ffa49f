"""Traces as a receiver of OTLP gets them, and receivers that do not take them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from reconciler import __version__
from reconciler.errors import ReconcileError
from reconciler.rollout.model import OutcomeKind
from reconciler.telemetry.observer import traced
from reconciler.telemetry.otlp import send
from tests.telemetry.facts import ended, rolled_out, run
from tests.telemetry.receiver import Receiver, attributes, receiving
from tests.telemetry.test_spans import NIGHT

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the environment names."""
    for name in [name for name in os.environ if name.startswith(("OTEL_", "TRACE", "GITHUB_", "CI_", "GITLAB_"))]:
        monkeypatch.delenv(name)
    with receiving(Receiver()) as receiver:
        receiver.held.set()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver


def test_a_run_arrives_as_one_trace(receiver):
    send(NIGHT, os.environ)
    ((path, headers, _),) = receiver.requests
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    assert receiver.resource["service.name"] == "reconcile"
    assert receiver.resource["service.version"] == __version__
    spans = {span.name: span for span in receiver.spans}
    assert len({span.trace_id for span in receiver.spans}) == 1
    root, rollout, phase = spans["reconcile apply"], spans["rollout api"], spans["phase ERROR"]
    assert not root.parent_span_id
    assert rollout.parent_span_id == spans["rollout web"].parent_span_id == spans["plan"].parent_span_id == root.span_id
    assert phase.parent_span_id == spans["decision Rollback"].parent_span_id == rollout.span_id
    assert root.start_time_unix_nano == NIGHT.began.timestamp() * 10**9
    assert rollout.end_time_unix_nano - rollout.start_time_unix_nano == 243_200_000_000
    assert rollout.status.code == root.status.code == Status.STATUS_CODE_ERROR
    assert rollout.status.message.startswith("deployment ")
    assert spans["rollout web"].status.code == Status.STATUS_CODE_UNSET
    assert attributes(rollout)["deployment.environment.name"] == "production"
    assert attributes(rollout)["reconcile.outcome"] == "rolled_back"


def test_the_pipeline_is_the_parent_and_names_the_resource(receiver, monkeypatch):
    for name, value in {
        "TRACEPARENT": PARENT,
        "TRACESTATE": "vendor=1",
        "OTEL_SERVICE_NAME": "deploys",
        "OTEL_RESOURCE_ATTRIBUTES": "team=web",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=1234",
    }.items():
        monkeypatch.setenv(name, value)
    send(run(), os.environ)
    (span,) = receiver.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (PARENT.split("-")[1], PARENT.split("-")[2])
    assert span.trace_state == "vendor=1"
    assert receiver.resource["service.name"] == "deploys"
    assert receiver.resource["team"] == "web"
    assert receiver.requests[0][1]["x-key"] == "1234"


def test_a_name_in_the_attributes_of_the_resource_counts_too(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=deploys")
    send(run(), os.environ)
    assert receiver.resource["service.name"] == "deploys"


def test_what_the_pipeline_does_not_sample_is_not_sent(receiver, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", PARENT[:-1] + "0")
    send(run(), os.environ)
    assert receiver.spans == []


def test_a_fleet_is_sent_in_parts(receiver):
    fleet = rolled_out(*(ended(f"app-{number}", OutcomeKind.APPLIED) for number in range(600)))
    send(run(fleet), os.environ)
    assert (len(receiver.requests), len(receiver.spans)) == (2, 601)


def test_a_receiver_that_refuses_says_why(receiver):
    receiver.status = 401
    with pytest.raises(ReconcileError, match=r"did not take them: .*401"):
        send(NIGHT, os.environ)
    assert len(receiver.requests) == 1


def test_a_receiver_that_hangs_costs_no_more_than_the_patience_there_is(receiver):
    receiver.held.clear()
    began = time.monotonic()
    with pytest.raises(ReconcileError, match=r"did not answer within 0\.2 s|timeout"):
        send(NIGHT, os.environ, patience=0.2)
    assert time.monotonic() - began < 2


def test_nothing_that_listens_is_an_error_that_says_so_and_nothing_is_printed(receiver, monkeypatch, capfd):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ReconcileError, match="the receiver did not"):
        send(NIGHT, os.environ, patience=0.2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cr3t-Zk29%0Ax"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9/s3cr3t-Zk29"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "nothing://s3cr3t-Zk29"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/s3cr3t-Zk29"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "s3cr3t-Zk29"),
    ],
)
def test_what_cannot_be_sent_is_an_error_without_a_credential_and_nothing_is_printed(
    receiver, monkeypatch, capfd, name, value
):
    if name == "OTEL_EXPORTER_OTLP_CERTIFICATE":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(ReconcileError, match=r"did not take them|could not be sent") as raised:
        send(NIGHT, os.environ, patience=0.5)
    assert "s3cr3t" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_a_protocol_that_is_not_spoken_is_not_tried(receiver, monkeypatch, name):
    monkeypatch.setenv(name, "grpc")
    with pytest.raises(ReconcileError, match="the protocol grpc is not spoken"):
        send(NIGHT, os.environ)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "console, otlp"}, True),
    ],
)
def test_traces_are_asked_for_by_opentelemetrys_own_variables(environ, wanted):
    assert traced(environ) is wanted
