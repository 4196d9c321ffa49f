"""Renders a template to one self-contained page: style and script inlined, and nothing else allowed to run or load.

The content security policy names the inlined style and script by their hashes, so that whatever a value smuggled in
would neither run nor be fetched; autoescape keeps it from becoming an element in the first place. The result is ASCII:
a stream of any encoding can carry it unharmed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

PARTS = Path(__file__).with_name("templates")
"""The folder of the shared parts: `parts.html` (macros), `page.html` (the frame), `style.css`, `script.js`."""


@dataclass(frozen=True, slots=True)
class Inlined:
    """What a page inlines; ``directives`` are added to its policy, such as ``connect-src 'self'``."""

    style: str
    script: str
    directives: str = ""

    @property
    def policy(self) -> str:
        """The content security policy: this style and this script, and nothing else but the directives."""
        allowed = f"style-src {_hash(self.style)}; script-src {_hash(self.script)}"
        more = f"; {self.directives}" if self.directives else ""
        return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'{more}"


@lru_cache
def part(name: str) -> str:
    """The text of a shared part: the style or the script."""
    return (PARTS / name).read_text(encoding="ascii")


def environment(
    folders: Sequence[Path] = (),
    finalize: Callable[[Any], Any] = lambda value: value,
    inlined: Inlined | None = None,
) -> Environment:
    """The template environment: templates of these folders, then the shared parts; everything is escaped.

    ``finalize`` is applied to every value that a template prints, before it is escaped; ``inlined`` is the page's style
    and script, by default the shared ones.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader([*folders, PARTS]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=finalize,
    )
    own = inlined or Inlined(part("style.css"), part("script.js"))
    style, script = Markup(own.style), Markup(own.script)  # noqa: S704  our own files, as they are hashed
    made.globals |= {"style": style, "script": script, "policy": own.policy}
    return made


def render_page(templates: Environment, name: str, data: Any) -> str:
    """The page of a template, in ASCII; it sees the data as ``page``."""
    return ascii_page(templates.get_template(name).render(page=data))


def ascii_page(text: str) -> str:
    """HTML with every other character as a reference; style and script are ASCII, where references mean nothing."""
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
