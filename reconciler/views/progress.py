"""Live progress of rollouts on a terminal: an app a row.

`rows` is pure and says what there is to see at a moment; `Progress` shows it through rich. The caller owns the
console and the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.rollout.model import Event, OutcomeKind
from reconciler.views.lines import LOOKS, Tone
from reconciler.views.rollout_lines import outcome_tone
from reconciler.views.summary import OUTCOME_WORDS, outcome_symbol
from reconciler.views.values import count, duration, name, shortened

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_BAR = 12
_TEXT_WIDTH = 60
_RUNNING = "▸"


@dataclass(frozen=True, slots=True)
class Track:
    """What the events of one app came to so far; times in seconds since the run began, ``ended`` None while it runs."""

    app: str
    began: float
    ended: float | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    outcome: OutcomeKind | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, ready to show: every text is inert."""

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
        ended=event.at if event.outcome else track.ended,
    )


def tracks(events: Iterable[Event]) -> dict[str, Track]:
    """The track of every app, in the order in which they appeared."""
    found: dict[str, Track] = {}
    for event in events:
        found[event.app] = followed(found.get(event.app), event)
    return found


def rows(found: Iterable[Track], now: float) -> list[Row]:
    """A row for each track as it stands at ``now``, in seconds since the run began."""
    return [_row(track, now) for track in found]


def _row(track: Track, now: float) -> Row:
    outcome = track.outcome
    until = now if track.ended is None else track.ended
    return Row(
        symbol=outcome_symbol(outcome) if outcome else _RUNNING,
        app=name(track.app),
        phase=OUTCOME_WORDS[outcome] if outcome else shortened(track.phase, 24).lower().replace("_", " "),
        bar="" if outcome else bar(track.done, track.total),
        elapsed=duration(until - track.began),
        text=shortened(track.text, _TEXT_WIDTH),
        tone=outcome_tone(outcome) if outcome else "change",
        running=outcome is None,
    )


def bar(done: int, total: int) -> str:
    """``━━━━──────── 3/9``; nothing where no steps are known."""
    if total <= 0:
        return ""
    done = min(max(done, 0), total)
    full = _BAR * done // total
    return f"{'━' * full}{'─' * (_BAR - full)} {done}/{total}"


def visible(shown: list[Row], height: int) -> tuple[list[Row], str]:
    """The rows that fit into ``height`` lines, those still running first, and what to say of the others."""
    if len(shown) <= height:
        return shown, ""
    room = max(height - 1, 1)
    chosen = sorted(range(len(shown)), key=lambda index: (not shown[index].running, -index))[:room]
    hidden = [row for index, row in enumerate(shown) if index not in chosen]
    running = sum(row.running for row in hidden)
    more = f", {running:,} of them running" if running else ""
    return [shown[index] for index in sorted(chosen)], f"and {count(len(hidden), 'more app')}{more}"


class Progress:
    """A live table while rollouts run: ``with Progress(console, now) as progress: progress(event)``.

    ``now`` gives seconds since the run began. Leaving it leaves the last state on the screen.
    """

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
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
        """Take an event in; the table shows it at its next refresh."""
        self._tracks[event.app] = followed(self._tracks.get(event.app), event)

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        shown, more = visible(rows(list(self._tracks.values()), self._now()), max(self._console.height - 2, 1))
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(4):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for row in shown:
            look = LOOKS.get(row.tone, "")
            table.add_row(
                Text(f"  {row.symbol}", style=look),
                Text(row.app, style="bold"),
                Text(row.phase, style=look),
                Text(row.bar, style=look),
                Text(row.elapsed, style="dim"),
                Text(row.text, style="dim"),
            )
        if more:
            table.add_row("", Text(more, style="dim"))
        return table
