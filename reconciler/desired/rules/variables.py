"""Rules on variables and their secrets: what they refer to, and how a secret is written (C67, C75)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.kinds import BINDABLE
from reconciler.appspec.secrets import CIPHERTEXT_FORM, is_ciphertext, plaintext_secrets, secrets
from reconciler.desired.rules.context import Component, Rule, RuleContext, records, text
from reconciler.findings import Finding, Severity
from reconciler.text import did_you_mean

# variables that the platform sets for every app (source: its reference of bindable variables)
_PLATFORM = frozenset({"APP_URL", "APP_DOMAIN", "APP_ID", "STARTER_DOMAIN"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BINDABLE = re.compile(r"\$\{([A-Za-z0-9_-]+)\.([^{}]*)\}")


def _envs(context: RuleContext) -> Iterator[tuple[Component | None, str, Mapping[str, Any]]]:
    """Every variable with its pointer and its component; None for those of the app."""
    owners = [(None, context.spec, ""), *((one, one.data, one.pointer) for one in context.components)]
    for component, owner, pointer in owners:
        yield from ((component, at, env) for at, env in records(owner, "envs", pointer))


def bindables(context: RuleContext) -> Iterator[Finding]:
    """``${name.X}`` in a variable refers to a component or database of the app, and to something that it has (C75).

    ``${db.pool.X}`` refers to a connection pool, which no spec names.
    """
    bound = [(owner, at, value) for owner, at, env in _envs(context) if "${" in (value := text(env, "value"))]
    if not bound:
        return
    shared = [text(env, "key") for owner, _, env in _envs(context) if owner is None]
    given = {one.name: BINDABLE[one.kind] for one in context.components if one.name}
    known = {name: {*fields, *shared} for name, fields in given.items()}
    for owner, _, env in _envs(context):
        if owner is not None and owner.name:
            known[owner.name].add(text(env, "key"))
    for owner, at, value in bound:
        for name, field in _BINDABLE.findall(value):
            meant = owner.name if name == "_self" and owner else name
            shown = f"${{{name}.{field}}}"
            if meant not in known and name != "_self":
                message = f"{shown} refers to {name!r}, but the app has no such component or database"
                hint = did_you_mean(name, known, f"known: {', '.join(sorted(known))}")
                yield context.warning("unknown-bindable", message, hint, f"{at}/value")
            elif meant in known and "." not in field and field not in known[meant]:
                message = f"{shown} refers to nothing: {meant!r} has no {field}"
                hint = did_you_mean(field, known[meant], f"known: {', '.join(sorted(given[meant]))}")
                yield context.warning("unknown-bindable", message, hint, f"{at}/value")


def placeholders(context: RuleContext) -> Iterator[Finding]:
    """``${NAME}`` as a whole value, of an undeclared variable: reported once, as it may be meant for the platform."""
    envs = [(f"{at}/value", env) for _, at, env in _envs(context)]
    known: set[object] | None = None
    found: dict[str, str] = {}
    for at, env in envs:
        match = _VARIABLE.fullmatch(text(env, "value"))
        if not match or at in context.app.substituted:
            continue
        known = known or {one for _, other in envs if isinstance(one := other.get("key"), str)} | _PLATFORM
        if match[1] not in known or env.get("key") == match[1]:
            found.setdefault(at, match[1])
    if found:
        first, *more = found
        names = ", ".join(dict.fromkeys(f"${{{name}}}" for name in found.values()))
        message = f"{names} will be sent as written"
        hint = "to substitute it, declare it under `variables` in reconcile.yaml"
        yield context.notice("not-substituted", message, hint, first, *more)


def ciphertexts(context: RuleContext) -> Iterator[Finding]:
    """Ciphertext is a secret's (C67): in a plain variable the app would read ``EV[…]``."""
    for _, at, env in _envs(context):
        value = text(env, "value")
        if not is_ciphertext(value):
            continue
        if env.get("type") in (None, "", "GENERAL"):
            message = f"{text(env, 'key')} holds ciphertext but is not a secret: the app would read it as it is"
            yield context.warning("ciphertext-without-type", message, "add `type: SECRET`", f"{at}/value")
        elif not CIPHERTEXT_FORM.match(value):
            message = f"{text(env, 'key')} looks like ciphertext, but is not what App Platform returns"
            yield context.warning("bad-ciphertext", message, "copy it again: reconcile import", f"{at}/value")


def ciphertext(context: RuleContext, severity: Severity) -> Iterator[Finding]:
    """Ciphertext belongs to the app that App Platform encrypted it for: a new app is refused with it (C67).

    No rule of a spec alone, as only live shows whether the app is new. That is recorded of variables: only they make an
    error.
    """
    found = [pointer for pointer, value in secrets(context.spec) if is_ciphertext(value)]
    if severity is Severity.ERROR:
        found = [pointer for pointer in found if "/envs/" in pointer]
    if found:
        first, *more = map(context.at, found)
        count = f"{len(found)} secrets hold" if more else "a secret holds"
        message = f"{count} ciphertext, which only the app that it comes from accepts: a new app is refused"
        hint = "for a new app use a declared variable (${NAME}), or omit the value and set it later"
        yield Finding(severity, "ciphertext", message, hint, first, tuple(more))


def plaintext(context: RuleContext) -> Iterator[Finding]:
    """A plaintext credential in Git is no longer a secret."""
    for pointer, _ in plaintext_secrets(context.spec):
        if pointer not in context.app.substituted:
            message = "plaintext secret"
            hint = (
                "use a declared variable (${NAME}), omit the value to keep the live one, "
                "or paste the encrypted EV[…] that App Platform returns"
            )
            yield context.warning("plaintext-secret", message, hint, pointer)


RULES: tuple[Rule, ...] = (bindables, placeholders, ciphertexts, plaintext)
"""The rules of this module."""
