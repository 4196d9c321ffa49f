"""Composes YAML text into nodes, in C and with bounded depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from yaml._yaml import CParser
from yaml.error import YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.findings import Severity
from reconciler.text import segments

MAX_NODES = 100_000
"""Maximum number of values in one document; aliases count each time they are used."""
_MOST_NODES = 2 * MAX_NODES
"""Maximum number of keys and values in a file, however many documents it has."""
MAX_DEPTH = 64
"""Maximum nesting depth; a full app spec needs about ten levels."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at a node; ``other`` is a second node involved."""

    severity: Severity
    code: str
    message: str
    hint: str = ""
    node: Node | None = None
    other: Node | None = None


class TooMuch(Exception):
    """The text exceeds the limits on depth or size; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def too_deep(node: Node | None = None) -> TooMuch:
    """The exception for text that is nested too deeply."""
    message = f"nested more than {MAX_DEPTH} levels deep"
    return TooMuch(Problem(Severity.ERROR, "too-deep", message, "check for an alias that contains itself", node))


class _Composer(CParser):
    """The C parser without PyYAML's resolver: an untagged node has the tag ""."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)

    def resolve(self, _kind: object, _value: object, _implicit: object) -> str:
        """Called by PyYAML for the type of an untagged node; `Builder` decides that later."""
        return ""

    def descend_resolver(self, _parent: object, _index: object) -> None:
        """Called by PyYAML when a node begins."""

    def ascend_resolver(self) -> None:
        """Called by PyYAML when a node ends."""


class _BoundedComposer(_Composer):
    """A composer of bounded depth and size: the C composer recurses on the machine's stack, and composes everything."""

    _depth = 0
    _nodes = 0

    def descend_resolver(self, _parent: object, _index: object) -> None:
        """Called by PyYAML when a node begins."""
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH:
            raise too_deep()
        if self._nodes > _MOST_NODES:
            message = f"the file has more than {_MOST_NODES:,} keys and values"
            raise TooMuch(Problem(Severity.ERROR, "too-large", message, "split it into several files"))

    def ascend_resolver(self) -> None:
        """Called by PyYAML when a node ends."""
        self._depth -= 1


def _is_small(text: str) -> bool:
    """Whether the text is too short for too many nodes, and to nest too deeply.

    A node takes two characters with what separates it from the next; each level a bracket or a column of its line.
    """
    if len(text) >= 2 * _MOST_NODES:
        return False
    return text.count("[") + text.count("{") < 200 and max(map(len, text.splitlines()), default=0) < 300


def compose(text: str) -> Iterator[Node]:
    """The root node of each document.

    Raises:
        YAMLError: the rest of the text is not YAML.
        TooMuch: it is nested too deeply, or too large.
    """
    composer = _Composer(text) if _is_small(text) else _BoundedComposer(text)
    while composer.check_node():
        node = composer.get_node()
        if node is not None:
            yield node


@lru_cache(maxsize=4)
def composed(text: str) -> tuple[Node, ...]:
    """The root nodes up to the first error; cached for the few files whose findings are being located."""
    nodes: list[Node] = []
    try:
        for node in compose(text):
            nodes.append(node)  # noqa: PERF402 - what precedes an error is kept
    except (YAMLError, TooMuch):
        return tuple(nodes)
    return tuple(nodes)


def is_merge(key: Node) -> bool:
    """Whether a key is the unquoted ``<<``."""
    return isinstance(key, ScalarNode) and key.value == "<<" and not key.style and not key.tag


def follow(node: Node, pointer: str) -> tuple[Node | None, Node, bool]:
    """The key and value nodes at a JSON pointer and True; or those of the nearest parent and False."""
    key: Node | None = None
    for name in segments(pointer):
        found = _child(node, name)
        if found is None:
            return key, node, False
        key, node = found
    return key, node, True


def _child(node: Node, token: str, depth: int = 0) -> tuple[Node | None, Node] | None:
    """The key and value nodes under a token; an item of a list has no key. Follows merge keys."""
    if isinstance(node, SequenceNode):
        index = int(token) if token.isdecimal() and len(token) < 9 else len(node.value)
        return (None, node.value[index]) if index < len(node.value) else None
    if not isinstance(node, MappingNode) or depth > MAX_DEPTH:
        return None
    merged: list[Node] = []
    for key, value in reversed(node.value):
        if is_merge(key):
            merged += [value] if isinstance(value, MappingNode) else value.value
        elif key.value == token:
            return key, value
    sources = (source for source in merged if isinstance(source, MappingNode))
    return next((found for source in sources if (found := _child(source, token, depth + 1))), None)


def pointers(root: Node, wanted: set[int]) -> dict[int, str]:
    """The first JSON pointer of each wanted node (by ``id``), key or value."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    stack: list[tuple[Node, str]] = [(root, "")]
    while stack:
        node, pointer = stack.pop()
        if id(node) in wanted:
            found.setdefault(id(node), pointer)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            stack.extend((item, f"{pointer}/{index}") for index, item in enumerate(node.value))
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                token = key.value if isinstance(key, ScalarNode) else "?"
                below = pointer if is_merge(key) else f"{pointer}/{token.replace('~', '~0').replace('/', '~1')}"
                if id(key) in wanted:
                    found.setdefault(id(key), below)
                stack.append((value, below))
    return found
