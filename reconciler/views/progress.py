"""Live progress of rollouts on a terminal, one row per app.

`rows` is pure and computes what to show at a moment; `ProgressDisplay` shows it through rich. The caller owns the
console and the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.rollout.model import Event, OutcomeKind
from reconciler.text import count, duration
from reconciler.views.lines import LOOKS, Line, Tone, cells, cropped, name, padded, shortened, width_of
from reconciler.views.outcome_lines import in_brief, outcome_tone
from reconciler.views.summary import outcome_text
from reconciler.views.text import event_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

_BAR = 12
_BAR_COLUMN = _BAR + len(" 12/12")
_BAR_FROM = 100
"""On a narrower terminal the text, which includes the steps, gets the columns instead of the bar."""

_PHASE_COLUMN = len("pending deploy")
_ELAPSED_COLUMN = len("59m 59s")
_RUNNING = "▸"
SILENCE = 30.0
"""Seconds for which a pipe is silent at most while something is awaited."""


@dataclass(frozen=True, slots=True)
class Track:
    """The state of one app by its events; times in seconds since the run began, ``ended`` None until it ends."""

    app: str
    began: float
    ended: float | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    outcome: OutcomeKind | None = None
    requested: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The content of one line of the table; `table` makes it fit."""

    symbol: str
    app: str
    phase: str
    bar: str
    elapsed: str
    text: str
    tone: Tone
    running: bool


def followed(track: Track | None, event: Event) -> Track:
    """The track after an event; the first event of an app begins it."""
    track = track or Track(event.app, began=event.at)
    return replace(
        track,
        phase=event.phase or track.phase,
        done=event.done if event.total else track.done,
        total=event.total or track.total,
        text=event.text or track.text,
        outcome=event.outcome or track.outcome,
        requested=event.requested or track.requested,
        ended=event.at if event.outcome else track.ended,
    )


def tracks(events: Iterable[Event]) -> dict[str, Track]:
    """The track of every app, in the order in which they appeared."""
    found: dict[str, Track] = {}
    for event in events:
        found[event.app] = followed(found.get(event.app), event)
    return found


def rows(found: Iterable[Track], now: float) -> list[Row]:
    """A row for each track at ``now``, in seconds since the run began."""
    return [_row(track, now) for track in found]


def _row(track: Track, now: float) -> Row:
    outcome = track.outcome
    until = now if track.ended is None else track.ended
    ended = outcome_text(outcome, requested=track.requested) if outcome else None
    phase = ended.word if ended else shortened(track.phase, 24).lower().replace("_", " ")
    return Row(
        symbol=ended.symbol if ended else _RUNNING,
        app=name(track.app),
        phase=phase,
        bar="" if outcome else bar(track.done, track.total),
        elapsed="" if outcome is OutcomeKind.SKIPPED else duration(until - track.began),
        text="" if track.text == phase else track.text.removeprefix(f"{phase}, "),
        tone=outcome_tone(outcome, requested=track.requested) if outcome else "change",
        running=outcome is None,
    )


def bar(done: int, total: int) -> str:
    """``━━━━──────── 3/9``; empty if no steps are known."""
    if total <= 0:
        return ""
    done = min(max(done, 0), total)
    full = _BAR * done // total
    return f"{'━' * full}{'─' * (_BAR - full)} {done}/{total}"


def visible(shown: list[Row], height: int) -> tuple[list[Row], str]:
    """The rows that fit into ``height`` lines, those still running first, and a summary of the others."""
    if len(shown) <= height:
        return shown, ""
    room = max(height - 1, 1)
    chosen = sorted(range(len(shown)), key=lambda index: (not shown[index].running, -index))[:room]
    hidden = [row for index, row in enumerate(shown) if index not in chosen]
    running = sum(row.running for row in hidden)
    more = f", {running:,} of them running" if running else ""
    return [shown[index] for index in sorted(chosen)], f"and {count(len(hidden), 'more app')}{more}"


