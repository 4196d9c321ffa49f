"""Previews on the sandbox: a front end that agrees, pull requests, and apps that only look like previews."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from reconciler.desired.preview_mark import Mark, PullRequest, marked
from reconciler.engine.apply import Watch
from reconciler.engine.load import Desired
from reconciler.engine.planner import Planned
from reconciler.live.client import Client

REPO = "acme/shop"
COMMIT, NEWER = "a" * 40, "b" * 40
PULL = PullRequest(REPO, 12, "new-cart", COMMIT)
IMAGE = {"registry_type": "DOCKER_HUB", "registry": "library", "repository": "nginx", "tag": "1.27"}


def shop(name: str = "shop", **more: Any) -> dict[str, Any]:
    """An app of this repository that is larger than a preview needs to be."""
    web = {
        "name": "web",
        "github": {"repo": REPO, "branch": "main", "deploy_on_push": True},
        "instance_size_slug": "apps-s-1vcpu-1gb",
        "instance_count": 2,
    }
    return {"name": name, "region": "fra", "domains": [{"domain": f"{name}.example.com"}], "services": [web], **more}


def lookalikes() -> list[dict[str, Any]]:
    """Apps that nobody may touch: of the name of a preview without its mark, with a copied or a foreign one."""
    mark = Mark("shop", REPO, 12, COMMIT)
    other = Mark("shop", "acme/other", 12, COMMIT)
    base = {"region": "fra", "services": [{"name": "web", "image": IMAGE}]}
    return [
        marked({**base, "name": "shop-live"}, mark),  # copied from a preview into production
        marked({**base, "name": "shop-pr-12-00000000"}, mark),
        {**base, "name": Mark("shop", REPO, 99, COMMIT).name},  # the name alone
        marked({**base, "name": Mark("shop", REPO, 98, COMMIT).name}, mark),  # the mark of another pull request
        marked({**base, "name": other.name}, other),  # a preview, of another repository
    ]


@dataclass
class Front:
    """A front end that agrees to everything, and remembers what it was shown."""

    client: Client | None = None
    agree: bool = True
    shown: list[Planned] = field(default_factory=list)

    def loaded(self, desired: Desired) -> None:
        self.desired = desired

    def connect(self) -> AbstractAsyncContextManager[Client]:
        assert self.client is not None
        return nullcontext(self.client)

    def planned(self, planned: Planned) -> None:
        self.shown.append(planned)

    def agrees(self, planned: Planned) -> bool:
        return self.agree

    @contextmanager
    def watch(self, apps: Sequence[str]) -> Iterator[Watch]:
        yield Watch()
