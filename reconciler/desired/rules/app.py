"""Rules on an app as a whole: unique names (C19), domains (C74), and how requests reach components (C73)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from reconciler.appspec.kinds import BUILT_KINDS, COMPONENT_KINDS, ROUTABLE_KINDS, SINGULAR
from reconciler.appspec.shape import SPEC, canonical_spelling, identity_of
from reconciler.desired.rules.context import (
    Rule,
    RuleContext,
    literal,
    mapping,
    records,
    text,
    wrong_duration,
    wrong_pattern,
)
from reconciler.findings import Finding
from reconciler.text import did_you_mean

if TYPE_CHECKING:
    from reconciler.appspec.shape import Listing


def component_names(context: RuleContext) -> Iterator[Finding]:
    """Component names are unique across kinds, databases included."""
    named = [(component.name, f"{component.pointer}/name") for component in context.components if component.name]
    yield from _duplicates(
        context, named, "duplicate-name", "component", "component names must be unique in an app: rename one of them"
    )


def has_components(context: RuleContext) -> Iterator[Finding]:
    """An app needs at least one component."""
    lists = [context.spec.get(kind) for kind in COMPONENT_KINDS]
    if all(found in (None, []) for found in lists):  # anything else is reported for what it is
        unknown = [name for name in context.spec if name not in SPEC.fields]
        near = next((hint for name in unknown if (hint := did_you_mean(name, COMPONENT_KINDS, cutoff=0.7))), "")
        hint = near or f"add one of {', '.join(BUILT_KINDS)}"
        yield context.error("no-components", "the app has no components", hint, "")


def environment_keys(context: RuleContext) -> Iterator[Finding]:
    """A variable is set at most once in each list."""
    for listed in _several(context, "envs"):
        keys = [key for _, env in listed if isinstance(key := env.get("key"), str)]
        if len(set(keys)) == len(keys):  # nearly always: pointers are made only for the others
            continue
        envs = [(key, f"{at}/key") for at, env in listed if isinstance(key := env.get("key"), str)]
        yield from _duplicates(context, envs, "duplicate-env", "variable", "remove one of them")


def alerts(context: RuleContext) -> Iterator[Finding]:
    """An alert is unique by rule, operator, value and window."""
    for listed in _several(context, "alerts"):
        found = [(identity_of(_ALERTS, alert), at) for at, alert in listed if alert.get("rule")]
        yield from _duplicates(context, found, "duplicate-alert", "alert", "remove one of them")


def log_destinations(context: RuleContext) -> Iterator[Finding]:
    """A log destination's name is unique in its component."""
    for listed in _several(context, "log_destinations"):
        found = [(name, f"{at}/name") for at, one in listed if isinstance(name := one.get("name"), str)]
        yield from _duplicates(context, found, "duplicate-log-destination", "log destination", "remove one of them")


def domains(context: RuleContext) -> Iterator[Finding]:
    """A domain appears once, in any spelling, and at most one is PRIMARY."""
    found = list(records(context.spec, "domains"))
    named = [
        (str(canonical_spelling("hostname", name)), f"{at}/domain")
        for at, domain in found
        if isinstance(name := domain.get("domain"), str)
    ]
    yield from _duplicates(context, named, "duplicate-domain", "domain", "remove one of them")
    primary = [f"{at}/type" for at, domain in found if domain.get("type") == "PRIMARY"]
    for at in primary[1:]:
        message = f"more than one PRIMARY domain (first on line {context.at(primary[0]).line})"
        yield context.error("several-primary-domains", message, "change all but one to ALIAS", at, primary[0])


def zones(context: RuleContext) -> Iterator[Finding]:
    """A domain's zone is the domain itself or one above it (C74)."""
    for at, domain in records(context.spec, "domains"):
        zone = str(canonical_spelling("hostname", literal(domain, "zone")))
        name = str(canonical_spelling("hostname", literal(domain, "domain"))).removeprefix("*.")
        if zone and name and name != zone and not name.endswith(f".{zone}"):
            message = f"{name} is not in the zone {zone}"
            hint = f"write the zone that holds it, such as {'.'.join(name.split('.')[-2:])}, or remove `zone`"
            yield context.error("zone-of-another-domain", message, hint, f"{at}/zone", f"{at}/domain")


RULES: tuple[Rule, ...] = (component_names, has_components, environment_keys, alerts, log_destinations, domains, zones)
"""The rules of this module."""


