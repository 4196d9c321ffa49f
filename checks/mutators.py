"""Small changes to a module's code, one at a time: pure, from source text to mutants.

What is changed, and into what:

    conditions      negated, always true, always false; of `and` and `or` either side alone, and each for the other
    comparisons     < for <=, > for >= and back; others negated
    match           an arm dropped; an arm doing what the next does; a guard dropped; one of several patterns dropped
    members         a member of an enum for the next one
    calls           a keyword dropped; a step, or an ending, for another that takes the same; min for max
    numbers         one more, one less, also those of defaults and of a module's constants
    True, False     each for the other
    displays        an item of a tuple, list or set dropped
    arithmetic      + for -, | for &
    statements      one without a value, or that changes an object, dropped

Strings, annotations, docstrings, the values of enums' members and `assert_never` stay as they are.
"""

from __future__ import annotations
import __future__

import ast
import copy
import difflib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import EnumMeta
from inspect import isfunction, signature
from itertools import takewhile
from types import CodeType
from typing import Any, get_args

FLIPPED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr}
CONDITIONS = {(ast.If, "test"), (ast.IfExp, "test"), (ast.While, "test"), (ast.match_case, "guard")}
UNTOUCHED = {"annotation", "returns", "decorator_list", "bases", "subject", "pattern", "type_params"}
"""Fields of nodes in which nothing is changed, other than by what changes the whole node."""

LONG, SHOWN = 120, 40
"""Characters of a change from which on only what differs is shown, and how many to either side of it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: what stands in ``place`` (a function, class or constant, by its dotted name), before and after.

    ``number`` tells changes of one place apart that read alike. What it does is ``code``, the function's new code, or
    ``value``, the new value of the constant, the default or the field ``name``.
    """

    place: str
    line: int
    before: str
    after: str
    number: int = 1
    code: CodeType | None = None
    name: str = ""
    value: Any = None

    @property
    def key(self) -> str:
        """What it is called in the list of equivalent ones; no line numbers, so that other changes do not matter."""
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.place}: {self.before} → {self.after}{again}"


def mutants(source: str, names: Mapping[str, Any], within: Container[str] | None = None) -> Iterator[Mutant]:
    """All changes to a module, or to what is called ``within`` at its top; ``names`` is what its names mean."""
    tree = ast.parse(source)
    told: dict[str, int] = {}
    meant = _Names(names)
    for scope, place in _scopes(tree):
        if within is not None and _top(scope, place) not in within:
            continue
        whole = ast.unparse(scope)
        seen = {whole}
        for change in _changes(scope, meant):
            if change.text in seen:
                continue
            seen.add(change.text)
            before, after = _difference(whole.splitlines(), change.text.splitlines())
            mutant = _mutant(scope, place, change)
            key = f"{place}: {before} → {after}"
            told[key] = told.get(key, 0) + 1
            yield replace(mutant, before=before, after=after, number=told[key])


