"""Runs the commands of an example in this process: in a folder of its own, on a clock that only sleeping moves.

Commands are lines as a person types them: `reconcile …`, with ``NAME=value`` before it, and the few others that this
module names. After a line that ends in ``&``, the next one is carried out while that one runs, when it first waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
from dulwich import porcelain

from reconciler.cli import console
from reconciler.cli.main import main
from reconciler.clock import SystemClock
from reconciler.sandbox import Sandbox

_START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_AUTHOR = b"Ada Byron <ada@example.com>"
_ASSIGNED = re.compile(r"([A-Z_]+)=(?:\$'((?:\\x[0-9a-f]{2}|[^'\\])*)'|(\S*)) ")
_SANDBOX = Path(".reconcile/sandbox.db")


class Shell:
    """One folder, one sandbox, and a clock that only sleeping moves."""

    def __init__(self) -> None:
        self.exit_code = 0
        """Of the last `reconcile`."""
        self._ahead = 0.0
        self._next = ""
        """What is typed while a run waits."""

    def monotonic(self) -> float:
        """See `reconciler.clock.Clock`."""
        return self._ahead

    def now(self) -> datetime:
        """See `reconciler.clock.Clock`."""
        return _START + timedelta(seconds=self._ahead)

    async def sleep(self, seconds: float) -> None:
        """Move the clock; the first time, do what is typed meanwhile."""
        command, self._next = self._next, ""
        if command.startswith("curl "):
            await self._curl(shlex.split(command))
        elif command:
            self._do(command)
        self._ahead += seconds
        await asyncio.sleep(0)

    def run(self, commands: Sequence[str]) -> str:
        """What the last `reconcile` among the commands printed.

        Raises:
            ValueError: a command is not understood, or was never carried out.
        """
        printed = ""
        lines = iter(commands)
        for line in lines:
            if line.endswith(" &"):
                self._next = next(lines, "")
                if not self._next:
                    raise ValueError(f"nothing comes after {line}")
            out = self._do(line.removesuffix(" &"))
            printed = printed if out is None else out
            if self._next:
                raise ValueError(f"{line} never waited, so this was not done: {self._next}")
        return printed

    def _do(self, line: str) -> str | None:
        """Carry out a line; what it printed if it is `reconcile`."""
        environ: dict[str, str] = {}
        while assigned := _ASSIGNED.match(line):
            quoted = re.sub(r"\\x([0-9a-f]{2})", lambda byte: chr(int(byte[1], 16)), assigned[2] or "")
            environ[assigned[1]] = os.fsdecode(quoted.encode("latin-1")) or assigned[3] or ""
            line = line[assigned.end() :]
        words = shlex.split(line)
        if words[0] == "reconcile":
            return self._reconcile(words[1:], environ)
        match words:
            case ["git", "init"]:
                porcelain.init(".").close()
            case ["git", "add", ".", "&&", "git", "commit", "-qm", message]:
                self._commit(message)
            case ["kill", "-INT", "%1"]:
                signal.raise_signal(signal.SIGINT)
            case _:
                _change_files(words)
        return None

    def _reconcile(self, words: Sequence[str], environ: Mapping[str, str]) -> str:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with (
            patch.dict(os.environ, environ),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            self.exit_code = main(words)
        out.flush()
        return out.buffer.getvalue().decode()  # type: ignore[attr-defined]  # it is a BytesIO

    def _commit(self, message: str) -> None:
        """Commit every spec and the configuration, an hour later."""
        self._ahead += 3600
        porcelain.add(".", [path for path in ("specs", "reconcile.yaml") if Path(path).exists()])
        at = int(self.now().timestamp())
        porcelain.commit(
            ".",
            message=message.encode(),
            author=_AUTHOR,
            committer=_AUTHOR,
            commit_timestamp=at,
            author_timestamp=at,
            commit_timezone=0,
            author_timezone=0,
            all=True,
        )

    async def _curl(self, words: Sequence[str]) -> None:
        """``curl -X METHOD $API/path [-d JSON]`` against the sandbox; ``$APP`` and ``$DEPLOYMENT`` are the latest."""
        match words:
            case ["curl", "-X", method, address]:
                body = None
            case ["curl", "-X", method, address, "-d", body]:
                pass
            case _:
                raise ValueError(f"not understood: {shlex.join(words)}")
        box = Sandbox(_SANDBOX, now=lambda: self.now().timestamp())
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(box.asgi), base_url="http://sandbox/v2") as api:
                api.headers["authorization"] = "Bearer another"
                path = address.removeprefix("$API")
                if "$APP" in path:
                    (app,) = (await api.get("/apps")).json()["apps"]
                    deployments = (await api.get(f"/apps/{app['id']}/deployments")).json()["deployments"]
                    path = path.replace("$APP", app["id"]).replace("$DEPLOYMENT", deployments[0]["id"])
                (await api.request(method, path, content=body)).raise_for_status()
        finally:
            box.close()


def _change_files(words: Sequence[str]) -> None:
    match words:
        case ["sed", "-i", edit, file]:
            _, old, new, _ = edit.split("/")
            text = Path(file).read_text(encoding="utf-8")
            if old not in text:
                raise ValueError(f"{file} has no {old!r}")
            Path(file).write_text(text.replace(old, new), encoding="utf-8")
        case ["rm", "-r", folder]:
            shutil.rmtree(folder)
        case ["rm", file]:
            Path(file).unlink()
        case ["mkdir", folder]:
            Path(folder).mkdir()
        case ["ln", "-s", target, link]:
            Path(link).symlink_to(target)
        case _:
            raise ValueError(f"not understood: {shlex.join(words)}")


def _rendering(rewritten: Mapping[str, str]) -> type[httpx.ASGITransport]:
    """The way to the sandbox, on which some text in the answers to propose becomes another.

    The sandbox writes a spec as `reconcile` reads it; App Platform may have ways of its own.
    """

    class Rendering(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if not request.url.path.endswith("/propose"):
                return response
            text = (await response.aread()).decode()
            for old, new in rewritten.items():
                text = text.replace(old, new)
            return httpx.Response(response.status_code, text=text, headers={"content-type": "application/json"})

    return Rendering


@contextlib.contextmanager
def shell(files: Mapping[str, bytes], rewritten: Mapping[str, str]) -> Iterator[Shell]:
    """A shell in a folder that holds these files; no secret that this process met before is redacted.

    ``rewritten``: text that App Platform is taken to write in another way when it renders a spec.
    """
    made = Shell()
    with (
        patch.object(httpx, "ASGITransport", _rendering(rewritten)),
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        # neither variables of this machine nor its configuration of Git, which may want commits to be signed
        patch.dict(os.environ, {"HOME": folder, "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "100"}, clear=True),
        patch.multiple(SystemClock, monotonic=made.monotonic, now=made.now, sleep=made.sleep),
        patch.object(console, "_secrets", set()),
    ):
        for name, content in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content)
        yield made
