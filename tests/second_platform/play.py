"""Plays a scenario against the reconciler, and says what does not hold."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.second_platform.adapter import Asked, Ending, run
from tests.second_platform.mischief import arrange
from tests.second_platform.routes import API_HOST, WRITES, Service
from tests.second_platform.scenario import SECRET, Count, Expect, Run, Scenario, shop
from tests.second_platform.state import Platform, Setup
from tests.second_platform.transports import InProcess
from tests.support.virtual_time import VirtualClock

TOKEN = "dop_v1_5ec0nd"

POLICY: dict[str, Any] = {
    "timeouts": {"build": "10m", "deploy": "5m", "health": "2m"},
    "health": {"soak": "30s", "tolerance": "20s"},
}
"""The policy of every scenario, on top of which it has its own."""

LONGEST = 3.0
"""Seconds of processor time for one run: beyond it, it hangs."""

WORTH_A_WORD = 300.0
"""Seconds for which a run may send nothing without saying why."""


class TooLong(BaseException):  # nothing in the program may catch it
    """A run hangs: it computes without end."""


@dataclass
class Result:
    """How each run of a scenario ended, and what does not hold; nothing where it passed."""

    endings: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.wrong


def play(scenario: Scenario) -> Result:
    """Play all runs of a scenario."""
    with tempfile.TemporaryDirectory() as folder:
        stage = _Stage(scenario, Path(folder))
        try:
            return stage.play()
        finally:
            stage.clock.close()


class _Stage:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.clock = VirtualClock()
        one = scenario
        setup = Setup(one.switches, one.fates, one.running, one.own, one.tampers)
        self.platform = Platform(self.clock.timestamp, setup)
        self.service = Service(self.platform, one.troubles, one.edits, token=TOKEN)
        self.result = Result()
        self.waits: list[tuple[float, float]] = []

    def play(self) -> Result:
        self._start()
        (self.folder / "specs").mkdir()
        self._commit(self.scenario.git)
        arrange(self.platform, self.scenario.deeds)
        self.platform.began = self.platform.time
        for number, each in enumerate(self.scenario.runs, 1):
            self._pass_time(each.wait)
            if each.git is not None:
                self._commit(each.git)
            wrong = self._run(each)
            prefix = f"run {number}: " if len(self.scenario.runs) > 1 else ""
            self.result.wrong += [prefix + problem for problem in wrong]
        for writes, most in self.scenario.total.items():
            sent = sum(request.operation in writes for request in self.service.requests)
            if sent > most:
                self.result.wrong.append(f"{sent} × {' or '.join(writes)} in all, at most {most}")
        self.result.wrong += self.service.leaks
        return self.result

    def _start(self) -> None:
        """What is there before the first run."""
        for place, version in enumerate(self.scenario.before):
            last = place == len(self.scenario.before) - 1
            spec = self.scenario.start if last and self.scenario.start else shop(version)
            spec = json.loads(json.dumps(spec).replace("${API_KEY}", SECRET))
            app = self.platform.named()
            if app is None:
                self.platform.create(spec, "setup")
            else:
                self.platform.update(app, spec, "setup")
            self._pass_time(3600)

    def _pass_time(self, seconds: float) -> None:
        self.clock.run(asyncio.sleep(seconds))
        self.platform.advance()

    def _commit(self, spec: Any) -> None:
        """Git has this spec, and `reconcile.yaml`, from now on. JSON is YAML."""
        defaults = merged(POLICY, self.scenario.policy)
        config = {"variables": [{"name": "API_KEY", "secret": True}], "defaults": defaults, **self.scenario.config}
        (self.folder / "reconcile.yaml").write_text(json.dumps(config))
        (self.folder / "specs" / "shop.yaml").write_text(json.dumps(spec))

    def _run(self, each: Run) -> list[str]:
        """One run; what does not hold of it."""
        transport = InProcess(self.service)
        if each.killed:
            self.platform.when(each.killed, lambda: setattr(transport, "killed", True))
        asked = Asked(
            self.folder,
            f"https://{API_HOST}",
            TOKEN,
            each.command,
            each.save,
            each.demand,
            {"DIGITALOCEAN_TOKEN": TOKEN, "API_KEY": SECRET},
        )
        began, sent, logged = self.platform.time, len(self.service.requests), len(self.platform.log)
        self.waits.clear()
        alarm = _Alarm()
        try:
            with alarm:
                ending = self.clock.run(run(asked, transport, self.clock, self._waiting))
        except BaseException:
            if alarm.rang:
                self.result.endings.append("hangs")
                return [f"it hangs: more than {LONGEST:g} s of processor time"]
            if not transport.killed:
                raise
            self.result.endings.append("killed")
            return []
        self.platform.advance()
        self.platform.emit("run end")
        self.result.endings.append(f"{ending.kind} {ending.code}")
        if each.expect is None:
            return [f"it was to be killed at {each.killed!r}, and ended: {ending.kind}"]
        seen = _Seen(self, ending, began, sent, logged)
        return list(seen.wrong(each.expect, writes=each.command == "apply"))

    def _waiting(self, seconds: float, _why: str) -> None:
        self.waits.append((self.clock.timestamp(), seconds))


@dataclass(frozen=True)
class _Seen:
    """One run that ended, and where in the platform's records it began."""

    stage: _Stage
    ending: Ending
    began: float
    sent: int
    logged: int

    def wrong(self, expected: Expect, *, writes: bool) -> Iterator[str]:
        """What does not hold."""
        ending = self.ending
        if ending.kind not in expected.kinds or ending.code not in expected.codes:
            wanted = f"{' or '.join(expected.kinds)}, exit {' or '.join(map(str, expected.codes))}"
            yield f"{ending.kind}, exit {ending.code}, instead of {wanted} ({ending.said.strip()[-300:]!r})"
        yield from self._of_app(expected)
        yield from self._of_writes(expected if writes else Expect((), ()))
        yield from self._of_words(expected)
        yield from self._of_time(expected)

    def _of_app(self, expected: Expect) -> Iterator[str]:
        app = self.stage.platform.named()
        pinned = app is not None and app.pinned is not None
        if expected.pinned is not None and pinned != expected.pinned:
            yield f"the app is {'' if pinned else 'not '}pinned at the end"
        if pinned and not re.search("pinned", self.ending.said, re.IGNORECASE):
            yield "the app is pinned at the end, and that is not said"
        serves = app.active.version if app is not None and app.active else ""
        if expected.serves is not None and serves != expected.serves:
            yield f"{serves or 'nothing'} serves, not {expected.serves or 'nothing'}"
        if expected.spec is not None and app is not None and _version(app.spec) != expected.spec:
            yield f"the app's spec is {_version(app.spec)}, not {expected.spec}"

    def _of_writes(self, expected: Expect) -> Iterator[str]:
        requests = self.stage.service.requests[self.sent :]
        counted = Counter(request.operation for request in requests)
        for name in WRITES:
            if not _fits(counted[name], expected.sends.get(name, 0)):
                yield f"{counted[name]} × {name}, not {_shown(expected.sends.get(name, 0))}"
        if not _fits(counted["probe"], expected.probes):
            yield f"{counted['probe']} probes, not {_shown(expected.probes)}"
        for name, seconds in expected.by.items():
            first = next((request.at for request in requests if request.operation == name), None)
            if first is None or first > self.began + seconds:
                when = "never" if first is None else f"after {first - self.began:.0f} s"
                yield f"{name} was sent {when}, not within {seconds:g} s"

    def _of_words(self, expected: Expect) -> Iterator[str]:
        said = self.ending.said
        for pattern in expected.says:
            if not re.search(pattern, said, re.IGNORECASE):
                yield f"it does not say {pattern!r}: {said.strip()[-300:]!r}"
        for pattern in expected.never:
            if found := re.search(pattern, said, re.IGNORECASE):
                yield f"it says {found[0]!r}"
        yield from (f"it shows a secret: {value}" for value in (SECRET, TOKEN) if value in said)

    def _of_time(self, expected: Expect) -> Iterator[str]:
        stage = self.stage
        took = stage.platform.time - self.began
        if took > expected.within:
            yield f"it took {took:.0f} s, more than {expected.within:g}"
        times = [self.began, *(request.at for request in stage.service.requests[self.sent :]), stage.platform.time]
        for one, two in pairwise(times):
            announced = any(one <= when <= two and seconds > 1 for when, seconds in stage.waits)
            if two - one > WORTH_A_WORD and not announced:
                yield f"it did nothing for {two - one:.0f} s without a word"
        events = iter(event for _, event in stage.platform.log[self.logged :])
        if missing := [event for event in expected.order if event not in events]:
            yield f"{missing[0]!r} did not come, or not in the order of {expected.order}"
        if stage.service.mischief.read_too_much:
            yield "an answer without end was read beyond all reason"


def _version(spec: Any) -> str:
    return str(spec["services"][0]["image"]["tag"])


def _fits(number: int, wanted: Count) -> bool:
    low, high = (wanted, wanted) if isinstance(wanted, int) else wanted
    return low <= number <= high


def _shown(wanted: Count) -> str:
    return str(wanted) if isinstance(wanted, int) else f"{wanted[0]} to {wanted[1]}"


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, all else is replaced."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


class _Alarm:
    """Ends what takes longer than `LONGEST`, be it a regular expression: `re` looks for signals now and then."""

    def __init__(self) -> None:
        self.rang = False
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGPROF, self._ring)
        signal.setitimer(signal.ITIMER_PROF, LONGEST)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    def _ring(self, *_: object) -> None:
        self.rang = True
        raise TooLong
