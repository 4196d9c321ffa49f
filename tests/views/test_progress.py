"""Live progress: pure rows first, then rich."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reconciler.rollout.model import Event, OutcomeKind
from reconciler.views.lines import render, width_of
from reconciler.views.progress import LineProgress, ProgressDisplay, bar, rows, table, totals, tracks, visible
from tests.views import samples

EVENTS = (
    Event(0.5, "web", "sending the update"),
    Event(1.0, "api", "sending the update"),
    Event(2.0, "web", "build started", "BUILDING", 1, 6),
    Event(41.0, "web", "", "PENDING_DEPLOY", 4, 6),
    Event(60.0, "api", "healthy for 30s", "ACTIVE", 6, 6, OutcomeKind.APPLIED),
)


MANY = (
    Event(0.4, "handbook", "sending the create"),
    Event(3.0, "handbook", "pending build, 0 of 9 steps", "PENDING_BUILD", 0, 9),
    Event(0.5, "shop", "sending the update"),
    Event(20.0, "shop", "active, 8 of 8 steps", "ACTIVE", 8, 8),
    Event(27.0, "shop", "web is unhealthy: readiness check failed on 2 of 2 replicas, for 3 of 20 s", "ACTIVE", 8, 8),
    Event(9.0, "storefront-of-the-summer-edition", "deploying, 5 of 7 steps", "DEPLOYING", 5, 7),
    Event(15.0, "mailer", "it depends on api, which ended as rolled back", outcome=OutcomeKind.SKIPPED),
    Event(0.1, "api", "this spec failed just now (deployment 655e79e2-7edf-4cf5-a79a-8d3a0cd8cb55)",
          outcome=OutcomeKind.STALLED),
)  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(width, expected_text):
    lines = table(rows(tracks(MANY).values(), now=72.5), width)
    assert max(map(width_of, lines)) <= width
    assert render(lines) == expected_text


def test_columns_stay_where_they_are_while_phases_come_and_go():
    places = set()
    for phase in ("", "PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "ACTIVE"):
        (line,) = table(rows(tracks([Event(0, "web", "told", phase)]).values(), now=1), 80)
        places.add(render([line]).index("told"))
    assert len(places) == 1


@given(samples.hostile, samples.hostile, st.integers(20, 200))
def test_only_the_text_of_a_row_is_cut(app, text, width):
    (row,) = rows(tracks([Event(0, app, text, "BUILDING")]).values(), now=1)
    (line,) = table([row], width)
    told = "".join(text for text, _ in line)
    assert told.startswith(f"  ▸  {row.app}  building")
    assert width_of(line) <= max(width, width_of(line[:-1]))


def test_a_row_says_how_far_an_app_is():
    web, api = rows(tracks(EVENTS).values(), now=72.5)
    assert (web.app, web.symbol, web.phase, web.bar, web.elapsed, web.text) == (
        "web", "▸", "pending deploy", "━━━━━━━━──── 4/6", "1m 12s", "build started",
    )  # fmt: skip
    assert (api.app, api.symbol, api.phase, api.bar, api.elapsed) == ("api", "✓", "applied", "", "59s")
    assert web.running
    assert not api.running


@pytest.mark.parametrize(
    ("done", "total", "drawn"),
    [
        (0, 0, ""),
        (0, 4, "──────────── 0/4"),
        (4, 4, "━━━━━━━━━━━━ 4/4"),
        (9, 4, "━━━━━━━━━━━━ 4/4"),
        (-1, 4, "──────────── 0/4"),
    ],
)
def test_a_bar_never_overflows(done, total, drawn):
    assert bar(done, total) == drawn


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 30))
def test_what_is_shown_fits_the_screen_and_nothing_is_forgotten(running, finished, height):
    events = [Event(0, f"run-{n}", "x", "BUILDING") for n in range(running)]
    events += [Event(0, f"end-{n}", "x", outcome=OutcomeKind.APPLIED) for n in range(finished)]
    everything = rows(tracks(events).values(), now=1)
    shown, more = visible(everything, height)
    assert len(shown) + bool(more) <= max(height, 2)
    hidden = len(everything) - len(shown)
    assert more.startswith(f"and {hidden} more app") if hidden else more == ""
    if hidden and any(not row.running for row in shown):
        assert sum(row.running for row in shown) == running


@given(samples.hostile, samples.hostile, samples.hostile)
def test_hostile_events_make_printable_rows(app, text, phase):
    (row,) = rows(tracks([Event(0, app, text, phase, 1, 2)]).values(), now=1)
    assert "".join(text for line in table([row], 80) for text, _ in line).isprintable()


def test_the_table_shows_every_app_and_stays_on_the_screen():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, height=24, color_system=None)
    with ProgressDisplay(console, lambda: 72.5) as progress:
        for event in EVENTS:
            progress(event)
        progress(Event(70.0, "[red]x[/red]", "[bold]markup[/bold] is not read"))
    last = output.getvalue().rsplit("\x1b[2K", 1)[-1] if "\x1b[2K" in output.getvalue() else output.getvalue()
    assert "[bold]markup[/bold] is not read" in last
    assert "━━━━━━━━──── 4/6" in output.getvalue()
    assert "✓" in output.getvalue()
    assert output.getvalue().endswith("\x1b[?25h")


def test_a_fleet_says_how_many_are_done_and_how_many_wait():
    events = [Event(1.0, f"app-{number}", "deploying", "DEPLOYING") for number in range(22)]
    events += [Event(9.0, f"app-{number}", "healthy", outcome=OutcomeKind.APPLIED) for number in range(12)]
    assert totals(tracks(events).values(), 30) == "12 of 30 done, 10 running, 8 waiting"
    assert totals(tracks(events).values(), 22) == "12 of 22 done, 10 running"
    assert totals(tracks(events[:1]).values(), 1) == ""


def _piped(apps, *events):
    progress = LineProgress(apps)
    return [render(lines) for event in events if (lines := progress.lines(event))]


def _passing(at, app="web"):
    return Event(at, app, "healthy for 30 of 120 s", "ACTIVE", passing=True)


def test_a_pipe_is_not_silent_through_a_soak_and_says_no_more_than_twice_a_minute():
    begun = Event(0.0, "web", "active", "ACTIVE")
    passing = [_passing(float(second)) for second in range(1, 120, 4)]
    assert _piped(["web"], begun, *passing) == [
        "    0.0s  web  ACTIVE  active",
        "   33.0s  web  ACTIVE  healthy for 30 of 120 s",
        "   65.0s  web  ACTIVE  healthy for 30 of 120 s",
        "   97.0s  web  ACTIVE  healthy for 30 of 120 s",
    ]


def test_what_is_said_of_a_fleet_after_a_silence_are_its_totals():
    begun = [Event(0.0, app, "building", "BUILDING") for app in ("web", "api")]
    done = Event(5.0, "api", "healthy", outcome=OutcomeKind.APPLIED)
    assert (
        _piped(["web", "api", "docs"], *begun, done, _passing(40.0))[-1]
        == "   40.0s  1 of 3 done, 1 running, 1 waiting"
    )
