"""Sending: bounded tries, a failing channel that is said and stops nothing, and no secret in what is said."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from reconciler.clock import SystemClock
from reconciler.config_notify import Channel
from reconciler.notify.bulletin import Bulletin
from reconciler.notify.memory import Memory
from reconciler.notify.messages import News
from reconciler.notify.send import TRIES, Sender, Sent
from tests.github.stage import running
from tests.notify.test_messages import AT
from tests.support.receiver import SECRET, Receiver
from tests.support.virtual_time import VirtualClock

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it

HOOK = Channel(webhook="https://hooks.example/T0K3N-aB9x", secret="${KEY}")
ENVIRON = {"KEY": SECRET}
NEWS = (News("shop", ("rolled_back",), "rolled back", "503"),)


def bulletin(*channels: Channel, news: tuple[News, ...] = NEWS) -> Bulletin:
    return Bulletin(channels, AT, news, environ=ENVIRON)


def sent(
    made: Bulletin, transport: httpx.AsyncBaseTransport, environ: dict[str, str] | None = None
) -> tuple[tuple[Sent, ...], float]:
    """What came of it, and how long that took."""
    clock = VirtualClock()
    try:
        sender = Sender(ENVIRON if environ is None else environ, clock, transport)
        return clock.run(sender.publish(made, Memory())), clock.monotonic()
    finally:
        clock.close()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_a_message_arrives_signed_and_once(receiver: Receiver):
    found, seconds = sent(bulletin(HOOK), receiver.transport())
    assert (found, seconds) == ((Sent("notify[1] (KEY)"),), 0.0)
    [event] = receiver.events
    assert (event["type"], event["id"]) == ("reconcile.rolled_back", receiver.tries[0]["webhook-id"])
    assert receiver.tries[0]["content-type"] == "application/cloudevents+json"


def test_a_channel_that_is_down_for_a_moment_gets_the_same_message_later(receiver: Receiver):
    receiver.answers += [503, 429]
    found, seconds = sent(bulletin(HOOK), receiver.transport())
    assert found == (Sent("notify[1] (KEY)"),)
    assert seconds == 8.0
    assert len(receiver.events) == 1
    assert len({one["webhook-id"] for one in receiver.tries}) == 1
    assert len({one["webhook-timestamp"] for one in receiver.tries}) == TRIES


def test_a_channel_that_stays_down_is_said_and_stops_no_other(receiver: Receiver):
    receiver.answers += [503] * TRIES
    other = Channel(webhook="https://other.example/", secret="${KEY}", apps=["desk"])
    found, _ = sent(bulletin(HOOK, other), receiver.transport())
    assert found == (Sent("notify[1] (KEY)", "it answered 503"),)
    found, _ = sent(bulletin(HOOK, Channel(webhook="${NONE}", secret="${KEY}"), HOOK), receiver.transport())
    assert [one.problem for one in found] == ["", "not set: NONE", ""]


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (401, 1), (404, 1), (302, 1), (500, 3), (408, 3)])
def test_what_another_try_cannot_change_is_not_tried_again(receiver: Receiver, status: int, tries: int):
    receiver.answers += [status] * 9
    found, _ = sent(bulletin(HOOK), receiver.transport())
    assert (found[0].problem, len(receiver.tries)) == (f"it answered {status}", tries)


class Hanging(httpx.AsyncBaseTransport):
    """A server that takes the connection and never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        import asyncio

        await asyncio.sleep(1e6)
        raise AssertionError


def test_a_channel_that_never_answers_holds_nothing_up_for_long():
    found, seconds = sent(bulletin(HOOK, HOOK), Hanging())
    assert [one.problem for one in found] == ["no answer (TimeoutError)"] * 2
    assert seconds < 60


