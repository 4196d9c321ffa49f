"""Who is to be notified of the alerts of an app, according to Git: the policy's `alerts`, held against the app's spec.

An alert is known by its component and by rule, operator, value and window (C28). A key of the policy without a
threshold means every alert of that rule; one with a threshold takes precedence for its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, get_args
from urllib.parse import urlsplit

from reconciler.appspec.kinds import COMPONENT_KINDS, components
from reconciler.appspec.parts import ALERT_RULES
from reconciler.appspec.shape import SPEC, Listing, identity_of, written_identity
from reconciler.config_alerts import VARIABLE, Destinations
from reconciler.findings import Finding, Location, Severity
from reconciler.text import did_you_mean, pointer_token

if TYPE_CHECKING:
    from reconciler.config_file import ConfigFile
    from reconciler.desired.load import DesiredApp
    from reconciler.desired.reading import Variables

ALERTS = cast("Listing", SPEC.fields["alerts"].shape)
"""What a list of alerts is made of."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A Slack channel and its webhook's URL, which is a credential; empty if it has no value, as it may offline."""

    channel: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DesiredAlert:
    """An alert of a spec, and who Git wants to be notified.

    ``component``: empty for an alert of the app itself. ``key``: how people write it, see `keys_of`.
    """

    component: str
    identity: str
    key: str
    emails: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()


