"""Derives the spec of a pull request's preview from that of its app. Pure: the same in, the same out.

A preview runs the code of the pull request, as small as can be, and reaches nothing that is production's: no domain, no
cluster, no secret unless the section `preview` of `reconcile.yaml` names it. Whatever differs is reported.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.appspec.kinds import (
    COMPONENT_KINDS,
    DEFAULT_SIZE,
    DEV_ENGINES,
    SIZED_KINDS,
    SOURCE_FIELDS,
    components,
)
from reconciler.appspec.secrets import CIPHERTEXT_PATTERN, CLONE_URL, is_plaintext, secrets, without_login
from reconciler.config_preview import Preview
from reconciler.desired.load import DesiredApp
from reconciler.desired.preview_mark import Mark, PullRequest, marked
from reconciler.text import pointer_token, segments
from reconciler.yamltext import Document

Tree = dict[str, Any]

_REFERENCE = re.compile(r"\$\{([^{}.]+)\.[^{}]*\}")
_NOT_IN_A_TAG = re.compile(r"[^\w.-]", re.ASCII)
_LONGEST_TAG = 128


@dataclass(frozen=True, slots=True)
class Difference:
    """How a preview differs from its app: what of the app, such as ``services/web``, and how."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Derived:
    """A preview: the app to deploy, its mark, and how it differs from its app."""

    app: DesiredApp
    mark: Mark
    differences: tuple[Difference, ...]
    unset: tuple[str, ...] = ()
    """Secrets that the settings name and that have no value in this run."""


def derive(
    app: DesiredApp,
    pull: PullRequest,
    settings: Preview,
    images: Mapping[str, str],
    declared: Collection[str] = (),
) -> Derived:
    """The preview of an app for a pull request.

    ``images`` are tags or digests (``sha256:…``) by component, which win over those of the settings. ``declared`` are
    the names of variables: one that is still in a value has none of its own in this run.
    """
    mark = Mark(app.name, pull.repository, pull.number, pull.commit)
    open_ = [f"${{{name}}}" for name in declared]
    credentials = {pointer for pointer, _, _ in app.lookalikes if "/envs/" in pointer}
    work = _Derivation(copy.deepcopy(dict(app.spec)), pull, settings, images, app.hidden | credentials, open_)
    work.run()
    spec = marked(work.spec, mark)
    spec["name"] = mark.name
    bare = Document(app.file, "", 0, None)  # what is derived has no place of its own
    derived = replace(app, name=mark.name, spec=spec, document=bare, parts={}, substituted=frozenset(), variables={})
    hidden = frozenset(at for at, text in _texts(spec) if any(secret in text for secret in app.secrets))
    return Derived(replace(derived, hidden=hidden), mark, tuple(work.differences), tuple(work.unset))