class Endless(httpx.AsyncByteStream):
    """A body that never ends, and never comes to anything."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import asyncio

        while True:
            await asyncio.sleep(1)
            yield b"x"


@pytest.mark.parametrize(("body", "encoding"), [(httpx.ByteStream(b"ok"), "gzip"), (Endless(), "identity")])
@pytest.mark.parametrize(("status", "problem"), [(200, ""), (403, "it answered 403")])
def test_a_receiver_s_status_counts_whatever_it_says_beyond_that(body: Any, encoding: str, status: int, problem: str):
    tries: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        return httpx.Response(status, headers={"content-encoding": encoding}, stream=body)

    found, seconds = sent(bulletin(HOOK), httpx.MockTransport(answer))
    assert ([one.problem for one in found], len(tries), seconds) == ([problem], 1, 0.0)


class Refusing(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url} through http://proxy:pa55w0rd@proxy", request=request)


def test_no_address_and_no_secret_is_in_what_is_said():
    environ = {
        "KEY": SECRET,
        "HOOK": "https://hooks.example/s3cr3t-path-Zk29",
        "CHAT": "slack://T0kenA/T0kenB/T0kenC9x",
    }
    channels = (Channel(webhook="${HOOK}", secret="${KEY}"), HOOK)
    found, _ = sent(bulletin(*channels), Refusing(), environ)
    for one in found:
        assert one.warning == f"no message to {one.channel}: no answer (ConnectError)"
        assert not [value for value in (*environ.values(), "hooks.example", "pa55w0rd") if value in one.warning]


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({}, "not set: HOOK, KEY"),
        ({"HOOK": "http://hooks.example/", "KEY": SECRET}, "not an https address"),
        ({"HOOK": "ftp://x", "KEY": SECRET}, "not an https address"),
        ({"HOOK": "https://[::1", "KEY": SECRET}, "not an https address"),
        ({"HOOK": "https://x", "KEY": "short"}, "the secret is not of Standard Webhooks"),
    ],
)
def test_a_variable_with_something_else_is_said(receiver: Receiver, environ: dict[str, str], problem: str):
    found, _ = sent(bulletin(Channel(webhook="${HOOK}", secret="${KEY}")), receiver.transport(), environ)
    assert found[0].problem.startswith(problem)
    assert receiver.tries == []


def test_whatever_else_goes_wrong_is_said_by_its_type_and_stops_no_other_channel(receiver: Receiver):
    class Broken(httpx.AsyncBaseTransport):
        """Fails for one host as no library should: a certificate that cannot be read, a name that is none."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "broken.example":
                raise UnicodeError(f"label too long in {request.url}")
            return await receiver.transport().handle_async_request(request)

    broken = Channel(webhook="https://broken.example/T0K3N-aB9x", secret="${KEY}")
    found, _ = sent(bulletin(broken, HOOK), Broken())
    assert [one.problem for one in found] == ["it could not be sent (UnicodeError)", ""]
    assert len(receiver.events) == 1


def test_nothing_to_say_sends_nothing(receiver: Receiver):
    assert sent(bulletin(HOOK, news=()), receiver.transport()) == ((), 0.0)
    assert receiver.tries == []


# --- everything that apprise knows: its own service for JSON, to a receiver on this machine ---


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Receiver, str]]:
    made = Receiver(signed=False)
    config = uvicorn.Config(made.app(), host="127.0.0.1", port=0, ws="none", lifespan="off", log_level="warning")
    with running(uvicorn.Server(config)) as url:
        yield made, url.removeprefix("http://")


class Impatient(SystemClock):
    async def sleep(self, seconds: float) -> None:
        assert seconds > 0


def through_apprise(url: str, news: tuple[News, ...] = NEWS) -> tuple[Sent, ...]:
    import asyncio

    made = Bulletin((Channel(url="${CHAT}"),), AT, news, environ={"CHAT": url})
    return asyncio.run(Sender(made.environ, Impatient()).publish(made, Memory()))


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for body in receiver.bodies]


def test_apprise_takes_a_message_to_its_service(served: tuple[Receiver, str]):
    receiver, place = served
    receiver.reset()
    receiver.answers += [500]
    assert through_apprise(f"json://{place}/s3cr3t-path") == (Sent("notify[1] (CHAT)"),)
    _, body = bodies(receiver)
    assert body["title"] == "reconcile production: shop was rolled back"
    assert body["message"].startswith("shop: rolled back: 503")
    assert body["type"] == "failure"


def test_apprise_that_cannot_deliver_is_said_without_its_address(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"json://user:pa55w0rdQx9@127.0.0.1:{port}/s3cr3t-path-Zk29"
    with caplog.at_level(logging.DEBUG):
        found = through_apprise(url)
    assert found == (Sent("notify[1] (CHAT)", "the service did not take it, or could not be reached"),)
    shown = "".join([*capfd.readouterr(), caplog.text.replace("127.0.0.1", "")])
    assert "pa55w0rdQx9" not in shown


@pytest.mark.parametrize(("room", "title_room"), [(2000, 250), (4096, 0), (1024, 250), (280, 0)])
def test_a_message_about_a_fleet_fits_into_the_service_and_ends_with_the_run(
    served: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch, room: int, title_room: int
):
    """The limits are those of Discord, Telegram, Pushover and X, which refuse more."""
    import apprise

    receiver, place = served
    receiver.reset()
    service = type(apprise.Apprise.instantiate(f"json://{place}/"))
    monkeypatch.setattr(service, "body_maxlen", room)
    monkeypatch.setattr(service, "title_maxlen", title_room)
    reason = "the health check answers 503 " * 20
    news = tuple(News(f"app-{number}", ("rolled_back",), "rolled back", reason) for number in range(300))
    assert through_apprise(f"json://{place}/", news) == (Sent("notify[1] (CHAT)"),)
    [body] = bodies(receiver)
    assert len(body["message"]) <= room
    assert "300 apps were rolled back" in body["title"] + body["message"]
    assert re.search(r"… and \d+ more\n" + re.escape(AT.run_url) + r"\Z", body["message"])


@pytest.mark.parametrize("url", ["nonsense", "https://", "slack://short"])
def test_an_address_that_apprise_does_not_know_is_said(url: str):
    assert [one.problem for one in through_apprise(url)] == ["its variable holds no address that apprise knows"]


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "apprise", None)
    [one] = through_apprise("json://127.0.0.1")
    assert one.problem == "this needs the package apprise, of the extra 'notify'"
