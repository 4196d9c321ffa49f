"""An error that ends a run, in every output format. Views are imported only if there is an error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from reconciler.errors import InvalidInput, ReconcileError
from reconciler.findings import Finding, Severity

Format = Literal["text", "json", "markdown", "sarif", "github", "html"]


def document(ended: ReconcileError, exit_code: int, form: Format, *, tool_version: str, made: datetime) -> str:
    """What a run prints in place of a result: the findings if the input is invalid, else the error. Empty for text.

    ``made``: when, for a page.

    Errors and findings are also printed on standard error; ``github`` adds annotations to that.
    """
    found = ended.findings if isinstance(ended, InvalidInput) else ()
    match form:
        case "json":
            from reconciler.views import json_documents

            return json_documents.findings(found) if found else json_documents.error(ended, exit_code)
        case "sarif":
            from reconciler.views import sarif

            if found:
                return sarif.sarif(found, tool_version=tool_version)
            return sarif.error(as_finding(ended), exit_code, tool_version=tool_version)
        case "markdown":
            from reconciler.views import markdown

            return markdown.findings(found) if found else _markdown(ended, exit_code)
        case "html":
            from reconciler.views.html import pages
            from reconciler.views.html.model import About

            about = About("reconcile", made, tool_version)
            return pages.findings(found, about) if found else pages.error(ended, exit_code, about)
        case "github":
            from reconciler.views import annotations

            return annotations.annotations(found or [as_finding(ended)])
        case "text":
            return ""


def as_finding(ended: ReconcileError) -> Finding:
    """An error as a finding without a place; its message is joined into one line."""
    from reconciler.views.lines import paragraph

    message, hint = ("; ".join(paragraph(text)) for text in (ended.message, ended.hint))
    return Finding(Severity.ERROR, ended.type.replace("_", "-"), message, hint)


def _markdown(ended: ReconcileError, exit_code: int) -> str:
    from reconciler.views.lines import paragraph
    from reconciler.views.markdown import COMMENT_LIMIT
    from reconciler.views.markup import fence, fitted

    lines = [*paragraph(ended.message), *(f"    {line}" for line in paragraph(ended.hint))]

    def attempt(most: int) -> Iterator[str]:
        yield f"### reconcile failed with exit code {exit_code}"
        more = [f"… and {len(lines) - most:,} more lines"] if len(lines) > most else []
        yield fence([*lines[:most], *more])

    return fitted(map(attempt, (2000, 200, 20)), COMMENT_LIMIT)
