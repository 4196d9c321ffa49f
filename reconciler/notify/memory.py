"""What messages were sent before this run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Memory:
    """What was said before, as far as something remembers; None where nothing does.

    ``found``: the apps that this run only found stalled, pinned or degraded, and that an earlier message was about.
    ``begun``: the apps whose drift is new. ``ended``: those whose drift was said, and is gone.
    """

    found: frozenset[str] | None = None
    begun: frozenset[str] | None = None
    ended: tuple[str, ...] = ()
