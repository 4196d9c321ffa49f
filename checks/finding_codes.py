"""Collects the code of every finding that `reconciler/` can make, from its source.

A code reaches `Finding` directly, through a parameter (`scene.error(code, …)`) or a field (`problem.code`). Starting at
`Finding`, the collector follows every function that passes a parameter of its own on as a code, and every class whose
field ``code`` is passed on, and reads the code at each call of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import reconciler

ROOT = Path(reconciler.__file__).parent


@dataclass(frozen=True)
class Call:
    """A call in a module, with the functions around it, the innermost first."""

    module: str
    node: ast.Call
    around: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]

    @property
    def called(self) -> str:
        """The name of what is called, without the object it belongs to."""
        match self.node.func:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name
        return ""

    def argument(self, position: int) -> ast.expr | None:
        """The argument for the parameter ``code`` at that position; None where a default does."""
        named = next((keyword.value for keyword in self.node.keywords if keyword.arg == "code"), None)
        return named or next(iter(self.node.args[position : position + 1]), None)


@dataclass
class Source:
    """The modules of a package: what is called where, and how each name in them came to its value."""

    calls: list[Call] = field(default_factory=list)
    assigned: dict[tuple[str, str], list[ast.expr]] = field(default_factory=dict)
    classes: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Module and position of ``code`` of the dataclasses that have such a field, by their names in lower case."""

    @classmethod
    def read(cls, root: Path = ROOT) -> Source:
        """The modules below a folder."""
        source = cls()
        for path in sorted(root.rglob("*.py")):
            source._visit(str(path.relative_to(root)), ast.parse(path.read_text(encoding="utf-8")), ())
        return source

    def _visit(self, module: str, node: ast.AST, around: tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                around = (node, *around)
            case ast.ClassDef(name=name):
                fields = [item.target.id for item in node.body if _is_field(item)]
                if "code" in fields:
                    self.classes[name.lower()] = (name, fields.index("code"))
            case ast.Call():
                self.calls.append(Call(module, node, around))
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for name, value in zip(names, values, strict=True):
                    self._assign(module, name, value)
            case ast.Assign(targets=[name]):
                self._assign(module, name, node.value)
        for child in ast.iter_child_nodes(node):
            self._visit(module, child, around)

    def _assign(self, module: str, name: ast.expr, value: ast.expr) -> None:
        if isinstance(name, ast.Name):
            self.assigned.setdefault((module, name.id), []).append(value)


def _is_field(item: ast.stmt) -> bool:
    return isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)


def codes(source: Source | None = None) -> dict[str, set[str]]:
    """Each code with the modules that use it.

    Of a code that is made of parts, ``*`` replaces what the source does not say. What is not text in the source is the
    expression itself, such as ``kind.value.lower()``.
    """
    source = source or Source.read()
    makers: dict[tuple[str, str], int] = {("", "Finding"): source.classes["finding"][1]}
    found: dict[str, set[str]] = {}
    asked: set[tuple[tuple[str, str], int]] = set()
    while len(asked) < len(makers):
        for maker, position in [item for item in makers.items() if item not in asked]:
            asked.add((maker, position))
            for call in source.calls:
                if call.called != maker[1] or maker[0] not in ("", call.module):
                    continue
                argument = call.argument(position)
                if argument is not None:
                    for code in _resolved(source, call, argument, makers):
                        found.setdefault(code, set()).add(call.module)
    return found


def _resolved(source: Source, call: Call, expression: ast.expr, makers: dict[tuple[str, str], int]) -> Iterator[str]:
    """The codes that an expression can be; a parameter or a field that it comes from is added to the makers."""
    match expression:
        case ast.Constant(value=str(code)):
            yield code
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
        case ast.Name(id=name) if position := _parameter(call, name):
            makers[position[0]] = position[1]
        case ast.Name(id=name) if (call.module, name) in source.assigned:
            for value in source.assigned[call.module, name]:
                yield from _resolved(source, call, value, makers)
        case ast.Attribute(value=ast.Name(id=owner), attr="code") if owner in source.classes:
            name, at = source.classes[owner]
            makers["", name] = at
        case _:
            yield ast.unparse(expression)


def _parameter(call: Call, name: str) -> tuple[tuple[str, str], int] | None:
    """The function around a call whose parameter has that name, and its position among what a caller writes."""
    for function in call.around:
        names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        if name in names:
            public = not function.name.startswith("_")
            written = [one for one in names if one != "self"]
            return ("" if public else call.module, function.name), written.index(name)
    return None