def _texts(node: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a tree with its pointer."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _texts(value, f"{pointer}/{pointer_token(key)}")
    elif isinstance(node, str):
        yield pointer, node


@dataclass
class _Derivation:
    """One derivation: changes ``spec``, a copy of the app's, and keeps account of it."""

    spec: Tree
    pull: PullRequest
    settings: Preview
    images: Mapping[str, str]
    hidden: Collection[str]
    open: Collection[str] = ()
    differences: list[Difference] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """The names of components that previews do not have."""
    unset: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    """The domains of the app."""

    def run(self) -> None:
        """Change the spec. Secrets come first: their places are those of the app's own spec."""
        self._remove_secrets()
        self._remove_jobs()
        for database in list(self.spec.get("databases") or ()):
            self._database(database)
        self._remove_top()
        for kind, component in components(self.spec):
            self._component(kind, component)
        self._remove_references()
        for kind in COMPONENT_KINDS:
            if kind in self.spec and not self.spec[kind]:
                del self.spec[kind]

    def _note(self, path: str, text: str) -> None:
        self.differences.append(Difference(path, text))

    # --- secrets -----------------------------------------------------------------------------------------------------

    def _remove_secrets(self) -> None:
        """Leave out every secret that is not named, and those whose value only the app itself can have."""
        places = {pointer: value for pointer, value in secrets(self.spec) if "/log_destinations/" not in pointer}
        places |= {pointer: text for pointer, text in _texts(self.spec) if pointer in self.hidden}
        doomed: list[tuple[Any, Any]] = []
        for pointer, value in places.items():
            *above, name = segments(pointer)
            owners = _owners(self.spec, above)
            component = next((str(one.get("name")) for one in owners[2:3] if above[0] in COMPONENT_KINDS), "")
            is_variable = name == "value" and len(above) > 1 and above[-2] == "envs"
            label = str(owners[-1].get("key")) if is_variable else name
            why = self._why_not(component, label, str(value))
            if not why:
                continue
            self._note("/".join(filter(None, (component, label))), why)
            if name == CLONE_URL:
                owners[-1][name] = without_login(str(value))
            else:
                doomed.append((owners[-2], owners[-1]) if is_variable else (owners[-1], name))
        for owner, one in doomed:
            if isinstance(owner, list):
                owner[:] = [item for item in owner if item is not one]
            else:
                owner.pop(one, None)
        if isinstance(ingress := self.spec.get("ingress"), dict) and "value" not in ingress.get("secure_header", {}):
            ingress.pop("secure_header", None)

    def _why_not(self, component: str, label: str, value: str) -> str:
        """Why a preview does not get a secret; empty if it does. A reference to another component is no secret."""
        if CIPHERTEXT_PATTERN.match(value):
            return "left out: its value is encrypted for the app, and no other app can use it"
        is_open = any(one in value for one in self.open)
        if not (is_plaintext(value) or is_open):
            return "" if value.strip() else "left out: Git has no value for this secret"
        if self.pull.fork:
            return "left out: previews of forks get no secrets"
        named = label in self.settings.secrets or f"{component}/{label}" in self.settings.secrets
        if named and is_open:
            self.unset.append(f"{component}/{label}".removeprefix("/"))
        return "" if named else "left out: a secret that preview.secrets does not name"

    # --- components --------------------------------------------------------------------------------------------------

    def _remove_jobs(self) -> None:
        if self.settings.scheduled_jobs:
            return
        for job in [job for _, job in components(self.spec, ("jobs",)) if job.get("kind") == "SCHEDULED"]:
            self.spec["jobs"].remove(job)
            self.gone.add(str(job.get("name")))
            self._note(f"jobs/{job.get('name')}", "left out: it runs on a schedule")

    def _database(self, database: Tree) -> None:
        """Put a development database in the place of a cluster, unless the settings have it otherwise."""
        name, choice = str(database.get("name")), self.settings.database(str(database.get("name")))
        cluster = bool(database.get("production") or database.get("cluster_name"))
        if choice == "shared" and cluster and not self.pull.fork:
            self._note(f"databases/{name}", f"shared with the app: cluster {database.get('cluster_name')}")
            return
        if choice == "none" or (cluster and database.get("engine") not in DEV_ENGINES):
            engine = database.get("engine") or "this engine"
            why = "left out" if choice == "none" else f"left out: {engine} has no development databases"
            self.spec["databases"].remove(database)
            self.gone.add(name)
            self._note(f"databases/{name}", why)
        elif cluster:
            for key in ("production", "cluster_name", "db_name", "db_user", "size", "num_nodes"):
                database.pop(key, None)
            self._note(f"databases/{name}", "an empty development database instead of the cluster")

    def _remove_top(self) -> None:
        """Leave out what an app has once: domains, alerts, addresses, the network of production."""
        shared = any(database.get("cluster_name") for database in self.spec.get("databases") or ())
        self.domains = [str(one.get("domain")) for one in self.spec.get("domains") or ()]
        for name in ("domains", "alerts", "maintenance", "egress", *(() if shared else ("vpc",))):
            value = self.spec.get(name)
            if value and not (name == "egress" and value.get("type") != "DEDICATED_IP"):
                self._note(name, f"left out: {', '.join(self.domains)}" if name == "domains" else "left out")
                del self.spec[name]
        if isinstance(ingress := self.spec.get("ingress"), dict):
            self._ingress(ingress)

    def _ingress(self, ingress: Tree) -> None:
        """Route by path alone: a preview has one host name. Rules for a host of the app come after those for all."""
        for name in ("load_balancer", "load_balancer_size"):
            if ingress.pop(name, None):
                self._note(f"ingress/{name}", "left out")
        rules = ingress.get("rules") or []
        kept = [rule for rule in rules if not (rule.get("match") or {}).get("authority") and not self._leads_away(rule)]
        matches = [rule.get("match") or {} for rule in kept]
        for number, rule in enumerate(rules):
            match = {name: one for name, one in (rule.get("match") or {}).items() if name != "authority"}
            if rule in kept:
                continue
            if rule.get("redirect"):
                self._note(f"ingress/rules/{number}", "left out: it redirects between host names")
            elif match in matches:
                self._note(f"ingress/rules/{number}", "left out: another rule has the same path")
            else:
                matches.append(match)
                kept.append({**rule, "match": match})
        if kept:
            ingress["rules"] = kept
        elif rules:
            del ingress["rules"]
        if rules and not ingress:
            del self.spec["ingress"]

    def _leads_away(self, rule: Tree) -> bool:
        """Whether a rule redirects to a domain of the app."""
        return (rule.get("redirect") or {}).get("authority") in self.domains

    def _component(self, kind: str, component: Tree) -> None:
        path = f"{kind}/{component.get('name')}"
        for name in ("alerts", "log_destinations"):
            if component.pop(name, None):
                self._note(f"{path}/{name}", "left out")
        self._source(path, component)
        if kind in SIZED_KINDS:
            self._size(path, component)
        serves = kind == "services" and not (component.get("internal_ports") and not component.get("http_port"))
        if serves and self.settings.sleep:
            component["inactivity_sleep"] = {"after_seconds": int(self.settings.sleep)}

    def _source(self, path: str, component: Tree) -> None:
        """The pull request's branch for sources of its repository; a given tag or digest for an image."""
        for name in SOURCE_FIELDS:
            if isinstance(component.get(name), dict):
                component[name].pop("deploy_on_push", None)
        if self._is_ours(component):
            branch = {"branch": self.pull.branch}
            if self.pull.fork:  # the account is not connected to it: it is cloned as anybody may
                component.pop("github", None)
                component["git"] = {"repo_clone_url": f"https://github.com/{self.pull.fork}.git", **branch}
            else:
                component["github" if "github" in component else "git"] |= branch
            self._note(path, f"branch {self.pull.branch}{f' of {self.pull.fork}' if self.pull.fork else ''}")
        if isinstance(image := component.get("image"), dict):
            self._image(path, str(component.get("name")), image)

    def _is_ours(self, component: Tree) -> bool:
        """Whether a component is built from the pull request's repository."""
        hosted, git = component.get("github"), component.get("git")
        if isinstance(hosted, dict):
            return str(hosted.get("repo")).lower() == self.pull.repository.lower()
        address = without_login(str(git.get(CLONE_URL))).lower() if isinstance(git, dict) else ""
        return address.removesuffix("/").removesuffix(".git") == f"https://github.com/{self.pull.repository}".lower()

    def _image(self, path: str, name: str, image: Tree) -> None:
        pull = self.pull
        pattern = self.settings.images.get(name, "")
        branch = _NOT_IN_A_TAG.sub("-", pull.branch)
        filled = pattern.format(number=pull.number, commit=pull.commit, branch=branch) if pattern else ""
        given = self.images.get(name) or filled[:_LONGEST_TAG]
        if not given:
            given = image.get("digest") or image.get("tag") or "latest"
            self._note(path, f"image {given}, as in the app: no other was given")
            return
        for field_name in ("tag", "digest"):
            image.pop(field_name, None)
        image["digest" if given.startswith("sha256:") else "tag"] = given
        self._note(path, f"image {given}")

    def _size(self, path: str, component: Tree) -> None:
        """One instance of the smallest size, unless the settings say otherwise."""
        name = str(component.get("name"))
        size, count = self.settings.sizes.get(name, self.settings.size), self.settings.instances.get(name, 1)
        before = f"{component.get('instance_count', 1)} x {component.get('instance_size_slug', DEFAULT_SIZE)}"
        scaled = component.pop("autoscaling", None)
        component.pop("instance_count", None)
        component["instance_size_slug"] = size
        if count > 1:
            component["instance_count"] = count
        if scaled or before != f"{count} x {size}":
            self._note(path, f"{count} x {size} instead of {'autoscaling' if scaled else before}")

    # --- what refers to that -----------------------------------------------------------------------------------------

    def _remove_references(self) -> None:
        """Leave out the variables whose value refers to a component that is not there."""
        for path, owner in [("", self.spec), *((str(one.get("name")), one) for _, one in components(self.spec))]:
            for env in [env for env in owner.get("envs") or () if isinstance(env, dict)]:
                lost = self.gone.intersection(_REFERENCE.findall(str(env.get("value"))))
                if lost:
                    owner["envs"].remove(env)
                    key = "/".join(filter(None, (path, str(env.get("key")))))
                    self._note(key, f"left out: it refers to {', '.join(sorted(lost))}")
            if "envs" in owner and not owner["envs"]:
                del owner["envs"]


def _owners(spec: Any, path: list[str]) -> list[Any]:
    """The nodes from a spec down to the one at a path."""
    nodes = [spec]
    for part in path:
        nodes.append(nodes[-1][int(part)] if isinstance(nodes[-1], list) else nodes[-1][part])
    return nodes
