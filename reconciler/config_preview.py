"""The section `preview` of `reconcile.yaml`: what the previews of pull requests have, what they cost, when they end."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from reconciler.appspec.kinds import SizeSlug
from reconciler.config_fields import Duration, Section, Timeout

DatabaseChoice = Literal["dev", "shared", "none"]

_TAG = re.compile(r"(?:[\w.-]|\{(?:number|commit|branch)\})+")
_SHORTEST_SLEEP, _LONGEST_SLEEP = 600, 86400


def _tag(value: str) -> str:
    if not _TAG.fullmatch(value):
        raise ValueError(f"{value!r} is not a tag; use {{number}}, {{commit}} and {{branch}}, such as pr-{{number}}")
    return value


Tag = Annotated[str, AfterValidator(_tag)]


class Most(Section):
    """How many previews a repository may have at a time, and what they may cost together."""

    count: int = Field(default=10, ge=1, description="previews at the same time")
    dollars: float = Field(default=100.0, ge=0, description="USD a month for all previews together")


class Preview(Section):
    """How the preview of a pull request differs from its app, and when it ends."""

    apps: list[str] = Field(default=["*"], min_length=1, description="apps that have previews: names or patterns")
    images: dict[str, Tag] = Field(
        default={},
        description="tags of images by component; {number}, {commit} and {branch} are filled in",
    )
    databases: DatabaseChoice | dict[str, DatabaseChoice] = Field(
        default="dev",
        description="dev (a development database instead), shared (the app's own, its data included) or none; "
        "for all, or by name with `*` for the rest",
    )
    secrets: list[str] = Field(
        default=[],
        description="secrets that previews get: KEY, COMPONENT/KEY, or COMPONENT/registry_credentials; no others",
    )
    size: SizeSlug = Field(default="apps-s-1vcpu-0.5gb", description="size of every instance")
    sizes: dict[str, SizeSlug] = Field(default={}, description="sizes of single components, by name")
    instances: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={}, description="instance counts of single components, by name; the others get one"
    )
    scheduled_jobs: bool = Field(default=False, description="whether scheduled jobs run in previews")
    sleep: Duration = Field(
        default=0.0, description="put services to sleep after this long without requests, 10m to 24h; 0s: never"
    )
    label: str = Field(
        default="", description="only pull requests with this label; those from forks always need it, or else `preview`"
    )
    drafts: bool = Field(default=True, description="whether drafts have previews")
    ttl: Timeout = Field(default=7 * 86400.0, description="how long a preview lives after its last deployment")
    max: Most = Field(default=Most.model_construct(), description="limits for all previews together")

    @field_validator("sleep")
    @classmethod
    def _is_allowed(cls, value: float) -> float:
        if value and not _SHORTEST_SLEEP <= value <= _LONGEST_SLEEP:
            raise ValueError("App Platform puts services to sleep after 10m to 24h; write a time between, or 0s")
        return value

    @property
    def fork_label(self) -> str:
        """The label without which a fork's pull request has no preview."""
        return self.label or "preview"

    def database(self, name: str) -> DatabaseChoice:
        """What previews have instead of a database."""
        if isinstance(self.databases, str):
            return self.databases
        return self.databases.get(name, self.databases.get("*", "dev"))


NO_PREVIEW = Preview.model_construct()
"""The section that the file leaves out."""
