"""Lists every sentence that the program can show to a person, as the source has it: `python -m checks.sentences`.

A sentence is a string literal with a letter and a space. Values that are filled in are shown as ``{name}``. What a
person never reads is left out by one of these rules, and by nothing else:

==================  ====================================================================================
rule                left out
==================  ====================================================================================
docstrings          strings that are statements (docstrings of fields, too); the commands' own are their help,
                    and are added from the command line that is built
annotations         types written as text
patterns            arguments of `re`'s functions, ``pattern=``, constants named PATTERN, formats of ``strftime``
defects             messages of ``assert``, AssertionError, NotImplementedError, TypeError and RuntimeError: a
                    bug shows as its type and place, never as its message
code                HTML, CSS, GraphQL, SQL, requests (``GET /path``): text that begins so, or has a keyword of SQL
==================  ====================================================================================
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App

import reconciler
from reconciler.cli.commands import build

ROOT = Path(reconciler.__file__).parent

_SENTENCE = re.compile(r"[^\W\d_].*\s|\s.*[^\W\d_]", re.DOTALL)
_CODE = re.compile(
    r"\s*(<[a-z!/]|:root|default-src|query\b.*\{|(GET|POST|PUT|DELETE) [^ ]*$)"
    r"|(?s:.*)\b(SELECT|INSERT|UPDATE|DELETE FROM|CREATE|PRAGMA|WHERE|AND \w+ IN) "
)
_PATTERNS = {"compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer", "strftime", "strptime"}
_DEFECTS = {"AssertionError", "NotImplementedError", "TypeError", "RuntimeError"}
_LONGEST_HOLE = 30


def sentences(root: Path = ROOT) -> dict[str, list[str]]:
    """Module, relative to ``root``, with its sentences in the order of the source."""
    modules = {
        str(path.relative_to(root)): list(_below(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted(root.rglob("*.py"))
    }
    return {module: list(dict.fromkeys(found)) for module, found in modules.items() if found}


def helps(app: App, words: str = "reconcile") -> Iterator[str]:
    """The help of a command and of those below it."""
    yield f"{words}: {_one_line(str(app.help or ''))}"
    for name in app:
        if not name.startswith("-"):
            yield from helps(app[name], f"{words} {name}")


def text() -> str:
    """All sentences, one a line, grouped by module."""
    groups = {"help of the commands": list(helps(build())), **sentences()}
    return "\n\n".join("\n".join((f"# {title}", *found)) for title, found in groups.items()) + "\n"


def _below(node: ast.AST) -> Iterator[str]:
    """The sentences in a node, those of its parts after its own."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Assert():
            return
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name in _DEFECTS:
            return
        case ast.Constant(value=str()) | ast.JoinedStr() | ast.BinOp(op=ast.Add()) if shown := _shown(node):
            whole, holes = shown
            if _SENTENCE.search(re.sub(r"\{[^{}]*\}", "", whole)) and not _CODE.match(whole):
                yield _one_line(whole)
            for hole in holes:
                yield from _below(hole)
            return
    for child in _read_parts(node):
        yield from _below(child)


def _read_parts(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node without annotations and patterns."""
    skipped: list[ast.AST | None] = []
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            skipped = [node.returns]
        case ast.arg():
            skipped = [node.annotation] if isinstance(node.annotation, ast.Constant) else []
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)) if name in _PATTERNS:
            skipped = [*node.args]
        case ast.Call(func=ast.Attribute(attr="strftime" | "strptime")):
            skipped = [*node.args]
        case ast.Call(func=ast.Name(id="cast" | "TypeVar")):
            skipped = node.args[:1]
        case ast.Assign(targets=[ast.Name(id=name)]) if "PATTERN" in name:
            skipped = [node.value]
        case ast.keyword(arg="pattern"):
            skipped = [node.value]
    return (child for child in ast.iter_child_nodes(node) if child not in skipped)


def _shown(node: ast.AST) -> tuple[str, list[ast.expr]] | None:
    """A text with its holes named, and the expressions in the holes; None of what is no text."""
    match node:
        case ast.Constant(value=str(value)):
            return value, []
        case ast.JoinedStr(values=parts):
            shown = [_shown(part) or ("", []) for part in parts]
            return "".join(text for text, _ in shown), [hole for _, holes in shown for hole in holes]
        case ast.FormattedValue(value=value):
            return _hole(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = _shown(left), _shown(right)
            if first or second:
                one, other = first or _hole(left), second or _hole(right)
                return one[0] + other[0], one[1] + other[1]
    return None


def _hole(value: ast.expr) -> tuple[str, list[ast.expr]]:
    """What is filled in: ``{name}``, or ``{…}`` if it is long or has texts in it, which are listed by themselves."""
    source = ast.unparse(value)
    plain = len(source) <= _LONGEST_HOLE and not re.search(r"""["'{}]""", source)
    return ("{" + source + "}" if plain else "{…}"), [value]


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


if __name__ == "__main__":
    print(text(), end="")
