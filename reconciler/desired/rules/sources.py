"""Rules on what a component is given: one complete source, a fixed image (C41, C43, C71, C75), variables, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.appspec.kinds import BINDABLE, SOURCE_FIELDS
from reconciler.appspec.secrets import CIPHERTEXT_FORM, is_ciphertext, secrets
from reconciler.desired.rules.context import (
    REGISTRY_HOSTS,
    Component,
    Rule,
    RuleContext,
    is_digest,
    literal,
    mapping,
    text,
    wrong_tag,
)
from reconciler.findings import Finding, Severity
from reconciler.text import did_you_mean

_REPO = {
    "github": re.compile(r"[^/\s:]+/[^/\s:]+"),
    "bitbucket": re.compile(r"[^/\s:]+/[^/\s:]+"),
    "gitlab": re.compile(r"[^/\s:]+(/[^/\s:]+)+"),
}
_URL = re.compile(r"(?:https?://|git@)[^/:]+[/:](?P<repo>.+?)(?:\.git)?/?$")
_SSH = re.compile(r"(?:ssh://)?(?:[^@/\s]+@)?(?P<host>[^:/\s]+)(?::\d+/|[:/])(?P<path>\S+)")
_NEEDED = {"git": ("repo_clone_url",), "image": ("registry_type", "repository")}


def one_source(context: RuleContext) -> Iterator[Finding]:
    """A component has one source; a database has none."""
    for component in _built(context):
        present = [name for name in SOURCE_FIELDS if component.data.get(name) is not None]
        if not present:
            choices = ", ".join(SOURCE_FIELDS if component.kind != "functions" else SOURCE_FIELDS[:-1])
            message = f"{component.called} has no source"
            yield context.error("no-source", message, f"add one of {choices}", component.pointer)
        elif len(present) > 1:
            message = f"{component.called} has {len(present)} sources: {', '.join(present)}"
            places = [f"{component.pointer}/{name}" for name in present]
            yield context.error("several-sources", message, "keep only one", places[1], places[0], *places[2:])


def repositories(context: RuleContext) -> Iterator[Finding]:
    """A source names its repository as the host does."""
    for component in _built(context):
        for name in SOURCE_FIELDS:
            source = component.data.get(name)
            if not isinstance(source, dict):
                continue
            at = f"{component.pointer}/{name}"
            for needed in _NEEDED.get(name, ("repo",)):
                if source.get(needed) in (None, ""):
                    message = f"the {name} source of {component.called} has no {needed}"
                    hint, certain = f"add `{needed}: …`", name == "git"
                    yield context.error_or_warning("incomplete-source", message, hint, at, certain=certain)
            if name == "git":
                yield from _clone_url(context, component, literal(source, "repo_clone_url"), f"{at}/repo_clone_url")
            if name in _REPO and (repo := text(source, "repo")):
                yield from _repository(context, name, repo, f"{at}/repo")


def _repository(context: RuleContext, host: str, repo: str, at: str) -> Iterator[Finding]:
    if _REPO[host].fullmatch(repo) and not repo.startswith("<"):
        return
    if "${" in repo:
        if at not in context.app.substituted:
            message = f"{repo} is not declared in reconcile.yaml and will be sent as written"
            yield context.warning("unknown-variable", message, "declare it under `variables`, or write owner/name", at)
        return
    url = _URL.match(repo)
    hint = f"write {url['repo']}" if url else "write it as on the host, such as my-org/my-app"
    yield context.warning("bad-repository", f"repo must be owner/name, got {repo!r}", hint, at)


def _clone_url(context: RuleContext, component: Component, url: str, at: str) -> Iterator[Finding]:
    """The address may hold credentials, so it is never shown."""
    over_ssh = url.startswith(("git@", "ssh://", "git+ssh://")) and _SSH.fullmatch(url.removeprefix("git+"))
    if over_ssh:
        message = f"{component.called} is cloned over SSH; App Platform clones public repositories over HTTPS"
        host, path = over_ssh["host"], over_ssh["path"].strip("/")
        known = next((name for name in _REPO if name in host), "")
        other = f", or connect the account and use `{known}: {{repo: {path.removesuffix('.git')}}}`" if known else ""
        yield context.error("clone-over-ssh", message, f"write https://{host}/{path}{other}", at)


def images(context: RuleContext) -> Iterator[Finding]:
    """An image has a tag or a digest, DOCR has no registry, and only DOCR deploys on push."""
    for component in context.components:
        image = mapping(component.data, "image")
        if not image:
            continue
        at = f"{component.pointer}/image"
        tag, digest = text(image, "tag"), text(image, "digest")
        if tag and digest:
            message = "an image can have a tag or a digest, not both"
            yield context.error(
                "tag-and-digest",
                message,
                "keep the digest: it always names the same image",
                f"{at}/tag",
                f"{at}/digest",
            )
        if digest and not is_digest(digest) and "${" not in digest:
            message = "a digest must be sha256: followed by 64 hex digits"
            yield context.error("bad-digest", message, "copy it from the registry", f"{at}/digest")
        yield from _registry(context, image, at)
        yield from _repository_of(context, image, at)
        yield from _tag(context, component, image, at)
        if component.kind == "static_sites":
            message = f"{component.called} has an image, but a static site is built from source"
            yield context.warning("image-on-static-site", message, "make it a service, or give it a repository", at)


def _registry(context: RuleContext, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    docr = image.get("registry_type") == "DOCR"
    if docr and text(image, "registry"):
        message = "a DOCR image takes no registry: an account has only one"
        yield context.error("registry-with-docr", message, "remove `registry`", f"{at}/registry")
    if _deploys_on_push(image) and (not docr or image.get("digest")):
        message = "deploy_on_push works only for DOCR images with a tag"
        yield context.error(
            "deploy-on-push", message, "remove it, or use a DOCR image with a tag", f"{at}/deploy_on_push"
        )


class _Reference(NamedTuple):
    """An image as Docker writes it, in parts: ``ghcr.io/acme/web:1.0``; a part that is missing is empty."""

    host: str
    path: str
    tag: str
    digest: str

    @classmethod
    def of(cls, written: str) -> _Reference:
        named, _, digest = written.partition("@")
        host, slash, path = named.partition("/")
        if not slash or not (host in REGISTRY_HOSTS or "." in host or ":" in host):
            host, path = "", named
        path, _, tag = path.partition(":")
        return cls(host, path, tag, digest)

    def in_fields(self, image: Mapping[str, Any]) -> str:
        """How to write it in the fields of an image; those that are right already are left out."""
        kind = REGISTRY_HOSTS.get(self.host, "")
        first, slash, rest = self.path.partition("/")
        owner, name = (first, rest) if kind and slash else ("library" if kind == "DOCKER_HUB" else "", self.path)
        fields = {"registry_type": kind, "registry": "" if kind == "DOCR" else owner, "repository": name}
        fields |= {"tag": self.tag and f'"{self.tag}"', "digest": self.digest}
        changed = [f"{field}: {value}" for field, value in fields.items() if value and image.get(field) != value]
        return f"write `{', '.join(changed)}`"


def _repository_of(context: RuleContext, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    """The repository is a name alone: address, owner and tag have fields of their own."""
    written, kind = literal(image, "repository"), text(image, "registry_type")
    parts = _Reference.of(written)
    if parts.host in REGISTRY_HOSTS:
        message = f"repository contains the registry's address {parts.host}, which registry_type already says"
        yield context.error("registry-in-repository", message, parts.in_fields(image), f"{at}/repository")
    elif parts.host and kind in ("DOCKER_HUB", "GHCR") and not image.get("registry"):
        message = f"repository seems to contain the address of another registry, {parts.host}"
        hint = "App Platform pulls from Docker Hub (DOCKER_HUB), GitHub (GHCR) and DigitalOcean's registry (DOCR) only"
        yield context.warning("registry-in-repository", message, hint, f"{at}/repository")
    elif parts.tag or parts.digest:
        message = f"repository contains the {'digest' if parts.digest else 'tag'} of the image, which has its own field"
        yield context.error("tag-in-repository", message, parts.in_fields(image), f"{at}/repository")
    elif kind == "GHCR" and written and not image.get("registry"):
        owner, _, name = written.partition("/")
        hint = f"write `registry: {owner}, repository: {name}`" if name else "add `registry: …`, the owner on GitHub"
        message = "a GHCR image needs its registry: the owner of the image on GitHub"
        yield context.warning("no-registry", message, hint, at)


def _tag(context: RuleContext, component: Component, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    """C41: the platform pulls a tag once; moving the tag afterwards has no effect."""
    tag = image.get("tag")
    written = literal(image, "tag")
    if written and not written.startswith(("<", "{{")) and (wrong := wrong_tag(written)):
        yield context.error_or_warning(
            "bad-tag", f"invalid tag: {wrong.message}", wrong.hint, f"{at}/tag", certain=wrong.certain
        )
    named = _Reference.of(text(image, "repository"))
    if image.get("digest") or tag not in (None, "", "latest") or _deploys_on_push(image) or named.tag or named.digest:
        return
    shown = "uses the tag latest" if tag else "has no tag, so it uses latest"
    message = f"{component.called} {shown}: newer images will not be noticed"
    yield context.warning("mutable-tag", message, "use a version tag or a digest", f"{at}/tag" if tag else at)


def _deploys_on_push(image: Mapping[str, Any]) -> bool:
    return mapping(image, "deploy_on_push").get("enabled") is True


def _built(context: RuleContext) -> Iterator[Component]:
    return (component for component in context.components if component.kind != "databases")


# --- Variables and their secrets: what they refer to, and how a secret is written (C67, C75) ---


# variables that the platform sets for every app (source: its reference of bindable variables)
_PLATFORM = frozenset({"APP_URL", "APP_DOMAIN", "APP_ID", "STARTER_DOMAIN"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BINDABLE = re.compile(r"\$\{([A-Za-z0-9_-]+)\.([^{}]*)\}")


def bindables(context: RuleContext) -> Iterator[Finding]:
    """``${name.X}`` in a variable refers to a component or database of the app, and to something that it has (C75).

    ``${db.pool.X}`` refers to a connection pool, which no spec names.
    """
    bound = [(owner, at, value) for owner, at, env in context.variables if "${" in (value := text(env, "value"))]
    if not bound:
        return
    given = {one.name: BINDABLE[one.kind] for one in context.components if one.name}
    for owner, at, value in bound:
        for name, field in _BINDABLE.findall(value):
            meant = owner.name if name == "_self" and owner else name
            shown = f"${{{name}.{field}}}"
            if meant not in given:
                if name != "_self":
                    message = f"{shown} refers to {name!r}, but the app has no such component or database"
                    hint = did_you_mean(name, given, f"known: {', '.join(sorted(given))}")
                    yield context.warning("unknown-bindable", message, hint, f"{at}/value")
            elif "." not in field and field not in given[meant] and field not in (keys := _keys(context, meant)):
                message = f"{shown} refers to nothing: {meant!r} has no {field}"
                hint = did_you_mean(field, {*given[meant], *keys}, f"known: {', '.join(sorted(given[meant]))}")
                yield context.warning("unknown-bindable", message, hint, f"{at}/value")


def _keys(context: RuleContext, component: str) -> set[str]:
    """The keys of the variables that a component has of its own, or as every component of the app."""
    return {text(env, "key") for owner, _, env in context.variables if owner is None or owner.name == component}


def placeholders(context: RuleContext) -> Iterator[Finding]:
    """``${NAME}`` as a whole value, of an undeclared variable: reported once, as it may be meant for the platform."""
    known: set[str] | None = None
    found: dict[str, str] = {}
    for _, at, env in context.variables:
        match = _VARIABLE.fullmatch(value) if "${" in (value := text(env, "value")) else None
        if not match or f"{at}/value" in context.app.substituted:
            continue
        known = known or {text(other, "key") for _, _, other in context.variables} | _PLATFORM
        if match[1] not in known or env.get("key") == match[1]:
            found.setdefault(f"{at}/value", match[1])
    if found:
        first, *more = found
        names = ", ".join(dict.fromkeys(f"${{{name}}}" for name in found.values()))
        message = f"{names} will be sent as written"
        hint = "to substitute it, declare it under `variables` in reconcile.yaml"
        yield context.notice("not-substituted", message, hint, first, *more)


def ciphertexts(context: RuleContext) -> Iterator[Finding]:
    """Ciphertext is a secret's (C67): in a plain variable the app would read ``EV[…]``."""
    for _, at, env in context.variables:
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


RULES: tuple[Rule, ...] = (one_source, repositories, images, bindables, placeholders, ciphertexts)
"""The rules of this module."""
