"""Sends the spans of a run by OTLP over HTTP, with OpenTelemetry's SDK, which reads its own variables.

Endpoint, headers, certificates, compression, sampling and resource are the SDK's business
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/); ``TRACEPARENT`` names the parent,
as tools for pipelines pass it (https://opentelemetry.io/docs/specs/otel/context/env-carriers/).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from reconciler import __version__
from reconciler.errors import ReconcileError
from reconciler.telemetry.facts import RunFacts
from reconciler.telemetry.pipeline import pipeline_attributes
from reconciler.telemetry.spans import Span, run_span

PATIENCE = 5.0
"""Seconds that a receiver may take at most; without an answer the trace is lost."""

BATCH = 512
"""Spans in one request, as the SDK's own batches have."""

SERVICE = "reconcile"
"""The name of the service, unless the environment has another."""

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_NOISY = ("opentelemetry", "urllib3", "requests")


def send(run: RunFacts, environ: Mapping[str, str], patience: float = PATIENCE) -> None:
    """Send the trace of a run.

    Raises:
        ReconcileError: the receiver did not take it within ``patience`` seconds.
    """
    protocol = next(filter(None, map(environ.get, _PROTOCOLS)), _SPOKEN)
    if protocol != _SPOKEN:
        raise ReconcileError(f"the protocol {protocol} is not spoken", hint=f"set {_PROTOCOLS[0]}={_SPOKEN}")
    said = _Said()
    for name in _NOISY:  # they would write to standard error
        logging.getLogger(name).addHandler(said)
        logging.getLogger(name).propagate = False
    spans = recorded(run_span(run, pipeline_attributes(environ)), environ)
    taken: list[SpanExportResult | str] = []

    def export() -> None:
        try:
            exporter = OTLPSpanExporter(timeout=patience)
            results = (exporter.export(spans[at : at + BATCH]) for at in range(0, len(spans), BATCH))
            failed = next((one for one in results if one is not SpanExportResult.SUCCESS), SpanExportResult.SUCCESS)
            taken.append(failed)
        except Exception as error:  # noqa: BLE001  as for a compression that there is not: a thread would print it
            taken.append(type(error).__name__)

    # In a thread, as neither a name that does not resolve nor a proxy that hangs heeds the exporter's own timeout.
    thread = threading.Thread(target=export, daemon=True)
    thread.start()
    thread.join(patience)
    if not taken:
        raise ReconcileError(f"the receiver did not answer within {patience:g} s")
    if isinstance(taken[0], str):
        raise ReconcileError(f"they could not be sent: {taken[0]}")
    if taken[0] is not SpanExportResult.SUCCESS:
        raise ReconcileError(f"the receiver did not take them: {said.last or 'no reason is known'}")


def recorded(span: Span, environ: Mapping[str, str]) -> tuple[ReadableSpan, ...]:
    """The span and all in it as the SDK's, sampled as the environment says."""
    named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    own = {"service.version": __version__} | ({} if named else {"service.name": SERVICE})
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    carrier = {name: environ[name.upper()] for name in ("traceparent", "tracestate") if environ.get(name.upper())}
    tracer = provider.get_tracer("reconciler", __version__)
    _record(span, tracer, TraceContextTextMapPropagator().extract(carrier, Context()))
    return tuple(kept.get_finished_spans())


def _record(span: Span, tracer: trace.Tracer, parent: Context) -> None:
    begun = tracer.start_span(span.name, parent, attributes=dict(span.attributes), start_time=_nanoseconds(span.began))
    if span.error is not None:
        begun.set_status(trace.Status(trace.StatusCode.ERROR, span.error))
    for child in span.children:
        _record(child, tracer, trace.set_span_in_context(begun, parent))
    begun.end(_nanoseconds(span.ended))


def _nanoseconds(when: datetime) -> int:
    """Since 1970."""
    return round(when.timestamp() * 1_000_000) * 1000


class _Said(logging.Handler):
    """Keeps the last thing that the libraries said, as the exporter returns no reason.

    Of an exception only the type: its text quotes the path of the endpoint, or a header, which may be credentials.
    """

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if isinstance(record.args, tuple):
            record.args = tuple(type(one).__name__ if isinstance(one, Exception) else one for one in record.args)
        self.last = record.getMessage()
