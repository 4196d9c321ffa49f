"""The file of metrics: read what an earlier run left in it, replace it as a whole.

By prometheus-client, which writes to a file beside it and renames that: the textfile collector never sees half a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import write_to_textfile
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from reconciler.errors import ReconcileError
from reconciler.telemetry.facts import RunFacts
from reconciler.telemetry.metrics import DEFINITIONS, Samples, updated
from reconciler.yamltext import open_file

MARK = "reconcile_build_info"
"""The metric that shows whose file it is."""


@dataclass(frozen=True, slots=True)
class MetricsFile:
    """A file for node_exporter, in its folder of text files; its name has to end with ``.prom`` there."""

    path: Path

    def write(self, run: RunFacts) -> None:
        """Bring the file up to date with a run.

        Raises:
            OSError: it cannot be read or written.
            ReconcileError: it is not a file of ours, which is left alone.
        """
        write_to_textfile(str(self.path), _Families(updated(self._before(), run)))

    def _before(self) -> Samples:
        """The samples that an earlier run left; none if there is no file, or nothing in it.

        Raises:
            OSError: it cannot be read.
            ReconcileError: something else is in it.
        """
        try:
            with open_file(self.path) as stream:
                text = stream.read().decode()  # in text mode, a carriage return in a name would end the line
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            text = "\0"
        samples = samples_of(text) if text else {}
        if samples is None:
            hint = "name another file, or remove it"
            raise ReconcileError(f"{self.path} has content that reconcile did not write", hint=hint)
        return samples


def samples_of(text: str) -> Samples | None:
    """The samples of a file of ours; None if anything else is in it. Metrics of another version are left out."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    try:
        for family in text_string_to_metric_families(text):
            if not family.name.startswith("reconcile_"):
                return None
            for sample in family.samples:
                known = DEFINITIONS.get(sample.name)
                if known and sample.labels.keys() == {*known.labels}:
                    labels = tuple(sample.labels[name] for name in known.labels)
                    found.setdefault(sample.name, {})[labels] = sample.value
    except (ValueError, KeyError, IndexError):  # what the parser raises for other texts
        return None
    return found if MARK in found else None


@dataclass(frozen=True, slots=True)
class _Families(Collector):
    """Samples in the library's types."""

    samples: Samples

    def collect(self) -> Iterator[Metric]:
        """Each metric that has samples, in the order of the definitions."""
        for name, about in DEFINITIONS.items():
            family = (GaugeMetricFamily if about.kind == "gauge" else CounterMetricFamily)(
                name, about.about, labels=about.labels
            )
            for labels, value in sorted(self.samples.get(name, {}).items()):
                family.add_metric(labels, value)
            if family.samples:
                yield family