def _scopes(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """What is changed on its own: functions, methods, fields of classes with a default, constants of the module."""
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node, node.name
            case ast.ClassDef():
                for item in node.body:
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield item, f"{node.name}.{item.name}"
                    elif isinstance(item, ast.AnnAssign) and isinstance(item.value, ast.Constant):
                        yield item, node.name
            case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
                yield node, ""
            case _:
                pass


def _top(scope: ast.stmt, place: str) -> str:
    """The name at the top of the module that holds a scope: of a constant its own."""
    match scope:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return place.partition(".")[0]


@dataclass(frozen=True, slots=True)
class _Change:
    """A scope as it reads while changed; ``default`` is the argument whose default was changed, and to what."""

    line: int
    text: str
    default: tuple[str, Any] | None = None


def _changes(scope: ast.stmt, names: _Names) -> Iterator[_Change]:
    """Change the scope, tell, and change it back: while a change is told, the tree has it."""
    for holder, name, index, node in list(_places(scope)):
        line = node.pattern.lineno if isinstance(node, ast.match_case) else getattr(node, "lineno", scope.lineno)
        for other in _others(holder, name, node, names):
            _put(holder, name, index, other)
            if isinstance(other, ast.expr | ast.stmt):
                ast.copy_location(other, node)
            ast.fix_missing_locations(other)
            yield _Change(line, ast.unparse(scope), _default(holder, name, index, other))
            _put(holder, name, index, node)


def _default(holder: ast.AST, name: str, index: int | None, node: ast.AST) -> tuple[str, Any] | None:
    if not isinstance(holder, ast.arguments) or index is None or not isinstance(node, ast.Constant):
        return None
    if name == "kw_defaults":
        return holder.kwonlyargs[index].arg, node.value
    return [*holder.posonlyargs, *holder.args][index - len(holder.defaults)].arg, node.value


def _put(holder: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(holder, name, node)
    else:
        getattr(holder, name)[index] = node


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node below that may be changed: what holds it, in which field, at which index."""
    for name, value in ast.iter_fields(node):
        if name in UNTOUCHED or isinstance(value, ast.JoinedStr):
            continue
        for index, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(item, ast.AST) and not _idle(item):
                yield node, name, index, item
                yield from _places(item)


def _idle(node: ast.AST) -> bool:
    """Docstrings, texts, and arms that the type checker proves unreachable."""
    match node:
        case ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            return True
        case ast.match_case(body=[ast.Expr(value=ast.Call(func=ast.Name(id="assert_never")))]):
            return True
        case _:
            return False


def _mutant(scope: ast.stmt, place: str, change: _Change) -> Mutant:
    match scope:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if change.default:
            name, value = change.default
            return Mutant(place, change.line, "", "", name=name, value=value)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return Mutant(place, change.line, "", "", code=_code_of(scope))
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return Mutant(name, change.line, "", "", name=name, value=ast.literal_eval(value))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return Mutant(place, change.line, "", "", name=name, value=ast.literal_eval(value))
        case _:
            raise TypeError(f"{type(scope).__name__} is no scope")


def _code_of(function: ast.stmt) -> CodeType:
    """A function's code, compiled on its own."""
    module = ast.Module(body=[function], type_ignores=[])
    whole = compile(module, "<mutant>", "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    return next(found for found in whole.co_consts if isinstance(found, CodeType))


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    """The lines that differ, each side in one line, and of long ones what differs."""
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:]
    gone, come = (" ⏎ ".join(line[1:].strip() for line in lines if line.startswith(mark)) for mark in "-+")
    if max(len(gone), len(come)) <= LONG:
        return gone, come
    head = _alike(gone, come)
    tail = min(_alike(gone[::-1], come[::-1]), len(gone) - head, len(come) - head)
    return _cut(gone, head, tail), _cut(come, head, tail)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut(line: str, head: int, tail: int) -> str:
    start, end = max(0, head - SHOWN), min(len(line), len(line) - tail + SHOWN)
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"


# ---- what each node may become ------------------------------------------------------------------------------------


class _Names:
    """What the names of the module mean, as far as changes need to know."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names
        self.steps = [kind.__name__ for kind in get_args(names.get("Step")) if names.get(kind.__name__) is kind]

    def next_member(self, enum: str, member: str) -> str:
        """The member after this one; empty where the name is no enum."""
        found = self.names.get(enum)
        if not isinstance(found, EnumMeta) or member not in found.__members__:
            return ""
        members = list(found.__members__)
        return members[(members.index(member) + 1) % len(members)]

    def like(self, function: str) -> str:
        """Another step, or another ending, that takes the same; empty where there is none."""
        if function in ("min", "max"):
            return "max" if function == "min" else "min"
        if function in self.steps:
            ring = self.steps
        elif getattr(self.names.get(function), "__module__", "").endswith(".outcomes"):
            ring = [
                name for name, value in self.names.items() if isfunction(value) and self._module(value) == "outcomes"
            ]
        else:
            return ""
        alike = [name for name in ring if self._takes(name) == self._takes(function)]
        return alike[(alike.index(function) + 1) % len(alike)] if len(alike) > 1 else ""

    def _module(self, value: Any) -> str:
        return str(value.__module__).rpartition(".")[2]

    def _takes(self, name: str) -> list[Any]:
        found = self.names[name]
        taken = signature(found)
        return [*(each.annotation for each in taken.parameters.values()), isfunction(found) and taken.return_annotation]


def _others(holder: ast.AST, name: str, node: ast.AST, names: _Names) -> Iterator[ast.AST]:
    """What may stand instead of a node."""
    if (type(holder), name) in CONDITIONS or (isinstance(holder, ast.comprehension) and name == "ifs"):
        yield from (_negated(node), ast.Constant(value=True), ast.Constant(value=False))
    elif isinstance(holder, ast.BoolOp) and name == "values":
        yield _negated(node)
    elif not isinstance(holder, ast.UnaryOp):
        yield from _turned(node)
    yield from _values(node, names)
    match node:
        case ast.BoolOp():
            yield from _sides(node)
        case ast.Call():
            yield from _calls(node, names)
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set():
            yield from _displays(node)
        case ast.match_case():
            yield from _arms(holder, node)
        case ast.stmt() if _droppable(node):
            yield ast.Pass()
        case _:
            pass


def _values(node: ast.AST, names: _Names) -> Iterator[ast.AST]:
    """Another order, constant, member or operator."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in (ast.Lt, ast.LtE, ast.Gt, ast.GtE):
            yield ast.Compare(left=node.left, ops=[FLIPPED[type(op)]()], comparators=node.comparators)
        case ast.Constant():
            yield from (ast.Constant(value=value) for value in _near(node.value))
        case ast.Attribute(value=ast.Name(id=enum), attr=member) if names.next_member(enum, member):
            yield ast.Attribute(value=node.value, attr=names.next_member(enum, member), ctx=ast.Load())
        case ast.BinOp(op=op) if type(op) in SWAPPED and not _text(node.left) and not _text(node.right):
            yield ast.BinOp(left=node.left, op=SWAPPED[type(op)](), right=node.right)
        case _:
            pass


def _negated(node: ast.AST) -> ast.AST:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            return node.operand
        case ast.Compare(ops=[op]) if type(op) in (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn):
            return ast.Compare(left=node.left, ops=[FLIPPED[type(op)]()], comparators=node.comparators)
        case ast.expr():
            return ast.UnaryOp(op=ast.Not(), operand=node)
        case _:
            raise TypeError(f"{type(node).__name__} is no condition")


def _turned(node: ast.AST) -> Iterator[ast.AST]:
    """A comparison, or a `not`, that is a value."""
    if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        yield _negated(node)


def _sides(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(op=ast.Or() if isinstance(node.op, ast.And) else ast.And(), values=node.values)
    for index in range(len(node.values)):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(op=node.op, values=rest)


def _near(value: Any) -> tuple[Any, ...]:
    match value:
        case bool():
            return (not value,)
        case int() | float():
            return value + 1, value - 1
        case _:
            return ()


def _text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _calls(node: ast.Call, names: _Names) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and (other := names.like(node.func.id)):
        yield ast.Call(func=ast.Name(id=other, ctx=ast.Load()), args=node.args, keywords=node.keywords)
    for index, keyword in enumerate(node.keywords):
        if not _text(keyword.value):
            rest = [*node.keywords[:index], *node.keywords[index + 1 :]]
            yield ast.Call(func=node.func, args=node.args, keywords=rest)


def _displays(node: ast.Tuple | ast.List | ast.Set) -> Iterator[ast.AST]:
    for index, item in enumerate(node.elts):
        if not _text(item) and (len(node.elts) > 1 or not isinstance(node, ast.Set)):
            other = copy.copy(node)
            other.elts = [*node.elts[:index], *node.elts[index + 1 :]]
            yield other


def _arms(match: ast.AST, node: ast.match_case) -> Iterator[ast.AST]:
    """The arm dropped (it never matches), with the next one's body, without its guard, without one of its patterns."""
    arms = [case for case in match.cases if not _idle(case)] if isinstance(match, ast.Match) else []
    follower = arms[(arms.index(node) + 1) % len(arms)]
    yield ast.match_case(pattern=node.pattern, guard=ast.Constant(value=False), body=node.body)
    if not _raises(node) and not _raises(follower):
        yield ast.match_case(pattern=node.pattern, guard=node.guard, body=follower.body)
    if node.guard:
        yield ast.match_case(pattern=node.pattern, guard=None, body=node.body)
    for pattern in _fewer(node.pattern):
        yield ast.match_case(pattern=pattern, guard=node.guard, body=node.body)


def _raises(case: ast.match_case) -> bool:
    return isinstance(case.body[0], ast.Raise)


def _fewer(pattern: ast.pattern) -> Iterator[ast.pattern]:
    """The pattern without one of its alternatives."""
    match pattern:
        case ast.MatchOr():
            for index in range(len(pattern.patterns)):
                rest = [*pattern.patterns[:index], *pattern.patterns[index + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.MatchOr(patterns=rest)
        case ast.MatchSequence():
            for index, item in enumerate(pattern.patterns):
                for fewer in _fewer(item):
                    yield ast.MatchSequence(patterns=[*pattern.patterns[:index], fewer, *pattern.patterns[index + 1 :]])
        case _:
            pass


def _droppable(node: ast.stmt) -> bool:
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case _:
            return False