def table(shown: Sequence[Row], width: int) -> list[Line]:
    """The rows as lines of at most ``width`` columns.

    Name, phase and time are never cut and stay in their columns while phases change; the text
    gets the rest, and the bar is shown if there is enough space.
    """
    names = max((cells(row.app) for row in shown), default=0)
    phases = max((cells(row.phase) for row in shown), default=0)
    return [_line(row, names, max(phases, _PHASE_COLUMN), width) for row in shown]


def _line(row: Row, names: int, phases: int, width: int) -> Line:
    drawn: Line = ((f"  {padded(row.bar, _BAR_COLUMN)}", row.tone),) if width >= _BAR_FROM else ()
    head: Line = (
        (f"  {row.symbol}  ", row.tone),
        (padded(row.app, names), "strong"),
        (f"  {padded(row.phase, phases)}", row.tone),
        *drawn,
        (f"  {row.elapsed.rjust(_ELAPSED_COLUMN)}  ", "quiet"),
    )
    return (*head, (cropped(row.text, width - width_of(head)), "quiet"))


def totals(found: Iterable[Track], apps: int) -> str:
    """``12 of 30 done, 10 running, 8 waiting``; empty for a single app."""
    known = list(found)
    done = sum(track.outcome is not None for track in known)
    waiting = max(apps - len(known), 0)
    counts = [f"{done:,} of {apps:,} done", f"{len(known) - done:,} running"]
    return ", ".join([*counts, *([f"{waiting:,} waiting"] if waiting else [])]) if apps > 1 else ""


class LineProgress:
    """Progress as lines for a pipe or a log: what happens, and now and then that something is still awaited."""

    def __init__(self, apps: Sequence[str]) -> None:
        self._names = max(map(len, apps), default=0)
        self._apps = len(apps)
        self._tracks: dict[str, Track] = {}
        self._said = 0.0
        self._ends: dict[str, str] = {}

    def lines(self, event: Event) -> list[Line]:
        """What an event adds; one that only passes, nothing unless it was silent for half a minute."""
        self._tracks[event.app] = followed(self._tracks.get(event.app), event)
        if event.passing and event.at - self._said < SILENCE:
            return []
        self._said = event.at
        if event.passing and (text := totals(self._tracks.values(), self._apps)):
            return [((f"{event.at:7.1f}s  ", "quiet"), (text, "quiet"))]
        return [event_line(self._once(event), self._names)]

    def _once(self, event: Event) -> Event:
        """An end for the same reason as another app's refers to it: a 403 of every app is said once."""
        if event.outcome is None or event.outcome.good or not event.text:
            return event
        first = self._ends.setdefault(f"{event.outcome} {in_brief(event.text, event.app)}", event.app)
        return event if first == event.app else replace(event, text=f"as {first}")


class ProgressDisplay:
    """A live table while rollouts run: ``with ProgressDisplay(console, now, 3) as progress: progress(event)``.

    ``now`` returns seconds since the run began; ``apps`` is how many there are. The last state stays on
    the screen afterwards.
    """

    def __init__(self, console: Console, now: Callable[[], float], apps: int = 0) -> None:
        self._console = console
        self._apps = apps
        self._now = now
        self._tracks: dict[str, Track] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=4)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Handle an event; the table shows it at its next refresh."""
        self._tracks[event.app] = followed(self._tracks.get(event.app), event)

    def _table(self) -> Text:
        from rich.text import Text

        shown, more = visible(rows(self._tracks.values(), self._now()), max(self._console.height - 3, 1))
        lines = table(shown, self._console.width)
        lines += [((f"  {text}", "quiet"),) for text in (more, totals(self._tracks.values(), self._apps)) if text]
        spans = (Text.assemble(*((text, LOOKS.get(tone, "")) for text, tone in line)) for line in lines)
        whole = Text("\n", no_wrap=True, overflow="crop").join(spans)
        whole.no_wrap, whole.overflow = True, "crop"
        return whole
