"""The page at ``/`` and the part of it that changes, as HTML; needs jinja2, which is imported with the first page."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.html.document import Inlined, ascii_page, environment, part
from reconciler.sandbox.web.buttons import CONTROLS

if TYPE_CHECKING:
    from jinja2 import Environment

    from reconciler.sandbox.web.view import Page

REFRESH = 5
"""Seconds until the page loads itself again in a browser without scripts."""

_TEMPLATES = Path(__file__).with_name("templates")


def page(shown: Page, *, now: str, base_url: str, controls: bool) -> str:
    """The page as HTML.

    Args:
        shown: the apps of this page.
        now: the sandbox's time, in words.
        base_url: the base of live URLs.
        controls: whether it has buttons.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    template = _templates().get_template("sandbox.html")
    known = {"now": now, "base_url": base_url, "controls": controls, "refresh": REFRESH, "buttons": CONTROLS}
    return ascii_page(template.render(page=shown, **known))


def fragment(shown: Page, *, base_url: str, controls: bool) -> str:
    """What changes of the page, as HTML; see `page`."""
    return ascii_page(_templates().get_template("live.html").render(page=shown, base_url=base_url, controls=controls))


@lru_cache
def inlined() -> Inlined:
    """The style and the script of the page, which may connect to the sandbox alone."""
    own = [(_TEMPLATES / name).read_text(encoding="ascii") for name in ("sandbox.css", "sandbox.js")]
    return Inlined(part("style.css") + own[0], own[1], "connect-src 'self'")


@lru_cache
def headers() -> dict[str, str]:
    """The headers of the page. No page may frame it: a click meant for another would press its buttons."""
    return {
        "content-security-policy": f"{inlined().policy}; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


@lru_cache
def _templates() -> Environment:
    return environment([_TEMPLATES], _printable, inlined())


def _printable(value: Any) -> Any:
    """What templates print, with unprintable characters replaced; our own markup as it is. Line breaks stay."""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in value)