def alerts_in(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Component and identity of every alert of a spec, those of the app itself first."""
    owners = [("", spec), *((str(one.get("name")), one) for _, one in components(spec, COMPONENT_KINDS))]
    listed = ((name, owner.get("alerts")) for name, owner in owners)
    return [
        (name, written_identity(ALERTS, alert))
        for name, alerts in listed
        for alert in (alerts if isinstance(alerts, list) else ())
        if isinstance(alert, dict) and alert.get("rule")
    ]


def declared_by(
    apps: Sequence[DesiredApp], file: ConfigFile, variables: Variables
) -> tuple[dict[str, tuple[DesiredAlert, ...]], tuple[Finding, ...], frozenset[str]]:
    """The destinations that the policies of apps declare, by app; what is wrong with them; what of them is secret."""
    findings: dict[Finding, None] = {}
    alerts = {app.name: tuple(_declared(app, file, variables, findings)) for app in apps}
    secrets = secrets_of([alert for one in alerts.values() for alert in one])
    return {name: one for name, one in alerts.items() if one}, tuple(findings), secrets


def _declared(
    app: DesiredApp, file: ConfigFile, variables: Variables, findings: dict[Finding, None]
) -> Iterator[DesiredAlert]:
    """The alerts of a spec whose destinations its policy declares.

    A key of the defaults that fits no alert of the app is for others; one of the app itself is an error.
    """
    found = alerts_in(app.spec)
    wanted = {key: one for key, one in file.config.policy(app.name).alerts.items() if one is not None}
    findings |= dict.fromkeys(_unknown(app.name, file, wanted, found))
    for (component, identity), shown in keys_of(found).items():
        if key := key_for(component, identity, wanted):
            at = f"{_place(app.name, file, key)}/slack_webhooks"
            hooks = tuple(_webhooks(wanted[key], at, file, variables, findings))
            yield DesiredAlert(component, identity, shown, tuple(wanted[key].emails), hooks)


def keys_of(alerts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """How people write each alert: ``api/CPU_UTILIZATION``, with the threshold only where there are several of a rule.

    Such as ``api/CPU_UTILIZATION/GREATER_THAN/80/FIVE_MINUTES``.
    """
    each = dict.fromkeys(alerts)
    tally = Counter(_keys(*pair)[1] for pair in each)
    return {pair: general if tally[general] == 1 else exact for pair in each for exact, general in [_keys(*pair)]}


def key_for(component: str, identity: str, keys: Collection[str]) -> str:
    """The one of these keys that an alert is written under: with its threshold, or without; empty if there is none."""
    exact, general = _keys(component, identity)
    return next((key for key in keys if _spelled(key) == exact), general if general in keys else "")


def _keys(component: str, identity: str) -> tuple[str, str]:
    """The two keys of an alert: with and without its threshold."""
    before = f"{component}/" if component else ""
    return before + identity, before + identity.partition("/")[0]


def _spelled(key: str) -> str:
    """A key of the configuration with its threshold as comparing writes it: 80 for 80.0."""
    parts = key.split("/")
    if len(parts) < 4:
        return key
    *before, rule, operator, value, window = parts
    threshold = {"rule": rule, "operator": operator, "value": float(value), "window": window}
    return "/".join([*before, identity_of(ALERTS, threshold)])


def _place(app: str, file: ConfigFile, key: str) -> str:
    """The pointer of a key of an app's policy: the app's own, or else in the defaults."""
    own = file.config.apps.get(app, {}).get("alerts") or {}
    section = f"/apps/{pointer_token(app)}" if key in own else "/defaults"
    return f"{section}/alerts/{pointer_token(key)}"


def _unknown(
    app: str, file: ConfigFile, wanted: Mapping[str, Destinations], found: Sequence[tuple[str, str]]
) -> Iterator[Finding]:
    """Find keys that fit no alert of the spec: they would never have an effect."""
    known = {key for pair in found for key in _keys(*pair)}
    own = file.config.apps.get(app, {}).get("alerts") or {}
    for key in (key for key in wanted if _spelled(key) not in known):
        if key in own:
            message = f"{app} has no alert {key}"
            listed = sorted(keys_of(found).values())
            near = did_you_mean(key, [*listed, *(_keys(*pair)[1] for pair in found)])
            add = "add it to `alerts` of the app or the component in its spec"
            hint = near or (f"{add}; its alerts: {', '.join(listed)}" if listed else add)
            yield Finding(Severity.ERROR, "unknown-alert", message, hint, file.locate(_place(app, file, key)))
        elif (rule := next(part for part in key.split("/") if part.isupper())) not in get_args(ALERT_RULES):
            message = f"no such alert rule: {rule}"
            hint = did_you_mean(rule, get_args(ALERT_RULES))
            yield Finding(Severity.WARNING, "unknown-alert", message, hint, file.locate(_place(app, file, key)))


def _webhooks(
    wanted: Destinations, at: str, file: ConfigFile, variables: Variables, findings: dict[Finding, None]
) -> Iterator[Webhook]:
    """The webhooks with their URLs; without a usable one a finding says why, offline only if it can never have one."""
    for number, hook in enumerate(wanted.slack_webhooks):
        where, names = file.locate(f"{at}/{number}/url"), VARIABLE.findall(hook.url)
        unset = any(not variables.values.get(name) for name in names)
        url = "" if unset else VARIABLE.sub(lambda match: variables.values[match[1]], hook.url)
        missing = [found for name in names if (found := _without_value(name, variables, where)) is not None]
        if not unset and not _is_https(url):
            message = f"the webhook of {hook.channel} is not an https URL"
            hint = "copy the webhook's URL from Slack into the variable; it begins with https://"
            missing = [Finding(Severity.ERROR, "invalid-webhook", message, hint, where)]
        findings |= dict.fromkeys(missing)
        yield Webhook(hook.channel, url)


def _without_value(name: str, variables: Variables, where: Location | None) -> Finding | None:
    if name not in variables.names:
        hint = did_you_mean(name, variables.names, "declare it under `variables`, with `secret: true`")
        return Finding(Severity.ERROR, "undeclared-variable", f"no such variable: {name}", hint, where)
    if variables.values.get(name) or variables.offline:
        return None
    hint = f"set {name} in the environment; pipelines often pass a missing secret as an empty string"
    return Finding(Severity.ERROR, "unset-variable", f"variable {name} is not set", hint, where)


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not any(map(str.isspace, url))


def secrets_of(alerts: Sequence[DesiredAlert]) -> frozenset[str]:
    """What must never reach an output: the URLs, and the part of each that alone is enough to post."""
    urls = [hook.url for alert in alerts for hook in alert.webhooks if hook.url]
    return frozenset(part for url in urls for part in (url, url.partition("://")[2].partition("/")[2])) - {""}