_ALERTS = cast("Listing", SPEC.fields["alerts"].shape)


def _several(context: RuleContext, name: str) -> Iterator[Sequence[tuple[str, Mapping[str, Any]]]]:
    """The lists of that name, of the app and of its components, that have more than one item."""
    if len(found := records(context.spec, name)) > 1:
        yield found
    for component in context.components:
        if len(found := records(component.data, name, component.pointer)) > 1:
            yield found


def _duplicates(
    context: RuleContext, named: Iterable[tuple[str, str]], code: str, what: str, hint: str
) -> Iterator[Finding]:
    """A finding at each repetition of a name, with the place of the first."""
    first: dict[str, str] = {}
    for name, pointer in named:
        other = first.setdefault(name, pointer)
        if other is not pointer:
            shown = name.partition("/")[0] if what == "alert" else name  # its rule, without the defaults of the rest
            message = f"duplicate {what} {shown} (first on line {context.at(other).line})"
            yield context.error(code, message, hint, pointer, other)


# --- How requests reach components: ingress rules, routes, cross-origin policies ---


_ORIGIN = ("exact", "prefix", "regex")


def rules(context: RuleContext) -> Iterator[Finding]:
    """An ingress rule has either a component or a redirect, and no conflicting options."""
    for at, rule in records(mapping(context.spec, "ingress"), "rules", "/ingress"):
        component, redirect = rule.get("component"), rule.get("redirect")
        if component is not None and redirect is not None:
            message = "an ingress rule can have a component or a redirect, not both"
            yield context.error(
                "component-and-redirect", message, "split it into two rules", f"{at}/redirect", f"{at}/component"
            )
        if component is None and redirect is None:
            message = "the ingress rule has neither a component nor a redirect"
            yield context.error("rule-without-target", message, "add `component: {name: …}` or `redirect: …`", at)
        if isinstance(component, Mapping):
            if component.get("preserve_path_prefix") is True and component.get("rewrite"):
                message = "preserve_path_prefix and rewrite cannot be combined"
                places = (f"{at}/component/rewrite", f"{at}/component/preserve_path_prefix")
                yield context.error("preserve-and-rewrite", message, "keep only one", *places)
            yield from _target(context, text(component, "name"), f"{at}/component/name")


def _target(context: RuleContext, name: str, at: str) -> Iterator[Finding]:
    kinds = {component.name: component.kind for component in context.components if component.name}
    if not name or kinds.get(name) in ROUTABLE_KINDS:
        return
    routable = [known for known, kind in kinds.items() if kind in ROUTABLE_KINDS]
    hint = did_you_mean(name, routable, f"components: {', '.join(routable)}" if routable else "add the component")
    kind = kinds.get(name)
    message = f"{name!r} is a {SINGULAR[kind]}, which cannot serve requests" if kind else f"no such component: {name!r}"
    yield context.error("unknown-component", message, hint, at)


class _Match(NamedTuple):
    """What a rule matches; empty texts match everything."""

    prefix: str
    exact: str
    host_prefix: str
    host: str

    @classmethod
    def of(cls, match: Mapping[str, Any]) -> _Match:
        path, host = mapping(match, "path"), mapping(match, "authority")
        return cls(text(path, "prefix"), text(path, "exact"), text(host, "prefix"), text(host, "exact"))

    def covers(self, other: _Match) -> bool:
        """Whether it matches every request that ``other`` does. A prefix ends where a segment of the path ends."""
        path = other.exact or other.prefix or "/"
        start = self.prefix.rstrip("/")
        paths = self.exact == other.exact if self.exact else path == start or path.startswith(f"{start}/")
        name = other.host or other.host_prefix
        hosts = self.host == other.host if self.host else name.startswith(self.host_prefix)
        return paths and hosts


_MATCHED = ("path", "authority")
_COMPARED = 100
"""How many earlier rules one is compared with: few apps have more than a dozen."""


def matches(context: RuleContext) -> Iterator[Finding]:
    """A match is by prefix or exact, and a path starts at the root."""
    for at, rule in records(mapping(context.spec, "ingress"), "rules", "/ingress"):
        for name in _MATCHED:
            part, place = mapping(mapping(rule, "match"), name), f"{at}/match/{name}"
            if part.get("prefix") and part.get("exact"):
                message = f"a match of the {name} is by prefix or exact, not both"
                yield context.error("prefix-and-exact", message, "keep only one", f"{place}/exact", f"{place}/prefix")
        for name in ("prefix", "exact"):
            path = mapping(mapping(rule, "match"), "path")
            yield from _from_root(context, path, name, f"{at}/match/path")


