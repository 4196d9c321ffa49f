"""Reading a text back, and asking how it differs from live, as a plan does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler.config import Config
from reconciler.desired.load import DesiredApp, load
from reconciler.desired.reading import parse_specs
from reconciler.plan.align import align
from reconciler.plan.canonical import canonical
from reconciler.plan.diff import diff
from reconciler.yamltext import is_wrapped


def apps(text: str, file: str = "web.yaml") -> list[DesiredApp]:
    documents, findings = parse_specs(text, file)
    assert not [finding for finding in findings if finding.is_error], findings
    return [
        DesiredApp(spec["name"], spec, document, "/spec" if spec is not document.data else "")
        for document in documents
        for spec in [document.data["spec"] if is_wrapped(document.data, "spec") else document.data]
    ]


def app(text: str, file: str = "web.yaml") -> DesiredApp:
    (one,) = apps(text, file)
    return one


def loaded(path: Any, config: dict[str, Any], **environ: str) -> DesiredApp:
    (one,) = load([path], config=Config.model_validate(config), environ=environ).apps
    return one


def paths(spec: Mapping[str, Any], live: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Where a spec differs from live."""
    aligned = align(canonical(spec), canonical(live))
    return [change.path for change in diff(aligned.live, aligned.desired)]


def differing(live: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Iterable[tuple[str, ...]]]:
    return lambda spec: paths(spec, live)
