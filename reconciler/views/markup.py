"""GitHub's markdown, built so that untrusted text is never interpreted as markdown.

Untrusted text is put in fenced blocks, in code spans or, within our own HTML, escaped inside ``<code>``. There GitHub
leaves mentions, links and references to issues alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote, urlsplit

from reconciler.findings import Finding, ranked
from reconciler.views.lines import finding_lines, inert, no_command, render, shortened

_BACKTICKS = re.compile(r"`+")
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~%/?=&#+-]*)?")
_CONSOLE = "cloud.digitalocean.com"
_BETWEEN = "\n\n"
"""The separator of two blocks."""


def fence(lines: Iterable[str], language: Literal["text", "diff"] = "text") -> str:
    """A fenced block that no line can close: its fence is longer than any run of backticks inside."""
    body = [no_command(inert(line)) for line in lines]
    ticks = "`" * max(3, 1 + _longest_run(body))
    return "\n".join([ticks + language, *body, ticks])


def code(text: str, width: int = 300) -> str:
    """A code span on one line."""
    text = shortened(text, width)
    if not text.strip():
        return "` `"
    ticks = "`" * (1 + _longest_run([text]))
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(texts: Iterable[str]) -> int:
    return max((len(run) for text in texts for run in _BACKTICKS.findall(text)), default=0)


def html_code(text: str) -> str:
    """A ``<code>`` element for use within our own HTML."""
    return f"<code>{html.escape(inert(text))}</code>"


def details(summary: str, body: Iterable[str], *, opened: bool = False) -> str:
    """A collapsible section. ``summary`` is trusted HTML, ``body`` blocks of markdown."""
    blocks = [f"<details{' open' if opened else ''}>\n<summary>{summary}</summary>", *body, "</details>"]
    return _BETWEEN.join(blocks)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in HTML, where nothing in a cell can end it; cells are trusted HTML.

    A column without a name and without content is left out.
    """
    rows = list(rows)
    filled = [any(column) for column in zip(head, *rows, strict=True)]
    lines = [_row("th", compress(head, filled)), *(_row("td", compress(row, filled)) for row in rows)]
    return "\n".join(["<table>", *lines, "</table>"])


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def html_link(text: str, address: str) -> str:
    """The same as `link` for our own HTML, and only to the vendor's control panel; else empty."""
    return f'<a href="{address}">{text}</a>' if is_console(address) else ""


def link(text: str, address: str) -> str:
    """A link if the address is a plain https one, else the text; ``text`` is trusted."""
    return f"[{text}](<{address}>)" if _ADDRESS.fullmatch(address) else text


def shown_address(address: str) -> str:
    """An address as a link that shows it; code if it is no plain https one."""
    return link(address, address) if _ADDRESS.fullmatch(address) else code(address)


def console_url(app_id: str, deployment_id: str = "") -> str:
    """The page of an app, or of one of its deployments, in the vendor's control panel; empty without an app."""
    page = f"https://{_CONSOLE}/apps/{quote(app_id, safe='')}" if app_id else ""
    return f"{page}/deployments/{quote(deployment_id, safe='')}" if page and deployment_id else page


def is_console(address: str) -> bool:
    """Whether an address is in the vendor's control panel, so that it is useful and reveals nothing."""
    return _ADDRESS.fullmatch(address) is not None and urlsplit(address).hostname == _CONSOLE


def size(text: str) -> int:
    """Bytes of UTF-8. GitHub's limits are documented in characters and partly counted in bytes; bytes satisfy both."""
    return len(text.encode("utf-8", "replace"))


def fitted(attempts: Iterable[Iterable[str]], limit: int) -> str:
    """The first attempt that fits into ``limit`` bytes, or the last one, cut.

    An attempt is the parts of a page. Empty ones are dropped; the others become separate blocks. They are consumed
    lazily, only until the attempt is known to be too long: a fleet's may be many times the limit.
    """
    text = ""
    for attempt in attempts:
        text = _begun(attempt, limit)
        if size(text) <= limit:
            return text
    return text.encode("utf-8", "replace")[: max(limit - 3, 0)].decode("utf-8", "ignore") + "…"


def _begun(parts: Iterable[str], limit: int) -> str:
    """The parts as blocks, up to the one that passes the limit."""
    begun: list[str] = []
    left = limit
    for part in filter(None, parts):
        left -= size(part) + (len(_BETWEEN) if begun else 0)
        begun.append(part)
        if left < 0:
            break
    return _BETWEEN.join(begun)


def finding_block(found: Sequence[Finding], most: int, blob: str = "") -> str:
    """At most so many findings by place, the errors first if there are more; empty for none.

    ``blob`` is the address of the repository's files at the commit: with it, each finding links to its line.
    """
    if not found:
        return ""
    ordered = ranked(list(found))
    if len(found) > most:
        weighty = sorted(ordered, key=lambda finding: finding.severity.rank)[:most]
        ordered = ranked(weighty)
    more = [f"… and {len(found) - most:,} more"] if len(found) > most else []
    if blob:
        return "\n".join([*(_linked(finding, blob) for finding in ordered), *more])
    lines = [inert(line) for line in render(finding_lines(ordered)).split("\n")] if ordered else []
    return fence([*lines, *more])


def path_within(file: str) -> str:
    """A file's path in the repository; empty for one elsewhere, as ``..`` in an address leads to other repositories."""
    path = PurePosixPath(file)
    return "" if not file or path.is_absolute() or ".." in path.parts else str(path)


def _linked(finding: Finding, blob: str) -> str:
    """A finding as an item of a list: how to fix it is in an item of its own."""
    place = finding.location
    named = code(str(place)) if place else ""
    path = path_within(place.file) if place else ""
    at = f"{blob}/{quote(path, errors='replace')}" if path else ""
    line = f"#L{place.line}" if place and place.line else ""
    where = f" {link(named, at + line)}" if at else ""
    hint = f"\n  - {code(finding.hint, 1000)}" if finding.hint else ""
    return f"- **{finding.severity.value}** {code(finding.message, 1000)}{where} ({code(finding.code, 80)}){hint}"
