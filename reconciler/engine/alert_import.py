"""Imports who is notified of the alerts of live apps into `reconcile.yaml`; every other byte of the file stays.

A webhook's URL is a credential and is never written: it becomes a variable, which a person sets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.config_alerts import Alerts
from reconciler.config_file import CONFIG_NAMES, ConfigFile, read_config
from reconciler.desired.alerts import ALERTS, DesiredAlert, declared_by, key_for, keys_of
from reconciler.desired.environments import sources_of
from reconciler.desired.export import rewrite
from reconciler.desired.load import load, variables_of
from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity, has_errors
from reconciler.plan.alerts import as_wanted, is_readable
from reconciler.plan.canonical import key_of
from reconciler.yamltext import parse, read_text
from reconciler.yamltext.edit import CannotEdit, Edits
from reconciler.yamltext.nodes import sources
from reconciler.yamltext.write import Style

if TYPE_CHECKING:
    from reconciler.desired.reading import Variables
    from reconciler.engine.load import RunOptions
    from reconciler.live.models import Alert, SlackWebhook

_PREFIX = "SLACK_WEBHOOK"


@dataclass
class AlertImporter:
    """Writes the destinations of live alerts into the configuration of a folder of specs, or of an ``environment``."""

    folder: Path
    options: RunOptions
    environment: str = ""
    urls: dict[str, str] = field(default_factory=dict, repr=False)
    """The URLs of this import by the variables that stand for them."""

    def write(self, name: str, live: Sequence[Alert]) -> tuple[Path, bool, tuple[Finding, ...]]:
        """Write the destinations of an app by its name in Git; the file, whether it changed, and what remains to do.

        Raises:
            InvalidInput: the file cannot be used or edited, or is a link; or there is no spec of the app.
        """
        file = read_config(self.options.config, (self.folder,))
        path = Path(file.document.file) if file.document else self.folder.parent / CONFIG_NAMES[0]
        if path.is_symlink():
            hint = "replace it with a file, or remove it"
            raise InvalidInput([Finding(Severity.ERROR, "unsafe-path", f"{path} is a link", hint, Location(str(path)))])
        before = read_text(path, str(path)) if path.exists() else ""
        importing = self._importing(name, file, path, before)
        for alert in live:
            importing.take(alert, live)
        if importing.text != before:
            rewrite(path, importing.text)
        return path, importing.text != before, tuple(dict.fromkeys(importing.notes))

    def _importing(self, name: str, file: ConfigFile, path: Path, text: str) -> _Importing:
        environ, given = self.options.environ, self.options.variables
        found = sources_of(file, self.environment, environ) if self.environment else None
        here = file.within(self.environment) if self.environment else file
        loaded = load((self.folder,), config=here.config, environ=environ, variables=given, environment=found)
        app = next((one for one in loaded.apps if one.name == name), None)
        if app is None:
            wrong = [one for one in loaded.findings if one.is_error]
            missing = Finding(Severity.ERROR, "not-importable", f"no spec of {name} to import alerts for")
            raise InvalidInput(wrong or [missing])
        variables = variables_of(here.config, environ, given, found, offline=True)
        declared = declared_by([app], here, variables)[0].get(name, ())
        place = ("environments", self.environment, "apps", app.base) if self.environment else ("apps", name)
        return _Importing(path, text, place, here.config.policy(name).alerts, variables, declared, self.urls)


@dataclass
class _Importing:
    """The import of one app into a text. ``declared``: the destinations that Git declares for it so far."""

    path: Path
    text: str
    place: tuple[str, ...]
    policy: Alerts
    variables: Variables
    declared: Sequence[DesiredAlert]
    urls: dict[str, str] = field(repr=False)
    added: set[str] = field(default_factory=set)
    notes: list[Finding] = field(default_factory=list)

    def take(self, alert: Alert, live: Sequence[Alert]) -> None:
        """Write the destinations of an alert, one of the ``live`` ones, unless Git has them."""
        which = _identity(alert)
        wanted = next((one for one in self.declared if (one.component, one.identity) == which), None)
        if wanted is not None and as_wanted(wanted, _comparable(alert, wanted)):
            return
        key = key_for(*which, self.policy) or keys_of(map(_identity, live))[which]
        overridden = self.policy.get(key)
        entry: dict[str, Any] = {"emails": list(alert.emails)}
        if alert.slack_webhooks or (overridden and overridden.slack_webhooks):
            hooks = [(hook.channel, self._variable(hook)) for hook in alert.slack_webhooks]
            entry["slack_webhooks"] = [{"channel": channel, "url": f"${{{name}}}"} for channel, name in hooks]
        self.text = _edited(self.path, self.text, (*self.place, "alerts", key), entry)

    def _variable(self, hook: SlackWebhook) -> str:
        """The variable for a webhook: one that has this URL already, else a free name made of the channel."""
        known: Mapping[str, str] = {**self.variables.values, **self.urls}
        if is_readable(hook.url) and (same := next((name for name, value in known.items() if value == hook.url), "")):
            name = same
        else:
            base = "_".join([_PREFIX, *re.findall(r"[A-Z0-9]+", hook.channel.upper())])
            names = (base if number == 1 else f"{base}_{number}" for number in range(1, len(known) + 2))
            name = next(name for name in names if name not in known)
        if name not in self.variables.names and name not in self.added:
            self.text = _edited(self.path, self.text, ("variables",), [{"name": name, "secret": True}])
            self.added.add(name)
        self.urls[name] = hook.url
        if self.variables.values.get(name) != hook.url:
            self.notes.append(_to_set(name, hook.channel, self.path))
        return name


def _identity(alert: Alert) -> tuple[str, str]:
    return alert.component_name, key_of(ALERTS, alert.spec)


def _comparable(alert: Alert, wanted: DesiredAlert) -> Alert:
    """The live alert; without URLs, which then count as any, where a variable for one has no value here."""
    if all(hook.url for hook in wanted.webhooks):
        return alert
    hooks = tuple(hook.model_copy(update={"url": ""}) for hook in alert.slack_webhooks)
    return alert.model_copy(update={"slack_webhooks": hooks})


def _to_set(variable: str, channel: str, path: Path) -> Finding:
    message = f"the URL of the webhook of {channel} was not written"
    hint = f"set the variable {variable} to it; Slack shows it, and so does the control panel"
    return Finding(Severity.WARNING, "webhook-left-out", message, hint, Location(str(path)))


def _edited(path: Path, text: str, place: Sequence[str], value: Any) -> str:
    """The text with a value at a place: a mapping replaces what is there, a list is appended to it.

    Raises:
        InvalidInput: the text cannot be edited piece by piece.
    """
    try:
        edited = _put(text, place, value)
        if _data(edited) == _with(_data(text), place, value):
            return edited
    except (CannotEdit, yaml.YAMLError):
        pass
    message = f"{path} cannot be edited piece by piece: write {'/'.join(place)} by hand"
    raise InvalidInput([Finding(Severity.ERROR, "not-importable", message, "", Location(str(path)))])


def _data(text: str) -> Any:
    """What a text says.

    Raises:
        CannotEdit: it is not one valid document, or none.
    """
    documents, findings = parse(text, "")
    if has_errors(findings) or len(documents) > 1:
        raise CannotEdit
    return (documents[0].data if documents else None) or {}


def _with(data: Any, place: Sequence[str], value: Any) -> Any:
    """The data with a value at a place, see `_edited`."""
    if not place:
        return [*(data or ()), *value] if isinstance(value, list) else value
    below = data if isinstance(data, dict) else {}
    return {**below, place[0]: _with(below.get(place[0]), place[1:], value)}


def _put(text: str, place: Sequence[str], value: Any) -> str:
    roots = sources(text)
    if not roots or not roots[0].entries:
        from reconciler.yamltext.write import mapping_lines

        newline = "\r\n" if "\r\n" in text else "\n"
        head = text if not text or text.endswith("\n") else text + newline
        return head + "".join(line + newline for line in mapping_lines(_nested(place, value), 0, Style()))
    edits, node = Edits(text, Style()), roots[0]
    for depth, part in enumerate(place):
        entry = node.child(part)
        if entry is None:
            edits.insert(node, len(node.entries) - 1, part, _nested(place[depth + 1 :], value))
            return edits.applied()
        if depth == len(place) - 1 and isinstance(value, list) and entry.value.entries:
            edits.insert(entry.value, len(entry.value.entries) - 1, None, value[0])
            return edits.applied()
        if depth == len(place) - 1 or not entry.value.entries:
            edits.replace_value(node, entry, _nested(place[depth + 1 :], value))
            return edits.applied()
        node = entry.value
    raise CannotEdit


def _nested(place: Sequence[str], value: Any) -> Any:
    return {place[0]: _nested(place[1:], value)} if place else value
