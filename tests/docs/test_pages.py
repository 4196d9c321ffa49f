"""The pages of the configuration and of the commands are what the program says."""

import re

import pytest

from checks import pages
from reconciler.cli import main
from reconciler.cli.commands import build
from reconciler.config import Config
from reconciler.redaction import KEY_VARIABLE, TOKEN_VARIABLES


@pytest.mark.parametrize(("name", "table"), [("configuration", pages.configuration), ("commands", pages.commands)])
def test_a_page_is_current(name, table):
    """`python -m checks.pages` writes them."""
    assert (pages.DOCS / f"{name}.md").read_text(encoding="utf-8") == pages.page(name, table())


def test_the_help_that_is_kept_is_what_the_parser_renders() -> None:
    """`python -m checks.pages` writes it."""
    assert pages.HELP.read_text(encoding="utf-8") == pages.rendered_help()


def test_the_help_is_that_of_the_parser_without_colours_and_where_it_does_not_fit(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == pages.rendered_help(color=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["--help"]) == 0
    narrow = capsys.readouterr().out
    assert "Usage: reconcile" in narrow
    assert max(map(len, narrow.splitlines())) <= 60


def test_every_field_of_the_configuration_has_a_meaning():
    rows = re.findall(r"(?m)^\| `(\w+)` \|.*\| (.*) \|$", pages.configuration())
    assert {name for name, _ in rows} >= set(Config.model_fields)
    assert [name for name, meaning in rows if not meaning.strip()] == []


def test_every_model_of_the_configuration_has_its_table():
    named = {model.__name__ for model in pages.PLACES}
    assert named >= set(Config.model_json_schema()["$defs"])


def test_every_command_and_flag_has_a_meaning():
    text = pages.commands()
    assert {f"### `reconcile {name}`" for name in build() if build()[name].show and name[0] != "-"} <= set(
        text.splitlines()
    )
    assert re.findall(r"(?m)^\| (`[^|]*`) \|[^|]*\|  \|$", text) == []


def test_the_variables_that_are_read_are_named():
    text = (pages.DOCS / "commands.md").read_text(encoding="utf-8")
    assert {name for name in (*TOKEN_VARIABLES, KEY_VARIABLE, "NO_COLOR") if f"`{name}`" not in text} == set()
    read = set(re.findall(r"\(`\$(\w+)`\)", pages.commands()))
    assert {name for name in read if f"| `{name}` |" not in text} == set()


def test_the_table_of_what_is_wrong_has_every_exit_code_that_is_no_success():
    from reconciler.exit_codes import Exit

    text = (pages.DOCS / "commands.md").read_text(encoding="utf-8").partition("## When something is wrong")[2]
    assert [int(code) for code in re.findall(r"(?m)^\| (\d+) \|", text)] == [int(code) for code in Exit if code]
