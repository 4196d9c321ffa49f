"""Composes YAML text into nodes, in C and with bounded depth, and builds plain data from them.

Which fields are text guides the building.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from yaml._yaml import CParser
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from reconciler.findings import Severity

MAX_NODES = 100_000
"""Maximum number of values in one document; aliases count each time they are used."""
_MOST_NODES = 2 * MAX_NODES
"""Maximum number of keys and values in a file, however many documents it has."""
MAX_DEPTH = 64
"""Maximum nesting depth; a full app spec needs about ten levels."""


class Problem(NamedTuple):
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
    """The C parser without PyYAML's resolver: an untagged node has the tag "", and `Builder` decides on its type later.

    PyYAML calls these three for each node. A builtin that answers "" whatever it is asked costs a third of the parsing
    less than a method.
    """

    resolve: Any = staticmethod("".format)
    descend_resolver: Any = staticmethod("".format)
    ascend_resolver: Any = staticmethod("".format)

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)


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
    return text.count("[") + text.count("{") < 200 and max(map(len, text.split("\n"))) < 300


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


def is_merge(key: Node) -> bool:
    """Whether a key is the unquoted ``<<``."""
    return isinstance(key, ScalarNode) and key.value == "<<" and not key.style and not key.tag


# --- Data from nodes ---


class Text:
    """The guide of a field whose type is string."""


class Items:
    """The guide of a list: that of its items, if ``named`` also of a mapping's values, as overlays write lists."""

    __slots__ = ("guide", "named")

    def __init__(self, guide: Guide, *, named: bool = False) -> None:
        self.guide = guide
        self.named = named


Guide = Mapping[str, Any] | Items | type[Text] | None
"""Which values are text: the guides of a mapping's fields, of a list's items, or text. None: resolve as YAML does."""

_TAGGED: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}


