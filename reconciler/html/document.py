"""Renders a template to one self-contained page: style and script inlined, and nothing else allowed to run or load.

The content security policy names the inlined style and script by their hashes, so that whatever a value smuggled in
would neither run nor be fetched; autoescape keeps it from becoming an element in the first place. The result is ASCII:
a stream of any encoding can carry it unharmed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

PARTS = Path(__file__).with_name("templates")
"""The folder of the shared parts: `parts.html` (macros), `page.html` (the frame), `style.css`, `script.js`."""


def environment(folders: Sequence[Path] = (), finalize: Callable[[Any], Any] = lambda value: value) -> Environment:
    """The template environment: templates of these folders, then the shared parts; everything is escaped.

    ``finalize`` is applied to every value that a template prints, before it is escaped.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader([*folders, PARTS]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=finalize,
    )
    made.globals |= {"style": _inlined("style.css"), "script": _inlined("script.js"), "policy": policy()}
    return made


def render_page(templates: Environment, name: str, data: Any) -> str:
    """The page of a template, in ASCII; it sees the data as ``page``."""
    return ascii_page(templates.get_template(name).render(page=data))


def ascii_page(text: str) -> str:
    """HTML with every other character as a reference; style and script are ASCII, where references mean nothing."""
    return text.encode("ascii", "xmlcharrefreplace").decode()


def policy(extra: str = "") -> str:
    """The content security policy of a page; ``extra`` adds directives, such as ``connect-src 'self'``."""
    allowed = f"style-src {_hash('style.css')}; script-src {_hash('script.js')}"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'{extra and f'; {extra}'}"


def _inlined(name: str) -> Any:
    from markupsafe import Markup

    return Markup(_text(name))  # noqa: S704  our own file, as it was hashed


def _hash(name: str) -> str:
    return f"'sha256-{b64encode(sha256(_text(name).encode()).digest()).decode()}'"


@lru_cache
def _text(name: str) -> str:
    return (PARTS / name).read_text(encoding="ascii")
