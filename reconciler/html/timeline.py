"""Timelines: what a deployment went through as bars on one scale, for the part of the same name. Pure; seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.text import duration

PHASES = {
    "PENDING_BUILD": ("pending", "pending"),
    "BUILDING": ("build", "build"),
    "PENDING_DEPLOY": ("pending", "pending"),
    "DEPLOYING": ("deploy", "deploy"),
    "ACTIVE": ("soak", "soak"),
}
"""The look and the word of each phase that takes time; the others are endings."""

ENDINGS = {"ACTIVE": ("✓", "good"), "ERROR": ("✗", "bad"), "CANCELED": ("!", "warning"), "SUPERSEDED": ("·", "quiet")}
"""The symbol and the tone of each phase in which a deployment ends."""

_LEAST = 0.6
"""Percent of the scale that a bar has at least, so that it can be seen."""

_LABELLED = 9.0
"""Percent of the scale from which on a bar is labelled inside; all are named beneath."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between two marks of a scale."""

_MOST_MARKS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time. ``look``: pending, build, deploy, soak or commit; ``failed``: it ended so."""

    look: str
    word: str
    began: float
    ended: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One deployment: what it is to the reader, its id, its bars, and how it ended as symbol, word and tone.

    ``about`` says who made it and why, where that is known.
    """

    name: str
    detail: str = ""
    bars: tuple[Bar, ...] = ()
    ending: tuple[str, str, str] = ("", "", "")
    about: str = ""

    @property
    def text(self) -> str:
        """``build 40s, deploy 2m 19s``: the bars in words."""
        return ", ".join(f"{bar.word} {duration(bar.ended - bar.began)}" for bar in self.bars)


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A bar on the scale, in percent of it; ``label`` is empty where there is no room for it."""

    look: str
    x: str
    width: str
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lanes on a scale of ``seconds``."""

    lanes: tuple[Lane, ...]
    seconds: float

    def drawn(self, lane: Lane) -> list[DrawnBar]:
        """The bars of a lane on this scale."""
        return [self._drawn(bar) for bar in lane.bars]

    def _drawn(self, bar: Bar) -> DrawnBar:
        whole = max(self.seconds, 0.001)
        began = min(max(bar.began / whole, 0), 1) * 100
        width = max(min((bar.ended - bar.began) / whole * 100, 100 - began), _LEAST)
        title = f"{bar.word} {duration(bar.ended - bar.began)}"
        label = title if width >= 2 * _LABELLED else bar.word if width >= _LABELLED else ""
        look = f"bar {bar.look}{' failed' if bar.failed else ''}"
        return DrawnBar(look, f"{min(began, 100 - width):.2f}%", f"{width:.2f}%", label)

    @property
    def marks(self) -> list[tuple[str, str]]:
        """The marks of the scale: place in percent, and seconds since the beginning in words."""
        if not 0 < self.seconds < _STEPS[-1] * _MOST_MARKS:
            return []
        step = next(step for step in _STEPS if self.seconds / step <= _MOST_MARKS)
        places = range(step, int(self.seconds) + 1, step)
        return [(f"{at / self.seconds * 100:.2f}%", _short(at)) for at in places if at <= self.seconds * 0.97]


def _short(seconds: int) -> str:
    """``30s``, ``5m``, ``1h 30m``."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{left}s" if left else "")
    return " ".join(filter(None, parts))


def lane(name: str, detail: str, phases: Iterable[tuple[str, float, float]], about: str = "") -> Lane:
    """The lane of a deployment from its phases, each with when it began and ended."""
    seen = list(phases)
    last = seen[-1][0] if seen else ""
    bars = [_bar(phase, began, ended) for phase, began, ended in seen if phase in PHASES and ended > began]
    if bars and last == "ERROR":
        bars[-1] = replace(bars[-1], failed=True)
    symbol, tone = ENDINGS.get(last, ("▸", "change"))
    ending = (symbol, last.lower().replace("_", " "), tone) if last else ("", "", "")
    return Lane(name, detail, tuple(bars), ending, about)


def _bar(phase: str, began: float, ended: float) -> Bar:
    look, word = PHASES[phase]
    return Bar(look, word, began, ended)


def timeline(lanes: Sequence[Lane], seconds: float = 0.0) -> Timeline:
    """The lanes on one scale, which ends with the last bar or after ``seconds``."""
    return Timeline(tuple(lanes), max([seconds, *(bar.ended for one in lanes for bar in one.bars)]))