class Builder:
    """Builds the data of one document and collects its ``problems``.

    Every alias is expanded, so the data never shares mutable parts, and counted, so expansion is bounded.
    """

    __slots__ = ("_firsts", "_left", "_reported", "problems")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._left = MAX_NODES
        self._reported: set[int] = set()
        self._firsts: tuple[Node | None, dict[str, Node]] = (None, {})  # of the mapping with the latest duplicate

    def build(self, node: Any, guide: Guide, depth: int = 0) -> Any:
        """The node's data.

        Raises:
            TooMuch: the document is too deep or too large, or an alias contains itself.
        """
        kind = node.__class__
        if kind is ScalarNode:
            if node.style or node.tag:
                return self._tagged(node) if node.tag else node.value
            value = resolve_plain(node.value)
            if guide is not Text or value is None or isinstance(value, str):
                return value
            self._unquoted(node, value)
            return node.value
        self._left -= len(node.value) + 1
        if depth > MAX_DEPTH:
            raise too_deep(node)
        if self._left < 0:
            raise TooMuch(_too_many(node))
        if kind is MappingNode:
            self._check_tag(node, "map")
            if isinstance(guide, Items) and guide.named:
                guide = dict.fromkeys((key.value for key, _ in node.value if key.__class__ is ScalarNode), guide.guide)
            return self._mapping(node, guide if guide.__class__ is dict else {}, depth + 1)
        self._check_tag(node, "seq")
        below = guide.guide if isinstance(guide, Items) else None
        return [self.build(item, below, depth + 1) for item in node.value]

    def _mapping(self, node: Any, guides: Any, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merges: list[Node] = []
        for key_node, value_node in node.value:
            key = key_node.value
            if key_node.__class__ is not ScalarNode:
                self._report(
                    "key",
                    "a key must be text, not a list or a mapping",
                    "quote the key; {{ … }} is a mapping in YAML",
                    key_node,
                )
                continue
            if key == "<<" and is_merge(key_node):
                merges += self._sources(value_node)
                continue
            if key in out:
                self._duplicate(node, key_node)
            # most values are text in text fields: handled here, at a third of the cost of a call
            if value_node.__class__ is ScalarNode and not value_node.tag:
                value = value_node.value
                if value_node.style or (value and value[0] not in MAYBE_NOT_TEXT):
                    out[key] = value
                    continue
            out[key] = self.build(value_node, guides.get(key), depth)
        for source in merges:
            for key, value in self.build(source, guides, depth).items():
                out.setdefault(key, value)
        return out

    def _sources(self, node: Node) -> list[Node]:
        """The mappings that a merge key refers to."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        wrong = [source for source in sources if not isinstance(source, MappingNode)]
        for source in wrong:
            self._report("merge", "<< needs a mapping", "reference a mapping, such as <<: *defaults", source)
        return [source for source in sources if source not in wrong]

    def _duplicate(self, node: Node, key_node: Node) -> None:
        if self._firsts[0] is not node:
            self._firsts = node, {key.value: key for key, _ in reversed(node.value) if isinstance(key, ScalarNode)}
        first = self._firsts[1][key_node.value]
        line = first.start_mark.line + 1
        message = f"duplicate key {key_node.value!r} (first on line {line})"
        self._report("duplicate-key", message, "remove one of them: YAML readers keep only one", key_node, first)

    def _unquoted(self, node: Node, value: object) -> None:
        kind = "a boolean" if isinstance(value, bool) else "a number"
        message = f"unquoted text that YAML reads as {kind}; using it as text, exactly as written"
        hint = "quote it, so that every tool reads it the same way"
        self._report("unquoted", message, hint, node, severity=Severity.WARNING)

    def _tagged(self, node: Node) -> Any:
        """A scalar with an explicit tag."""
        kind = node.tag.removeprefix(TAG)
        if kind in ("str", "timestamp", "!"):
            return node.value
        value = resolve_plain(node.value)
        if kind not in _TAGGED or not isinstance(value, _TAGGED[kind]):
            shown = "!!" + kind if node.tag != kind else kind
            message = f"unsupported tag {shown}: an app spec holds only text, numbers, booleans, lists and mappings"
            self._report("tag", message, "remove the tag", node)
        return value

    def _check_tag(self, node: Node, kind: str) -> None:
        if node.tag and node.tag not in (TAG + kind, "!"):
            self._report("tag", f"unsupported tag {node.tag}", "remove the tag", node)

    def _report(  # one line at each caller is worth the parameters
        self,
        code: str,
        message: str,
        hint: str,
        node: Node,
        other: Node | None = None,
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        if id(node) not in self._reported:
            self._reported.add(id(node))
            self.problems.append(Problem(severity, code, message, hint, node, other))


def _too_many(node: Node) -> Problem:
    message = f"more than {MAX_NODES:,} values after expanding aliases"
    return Problem(Severity.ERROR, "too-large", message, "split the document, or use fewer aliases", node)


# --- What an unquoted scalar means ---


TAG = "tag:yaml.org,2002:"
"""Prefix of the tags that YAML itself defines."""

MAYBE_NOT_TEXT = frozenset("+-.0123456789~nNtTfFyYoO")
"""First characters of a plain scalar that is not text; an empty one is null."""

_RESOLVER = Resolver()
_CONSTRUCTOR = SafeConstructor()
_EXPONENT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
"""A number with an exponent, as in JSON, YAML 1.2 and the vendor's own reader; YAML 1.1 reads most as text."""


def resolve_plain(text: str) -> Any:
    """Resolve an unquoted scalar outside text fields: None, bool, int, float, or the text itself."""
    if not text:
        return None
    return _resolved(text) if text[0] in MAYBE_NOT_TEXT else text


@lru_cache(maxsize=8192)
def _resolved(text: str) -> Any:
    node = ScalarNode(str(_RESOLVER.resolve(ScalarNode, text, (True, False))), text)  # type: ignore[no-untyped-call] # untyped in the stubs
    match node.tag.removeprefix(TAG):
        case "null":
            return None
        case "bool":
            return _CONSTRUCTOR.construct_yaml_bool(node)
        case "int" if ":" not in text:
            return _integer(node)
        case "float" if ":" not in text:
            return _finite(_CONSTRUCTOR.construct_yaml_float(node), text)
        case _:
            return _finite(float(text), text) if _EXPONENT.fullmatch(text) else text


def _integer(node: ScalarNode) -> Any:
    try:
        return _CONSTRUCTOR.construct_yaml_int(node)
    except ValueError:  # `0x_`, or more digits than Python converts: treat it as text
        return node.value


def _finite(number: float, text: str) -> Any:
    """Keep infinity and not-a-number as text: JSON cannot represent them."""
    return number if math.isfinite(number) else text
