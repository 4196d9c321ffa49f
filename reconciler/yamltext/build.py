"""Builds plain data from nodes, guided by which fields are text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from reconciler.findings import Severity
from reconciler.yamltext.compose import MAX_DEPTH, MAX_NODES, Problem, TooMuch, is_merge, too_deep


class Text:
    """The guide of a field whose type is string."""


class Items:
    """The guide of a list: that of its items."""

    __slots__ = ("guide",)

    def __init__(self, guide: Guide) -> None:
        self.guide = guide


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
