"""Pages from templates: one file, everything escaped, in ASCII, and a policy that names its own style and script."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from reconciler.html.document import Inlined, environment, render_page
from reconciler.html.timeline import lane, timeline

PAGE = """\
{% extends "page.html" %}{% from "parts.html" import badge, link, log, timeline %}
{% block title %}{{ page.title }}{% endblock %}
{% block body %}{{ timeline(page.line, page.title) }}
{{ log("Its log", page.lines) }}{{ link("x", page.address) }}{% endblock %}
"""


def rendered(folder: Path, **data: object) -> str:
    (folder / "own.html").write_text(PAGE)
    line = timeline([lane("deploy", "8b2e", [("BUILDING", 0, 40), ("ACTIVE", 40, 60)], "push of <Kim>")])
    whole = {"title": "<é>", "line": line, "lines": ("</pre><script>", "→"), "address": ""} | data
    return render_page(environment([folder]), "own.html", whole)


def test_a_page_of_another_package_can_use_the_frame_and_the_parts(tmp_path: Path) -> None:
    page = rendered(tmp_path)
    assert page.isascii()
    assert "<title>&lt;&#233;&gt;</title>" in page
    assert "&lt;/pre&gt;&lt;script&gt;" in page
    assert "push of &lt;Kim&gt;" in page
    assert "build 40s, soak 20s" in page
    assert page.count("<script>") == 1


def test_what_a_template_prints_passes_the_filter_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "own.html").write_text("{{ page.text }}")
    page = render_page(environment([tmp_path], lambda value: value.upper()), "own.html", {"text": "a<b"})
    assert page == "A&lt;B"


def test_a_name_that_no_data_has_is_an_error_and_no_empty_place(tmp_path: Path) -> None:
    (tmp_path / "own.html").write_text("{{ page.nothing }}")
    with pytest.raises(UndefinedError):
        render_page(environment([tmp_path]), "own.html", {})


def test_the_policy_forbids_everything_but_what_is_named() -> None:
    own = Inlined("p{}", "run()").policy
    assert own.startswith("default-src 'none'; style-src 'sha256-")
    assert own.count("'sha256-") == 2
    assert own.endswith("form-action 'none'")
    assert Inlined("p{}", "run()", "connect-src 'self'").policy == f"{own}; connect-src 'self'"
