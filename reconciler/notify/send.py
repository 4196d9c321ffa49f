"""Sends messages. A channel that is down changes nothing but a warning, which names neither its address nor a secret.

httpx and apprise are imported when something is sent. Each try has a timeout, and there are three at most, so that no
run waits longer than about a minute for all channels together.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from reconciler.config_notify import Channel, is_webhook, value_of
from reconciler.notify import messages, webhook
from reconciler.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from reconciler.clock import Clock
    from reconciler.notify.bulletin import Bulletin
    from reconciler.notify.memory import Memory
    from reconciler.notify.messages import Message, Occasion

T = TypeVar("T")

TRIES = 3
TIMEOUT = 10.0
"""Seconds that one try may take."""

_PATIENCE = 15.0
"""The same for apprise, which has timeouts of its own for each service."""

_MARKUP = 50
"""Characters that a service may add to a message."""

_PAUSE = 2.0
"""Seconds before the second try; three times as many before the third."""

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which another try may succeed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a message to a channel; ``problem`` is empty if it arrived."""

    channel: str
    problem: str = ""

    @property
    def warning(self) -> str:
        """The same as a sentence; empty if the message arrived."""
        return f"no message to {self.channel}: {self.problem}" if self.problem else ""


class _NotSentError(Exception):
    """The message did not arrive. ``final``: another try would not help."""

    def __init__(self, why: str, *, final: bool = True) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True)
class Sender:
    """What sends to channels. ``transport`` replaces the network in tests, ``new_id`` the ids of messages."""

    environ: Mapping[str, str]
    clock: Clock
    transport: httpx.AsyncBaseTransport | None = None
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    async def publish(self, bulletin: Bulletin, memory: Memory) -> tuple[Sent, ...]:
        """Send what is due, to each channel the one message that is for it; to all of them at the same time."""
        news = bulletin.due(memory)
        found = [messages.message(news, bulletin.occasion, channel) for channel in bulletin.channels]
        return await self._all(bulletin.channels, found)

    async def try_out(self, channels: Sequence[Channel], occasion: Occasion) -> tuple[Sent, ...]:
        """Send a test message to each channel."""
        return await self._all(channels, [messages.trial(occasion)] * len(channels))

    async def _all(self, channels: Sequence[Channel], found: Sequence[Message | None]) -> tuple[Sent, ...]:
        numbered = zip(range(1, len(channels) + 1), channels, found, strict=True)
        tasks = [self._one(f"notify[{at}]", channel, message) for at, channel, message in numbered if message]
        return tuple(await asyncio.gather(*tasks))

    async def _one(self, name: str, channel: Channel, message: Message) -> Sent:
        """Send a message; whatever goes wrong is said, and nothing is raised."""
        name = f"{name} ({', '.join(channel.variables)})" if channel.variables else name
        unset = [variable for variable in channel.variables if not self.environ.get(variable, "").strip()]
        if unset:
            return Sent(name, f"not set: {', '.join(unset)}")
        kind = self._webhook if channel.webhook else self._apprise
        try:
            await self._repeated(await kind(channel, message))
        except _NotSentError as error:
            return Sent(name, Redactor(map(self._value, (channel.url, channel.webhook, channel.secret)))(str(error)))
        except Exception as error:  # noqa: BLE001  whatever it is, the run ended as it did; its text may be a secret
            return Sent(name, f"it could not be sent ({type(error).__name__})")
        return Sent(name)

    def _value(self, written: str) -> str:
        return value_of(written, self.environ)

    async def _repeated(self, attempt: Callable[[], Awaitable[None]]) -> None:
        pause = _PAUSE
        for left in reversed(range(TRIES)):
            try:
                return await attempt()
            except _NotSentError as error:
                if error.final or not left:
                    raise
            await self.clock.sleep(pause)
            pause *= 3
        return None

    # --- a webhook ---

    async def _webhook(self, channel: Channel, message: Message) -> Callable[[], Awaitable[None]]:
        address, key = self._value(channel.webhook), webhook.key_of(self._value(channel.secret))
        if not is_webhook(address):
            raise _NotSentError("not an https address")
        if key is None:
            raise _NotSentError("the secret is not of Standard Webhooks: write whsec_ and the base64 of 24 bytes")
        name = f"msg_{self.new_id()}"
        body = webhook.cloud_event(message, name)

        async def attempt() -> None:
            await self._post(address, webhook.headers(name, self.clock.now(), body, key), body)

        return attempt

    async def _post(self, address: str, headers: dict[str, str], body: bytes) -> None:
        """Send one request; a redirect is not followed: the message is signed for this address.

        Nothing but the status is read: whatever else it says, a receiver that took a message is not sent it again.
        """
        import httpx

        try:
            async with httpx.AsyncClient(transport=self.transport, timeout=TIMEOUT) as client:
                request = client.build_request("POST", address, content=body, headers=headers)
                response = await asyncio.wait_for(client.send(request, stream=True), TIMEOUT)
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            # Not the exception's text: it may quote the address, or a proxy with its password.
            raise _NotSentError(f"no answer ({type(error).__name__})", final=False) from None
        if not response.is_success:
            raise _NotSentError(f"it answered {response.status_code}", final=response.status_code not in _LATER)

    # --- everything that apprise knows ---

    async def _apprise(self, channel: Channel, message: Message) -> Callable[[], Awaitable[None]]:
        url = self._value(channel.url)
        notify = await _in_thread(lambda: _service(url))

        async def attempt() -> None:
            if not await _in_thread(lambda: notify(message)):
                raise _NotSentError("the service did not take it, or could not be reached", final=False)

        return attempt


def _service(url: str) -> Callable[[Message], bool]:
    """What sends to an address of apprise; apprise itself logs nothing and keeps no file."""
    import logging

    try:
        import apprise
    except ModuleNotFoundError as error:
        raise _NotSentError(f"this needs the package {error.name}, of the extra 'notify'") from None
    logging.getLogger("apprise").propagate = False  # what it says quotes addresses
    services = apprise.Apprise(asset=apprise.AppriseAsset(app_id="reconcile", storage_mode="memory"))
    if not services.add(url):
        raise _NotSentError("its variable holds no address that apprise knows")

    for service in services:  # by default what is too long is sent as it is, and refused
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    room = min(service.body_maxlen for service in services)

    def notify(message: Message) -> bool:
        kind = apprise.NotifyType(message.severity)
        body = messages.body_within(message, room - len(message.title) - _MARKUP)  # some put the title into the body
        return bool(services.notify(body, message.title, kind, body_format=apprise.NotifyFormat.TEXT))

    return notify


async def _in_thread(work: Callable[[], T]) -> T:
    """What ``work`` returns, from a thread of its own, which the end of the process does not wait for if it hangs.

    Raises:
        _NotSentError: it took too long, or failed; of an unknown error only the type is said: its text may be a secret.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: _NotSentError | None) -> None:
        if problem and not done.done():
            done.set_exception(problem)
        elif not done.done():
            done.set_result(cast("T", result))

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except _NotSentError as error:
            problem = error
        except Exception as error:  # noqa: BLE001  plugins of apprise raise what they like
            problem = _NotSentError(type(error).__name__, final=False)
        with suppress(RuntimeError):  # the run has ended meanwhile
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, daemon=True).start()
    try:
        return await asyncio.wait_for(done, _PATIENCE)
    except TimeoutError:
        raise _NotSentError(f"no answer within {_PATIENCE:.0f} s", final=False) from None
