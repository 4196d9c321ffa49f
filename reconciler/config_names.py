"""The apps that `reconcile.yaml` names, held against the specs: unknown ones, contradictory renames, cycles, probes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from reconciler.appspec.kinds import has_address
from reconciler.config_file import ConfigFile
from reconciler.findings import Finding, Severity
from reconciler.text import did_you_mean, pointer_token


def check_names(file: ConfigFile, known: Collection[str], *, whole: bool = True) -> tuple[Finding, ...]:
    """Find references to apps that are not ``known``, contradictory renames and circular dependencies.

    An unknown name is a warning, as a run may cover only some of the apps; a cycle is an error. Unless the ``whole``
    of the specs was read, as when single files were, an unknown name is no mistake.
    """
    config = file.config

    def unknown(name: str, at: str) -> list[Finding]:
        missing = whole and name not in known
        return [_unknown_app(file, name, at, known)] if missing else []

    findings = [found for name in config.apps for found in unknown(name, f"/apps/{name}")]
    findings += _moves(file, known, unknown)
    graph: dict[str, list[str]] = {}
    for name in dict.fromkeys([*config.apps, *known]):
        graph[name] = config.policy(name).depends_on
        if "depends_on" in config.apps.get(name, {}):
            for index, other in enumerate(graph[name]):
                findings += unknown(other, f"/apps/{name}/depends_on/{index}")
    for index, other in enumerate(config.defaults.depends_on):
        findings += unknown(other, f"/defaults/depends_on/{index}")
    return (*findings, *_cycle(file, graph))


def check_probes(file: ConfigFile, specs: Mapping[str, Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Report probes that no app could pass; ``specs`` by name.

    Those of apps whose specs have nothing that serves requests: a probe in the defaults applies only to apps that do.
    And those whose successes in a row take longer than health may, after which a healthy app would be rolled back.
    """
    hint = "only services, static sites and functions serve requests; remove the probe"
    own = {name: (app.get("health") or {}).get("probe") for name, app in file.config.apps.items()}
    unserved = [name for name in own if own[name] is not None and name in specs and not has_address(specs[name])]
    found = [
        Finding(
            Severity.ERROR,
            "probe-without-url",
            f"{name} has no live URL, so it cannot be probed",
            hint,
            file.locate(f"/apps/{pointer_token(name)}/health/probe"),
        )
        for name in unserved
    ]
    slow = (
        _slow(file, name, f"/apps/{pointer_token(name)}" if own.get(name) is not None else "/defaults")
        for name in specs
        if has_address(specs[name])
    )
    return (*found, *dict.fromkeys(filter(None, slow)))


def _slow(file: ConfigFile, app: str, at: str) -> Finding | None:
    """Find the probe of an app's policy that cannot succeed often enough in time."""
    policy = file.config.policy(app)
    probe, allowed = policy.health.probe, policy.timeouts.health
    if probe is None or (took := (probe.count - 1) * probe.every) < allowed:
        return None
    message = f"{probe.count} successes of the probe in a row take {took:g} s, and timeouts.health allows {allowed:g} s"
    hint = "lower count or interval, or raise timeouts.health: until then every deployment is rolled back"
    return Finding(Severity.ERROR, "probe-too-slow", message, hint, file.locate(f"{at}/health/probe"))


def _moves(
    file: ConfigFile, known: Collection[str], unknown: Callable[[str, str], Iterable[Finding]]
) -> Iterator[Finding]:
    """Check former names: an app has at most one, and no app is named by two specs."""
    moved = file.config.moved
    for old, new in moved.items():
        others = [other for other, name in moved.items() if name == new and other != old]
        both = [name for name in (old, *file.config.former_names(old)) if new in known and name in known]
        if old == new or new in file.config.former_names(old):
            why, hint = f"moved: {old} is renamed back to itself", "remove one of these entries"
        elif others:
            why, hint = (
                f"moved: {old} and {', '.join(others)} cannot both become {new}",
                "an app has only one former name",
            )
        elif both:
            why = f"moved says {both[0]} became {new}, but both have a spec"
            hint = "remove the entry once the app is renamed, or remove the old spec"
        else:
            if new not in moved:
                yield from unknown(new, f"/moved/{old}")
            continue
        yield Finding(Severity.ERROR, "moved-names", why, hint, file.locate(f"/moved/{old}"))


def _cycle(file: ConfigFile, graph: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    if circle := find_circle(graph):
        message = f"circular depends_on: {' → '.join(circle)}"
        where = file.locate(f"/apps/{circle[0]}/depends_on")
        yield Finding(Severity.ERROR, "dependency-cycle", message, "remove one of these dependencies", where)


def find_circle(depends_on: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """A cycle of dependent apps, such as ``("api", "web", "api")``; empty if there is none.

    It begins with the one of its apps that comes first in the mapping. Unknown names wait for nothing.
    """
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        circle = error.args[1][:0:-1]  # the sorter has it from the awaited to the waiting, its first app twice
        first = min(map(list(depends_on).index, circle))
        at = circle.index(list(depends_on)[first])
        return (*circle[at:], *circle[: at + 1])
    return ()


def _unknown_app(file: ConfigFile, name: str, pointer: str, known: Collection[str]) -> Finding:
    return Finding(Severity.WARNING, "unknown-app", no_spec(name), did_you_mean(name, known), file.locate(pointer))


def no_spec(name: str) -> str:
    """The message that the configuration names an app which no spec describes."""
    return f"no spec in this run for app {name!r}"
