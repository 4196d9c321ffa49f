"""What a scenario is: data alone. `scenarios_*.py` are full of them, `play.py` plays them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.second_platform.mischief import Deed, Edit, Trouble
from tests.second_platform.model import Fate, OwnRollback, Running, Spec, Switches, Tamper

OLDEST, OLD, NEW, NEWER, OTHER = "1.25", "1.26", "1.27", "1.28", "1.30"
"""Versions: two that were served one after the other, Git's, Git's after a fix, and a person's."""

SECRET = "plain-secret-4711"


def shop(version: str = NEW, **more: Any) -> Spec:
    """A service from an image, of some version, with a secret that is a variable."""
    image = {"registry_type": "DOCKER_HUB", "registry": "example", "repository": "shop", "tag": version}
    envs = [{"key": "ZONE", "value": "eu"}, {"key": "API_KEY", "value": "${API_KEY}", "type": "SECRET"}]
    service = {"name": "web", "image": image, "instance_size_slug": "apps-s-1vcpu-1gb", "envs": envs}
    return {"name": "shop", "region": "fra", "services": [service | more.pop("service", {})], **more}


BY_THE_PLATFORM = r"platform\b.{0,80}(back|itself|own)|back.{0,80}\bplatform\b|automated rollback"
"""That the platform went back, in whatever words."""

Count = int | tuple[int, int]
"""Exactly so many, or from so many to so many."""

ANY: tuple[int, int] = (0, 9999)


@dataclass(frozen=True)
class Expect:
    """How a run must end.

    ``kinds``: outcome kinds, any of them (``plan`` for a plan; ``error`` where the run ended before any app had an
    outcome). ``codes``: exit codes. ``pinned``: whether the app is pinned then, None for either way (it must be said,
    which always holds). ``serves`` and ``spec``: the version of the active deployment and of the app's spec, None for
    any. ``sends``: requests for each write; what is not named must not be sent. ``probes``: requests to the app itself.
    ``says`` and ``never``: regular expressions, case ignored, that what a person reads must and must not match.
    ``order``: events of the platform's log during this run that must come in this order. ``by``: seconds after the
    run's begin by which the first request for a write must have come. ``within``: seconds that the run may take.
    """

    kinds: tuple[str, ...]
    codes: tuple[int, ...]
    pinned: bool | None = False
    serves: str | None = None
    spec: str | None = None
    sends: Mapping[str, Count] = field(default_factory=dict)
    probes: Count = ANY
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    by: Mapping[str, float] = field(default_factory=dict)
    within: float = 7200.0


@dataclass(frozen=True)
class Run:
    """One run of the reconciler, so many seconds after the one before (or the start).

    ``command``: apply, plan, drift; ``killed``: die at this event instead of ending (nothing is expected then).
    ``git``: the spec that Git has from this run on. ``save``: keep the plan; ``demand``: apply only what was kept.
    """

    expect: Expect | None = None
    wait: float = 10.0
    command: str = "apply"
    killed: str = ""
    git: Spec | None = None
    save: bool = False
    demand: bool = False


@dataclass(frozen=True)
class Scenario:
    """A start, what goes wrong, and how each run must end.

    ``cases``: numbers of the catalogue. ``before``: versions that were served one after the other, an hour apart; of
    the last of them ``start`` may be the spec. ``git``: the spec in Git. ``policy``: for `reconcile.yaml`'s defaults,
    on top of `play.POLICY`; ``config``: its other keys. ``total``: most requests for some writes in all runs together.
    """

    name: str
    cases: str
    runs: tuple[Run, ...]
    before: tuple[str, ...] = (OLDEST, OLD)
    start: Spec | None = None
    git: Spec = field(default_factory=shop)
    policy: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)
    fates: tuple[Fate, ...] = ()
    running: tuple[Running, ...] = ()
    own: OwnRollback = field(default_factory=OwnRollback)
    tampers: tuple[Tamper, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    edits: tuple[Edit, ...] = ()
    deeds: tuple[Deed, ...] = ()
    total: Mapping[tuple[str, ...], int] = field(default_factory=dict)


def runs(*expected: Expect, wait: float = 600.0) -> tuple[Run, ...]:
    """Runs that apply one after the other, ten minutes apart."""
    return tuple(Run(expect, wait=10.0 if not place else wait) for place, expect in enumerate(expected))


# ---- how runs often end -------------------------------------------------------------------------------------------


def expect(kind: str | tuple[str, ...], code: int | tuple[int, ...], **more: Any) -> Expect:
    """An expectation, with one kind and one code or several."""
    kinds = (kind,) if isinstance(kind, str) else kind
    codes = (code,) if isinstance(code, int) else code
    return Expect(kinds, codes, **more)


def applied(version: str = NEW, *, sends: Mapping[str, Count] | None = None, **more: Any) -> Expect:
    """The new version serves, by one update unless said otherwise."""
    return expect("applied", 0, serves=version, spec=version, sends=sends or {"update": 1}, **more)


def unchanged(version: str = NEW, **more: Any) -> Expect:
    """Nothing was to be done."""
    return expect("unchanged", 0, serves=version, **more)


def ours(*, sends: Mapping[str, Count] | None = None, **more: Any) -> Expect:
    """Rolled back by the run: one rollback, one commit, the version before serves, and it is the app's spec."""
    done = {"update": 1, "rollback": 1, "commit": 1} if sends is None else sends
    return expect("rolled_back", 4, **{"serves": OLD, "spec": OLD, "sends": done, **more})


def theirs(*, sends: Mapping[str, Count] | None = None, **more: Any) -> Expect:
    """Rolled back by the platform: the run writes nothing after its update, and says whose rollback it was."""
    never = ("deployed since", "by hand", *more.pop("never", ()))
    says = (BY_THE_PLATFORM, *more.pop("says", ()))
    done = {"update": 1} if sends is None else sends
    return expect("rolled_back", 4, **{"serves": OLD, "sends": done, "says": says, "never": never, **more})


def stalled(**more: Any) -> Expect:
    """Not tried again: nothing is written."""
    return expect("stalled", 6, **{"serves": OLD, "never": ("deployed since",), **more})