def _from_root(context: RuleContext, parent: Mapping[str, Any], name: str, at: str) -> Iterator[Finding]:
    path = literal(parent, name)
    if path and not path.startswith("/"):
        message = f"the path {path!r} matches no request: paths begin with a slash"
        yield context.error("path-without-slash", message, f"write /{path}", f"{at}/{name}")


def unreachable(context: RuleContext) -> Iterator[Finding]:
    """No rule is behind one that matches all its requests. A match with fields that no model knows may be narrower."""
    earlier: dict[_Match, str] = {}
    found = records(mapping(context.spec, "ingress"), "rules", "/ingress")
    for at, rule in found if len(found) > 1 else ():
        match = mapping(rule, "match")
        if match.keys() - _MATCHED or any(mapping(match, name).keys() - {"prefix", "exact"} for name in _MATCHED):
            continue
        here = _Match.of(match)
        same = earlier.setdefault(here, at)
        compared = islice(earlier.items(), _COMPARED)
        wider = next((there for other, there in compared if there != at and other.covers(here)), "")
        if same != at:
            message = f"this rule is never reached: the rule on line {context.at(same).line} has the same match"
            yield context.error("duplicate-rule", message, "remove it, or change its match", at, same)
        elif wider:
            message = f"this rule is never reached: the rule on line {context.at(wider).line} matches all its requests"
            yield context.warning("unreachable-rule", message, "put it before that rule", at, wider)


def routes(context: RuleContext) -> Iterator[Finding]:
    """A path is routed to one component, and by routes or by ingress rules."""
    first: dict[str, str] = {}
    ruled = bool(mapping(context.spec, "ingress").get("rules"))
    for component in context.components:
        found = list(records(component.data, "routes", component.pointer))
        if found and ruled:
            message = f"{component.called} has routes, but the app has ingress rules: use one or the other"
            hint = "turn the routes into ingress rules"
            yield context.error("routes-and-ingress", message, hint, f"{component.pointer}/routes", "/ingress")
        if found and component.data.get("internal_ports") and not component.data.get("http_port"):
            message = f"{component.called} has internal_ports only, so it can have no routes"
            hint = "add `http_port`, or remove the routes"
            yield context.error("internal-with-routes", message, hint, f"{component.pointer}/routes")
        for at, route in found:
            yield from _from_root(context, route, "path", at)
            path = text(route, "path") or "/"
            other = first.setdefault(path, at)
            if other is not at:
                message = f"duplicate route for path {path} (first on line {context.at(other).line})"
                hint = "route each path to one component only"
                yield context.error("duplicate-route", message, hint, f"{at}/path", other)


def origins(context: RuleContext) -> Iterator[Finding]:
    """An allowed origin is one of exact, prefix, regex; patterns and durations of a policy parse (C70)."""
    for at, cors in _cors(context):
        if wrong := wrong_duration(literal(cors, "max_age")):
            yield context.error_or_warning(
                "bad-duration", f"invalid max_age: {wrong.message}", wrong.hint, f"{at}/max_age", certain=wrong.certain
            )
        for origin_at, origin in records(cors, "allow_origins", at):
            present = [name for name in _ORIGIN if origin.get(name) not in (None, "")]
            if len(present) != 1 and present + [name for name in _ORIGIN if origin.get(name) == ""] != ["exact"]:
                shown = " and ".join(present) if present else "none"
                message = f"an allowed origin must have exactly one of exact, prefix and regex, got {shown}"
                hint = "split it into one entry each" if present else "add one of them, or remove the entry"
                yield context.error("origin", message, hint, origin_at)
            if (regex := literal(origin, "regex")) and (wrong := wrong_pattern(regex)):
                message = f"invalid regular expression: {wrong.message}"
                yield context.error_or_warning(
                    "bad-pattern", message, wrong.hint, f"{origin_at}/regex", certain=wrong.certain
                )


def _cors(context: RuleContext) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for component in context.components:
        if found := mapping(component.data, "cors"):
            yield f"{component.pointer}/cors", found
    for at, rule in records(mapping(context.spec, "ingress"), "rules", "/ingress"):
        if found := mapping(rule, "cors"):
            yield f"{at}/cors", found


ROUTING_RULES: tuple[Rule, ...] = (rules, matches, unreachable, routes, origins)
"""The rules of this module."""
