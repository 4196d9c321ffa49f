"""Where a component's code comes from (C41, C43): one source, complete, and a tag that says what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.appspec.models import SOURCE_FIELDS
from reconciler.desired.rules.context import Component, Rule, RuleContext, mapping, text
from reconciler.findings import Finding

_REPO = {
    "github": re.compile(r"[^/\s:]+/[^/\s:]+"),
    "bitbucket": re.compile(r"[^/\s:]+/[^/\s:]+"),
    "gitlab": re.compile(r"[^/\s:]+(/[^/\s:]+)+"),
}
_URL = re.compile(r"(?:https?://|git@)[^/:]+[/:](?P<repo>.+?)(?:\.git)?/?$")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
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
            yield context.error("several-sources", message, "keep one of them", places[1], places[0], *places[2:])


def repositories(context: RuleContext) -> Iterator[Finding]:
    """A source says which repository, the way its host names it."""
    for component in _built(context):
        for name in SOURCE_FIELDS:
            source = component.data.get(name)
            if not isinstance(source, Mapping):
                continue
            at = f"{component.pointer}/{name}"
            for needed in _NEEDED.get(name, ("repo",)):
                if source.get(needed) in (None, ""):
                    message = f"the {name} source of {component.called} does not say its {needed}"
                    yield context.warning("incomplete-source", message, f"add `{needed}: …`", at)
            if name in _REPO and (repo := text(source, "repo")):
                yield from _repository(context, name, repo, f"{at}/repo")


def _repository(context: RuleContext, host: str, repo: str, at: str) -> Iterator[Finding]:
    if _REPO[host].fullmatch(repo) and not repo.startswith("<"):
        return
    if "${" in repo:
        if at not in context.app.substituted:
            message = f"{repo} is not a variable that reconcile.yaml declares, and is sent as it stands"
            yield context.warning("unknown-variable", message, "declare it under `variables`, or write owner/name", at)
        return
    url = _URL.match(repo)
    hint = f"write {url['repo']}" if url else "write it as the host shows it, such as my-org/my-app"
    yield context.warning("bad-repository", f"{repo!r} is not owner/name", hint, at)


def images(context: RuleContext) -> Iterator[Finding]:
    """An image has a tag or a digest, DOCR has no registry, and only DOCR deploys on push."""
    for component in context.components:
        image = mapping(component.data, "image")
        if not image:
            continue
        at = f"{component.pointer}/image"
        tag, digest = text(image, "tag"), text(image, "digest")
        if tag and digest:
            message = "an image has a tag or a digest, not both"
            yield context.error(
                "tag-and-digest", message, "keep the digest: it cannot move", f"{at}/tag", f"{at}/digest"
            )
        if digest and not _DIGEST.fullmatch(digest) and "${" not in digest:
            message = "a digest is sha256: and 64 hexadecimal digits"
            yield context.error("bad-digest", message, "copy it from the registry", f"{at}/digest")
        yield from _registry(context, image, at)
        yield from _tag(context, component, image, at)


def _registry(context: RuleContext, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    docr = image.get("registry_type") == "DOCR"
    if docr and text(image, "registry"):
        message = "an image of DOCR has no registry: it is the account's own"
        yield context.error("registry-with-docr", message, "remove `registry`", f"{at}/registry")
    if _deploys_on_push(image) and (not docr or image.get("digest")):
        message = "deploy_on_push works for images of DOCR with a tag only"
        yield context.error("deploy-on-push", message, "remove it, or use a tag in DOCR", f"{at}/deploy_on_push")


def _tag(context: RuleContext, component: Component, image: Mapping[str, Any], at: str) -> Iterator[Finding]:
    """C41: the platform pulls a tag once; a tag that moves afterwards changes nothing."""
    tag = image.get("tag")
    if image.get("digest") or tag not in (None, "", "latest") or _deploys_on_push(image):
        return
    shown = "the tag latest" if tag else "no tag, which means latest"
    message = f"{component.called} has {shown}: a newer image of that name is not noticed"
    yield context.warning("mutable-tag", message, "name a version or a digest", f"{at}/tag" if tag else at)


def _deploys_on_push(image: Mapping[str, Any]) -> bool:
    return mapping(image, "deploy_on_push").get("enabled") is True


def _built(context: RuleContext) -> Iterator[Component]:
    return (component for component in context.components if component.kind != "databases")


RULES: tuple[Rule, ...] = (one_source, repositories, images)
"""The rules of this module."""
