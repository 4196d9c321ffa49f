"""Pages for tests: the sample reports as pages, and a reader that refuses what no page of ours has."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from reconciler.views.html.history import AppHistory, PastDeployment
from reconciler.views.html.model import About

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ABOUT = About("reconcile plan", NOW, "1.2.3")
VOID = ("meta", "br", "input", "hr")
OURS = {
    "html", "head", "meta", "title", "style", "body", "script", "a", "header", "main", "footer", "section", "div", "p",
    "h1", "h2", "h3", "h4", "dl", "dt", "dd", "ul", "ol", "li", "span", "b", "code", "pre", "details", "summary",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "time", "form", "label", "input", "button", "svg", "rect",
    "text",
}  # fmt: skip
"""Every element that a page has."""

PAST = AppHistory(
    "4b7cb0e5-0000-4000-8000-00000000000a",
    "https://web-x1.ondigitalocean.app",
    (("rolled back by the platform", "warning"),),
    deployed=NOW - timedelta(hours=2),
    deployments=(
        PastDeployment(
            "77aa0d1c-5d0e-4d0f-9c0a-000000000002",
            "active",
            "good",
            NOW - timedelta(hours=2),
            "rollback by the platform",
            "",
            serves=True,
            phases=(("PENDING_DEPLOY", 0, 4), ("DEPLOYING", 4, 30), ("ACTIVE", 30, 30)),
            seconds=30,
        ),
        PastDeployment(
            "8b2e4f10-93ab-4c44-8f3e-000000000001",
            "error",
            "bad",
            NOW - timedelta(hours=3),
            "push",
            "Kim Holm",
            "api: DeployContainerHealthChecksFailed: it did not answer",
            phases=(("PENDING_BUILD", 0, 4), ("BUILDING", 4, 44), ("DEPLOYING", 44, 200), ("ERROR", 200, 200)),
            seconds=200,
        ),
    ),
    complete=True,
)


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its text outside style and script.

    Fails where an element is none of ours, is not closed in order, or refers to anything but a web page or a part of
    this one.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        assert text.isascii()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag in OURS, tag
        assert len(found) == len(attrs)
        assert not {name for name in found if name.startswith("on") or name in ("src", "style", "srcset", "action")}
        if href := found.get("href"):
            assert tag == "a"
            assert re.match(r"https?://|#", href), href
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & {*self.open}:
            self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        assert decl == "doctype html"

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of that name."""
        return [attrs for name, attrs in self.tags if name == tag]


def bare(page: str) -> str:
    """A page without its style, script and their hashes, for a snapshot that shows what is on it."""
    page = re.sub(r"(?s)<(style|script)>.*?</\1>", r"<\1></\1>", page)
    page = re.sub(r"&#39;sha256-[^&]+&#39;", "(hash)", page)
    return "\n".join(line for line in page.split("\n") if line.strip()) + "\n"
