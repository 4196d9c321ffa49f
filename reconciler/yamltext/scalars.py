"""What an unquoted scalar means."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from yaml.constructor import SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

TAG = "tag:yaml.org,2002:"
"""What the tags that YAML itself defines begin with."""

MAYBE_NOT_TEXT = frozenset("+-.0123456789~nNtTfFyYoO")
"""What a plain scalar that is not text begins with; the empty one is null."""

_RESOLVER = Resolver()
_CONSTRUCTOR = SafeConstructor()
_EXPONENT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
"""A number with an exponent, as JSON, YAML 1.2 and the vendor's own reader have it; YAML 1.1 takes most for text."""


def resolve_plain(text: str) -> Any:
    """What an unquoted scalar means where no field says that it is text: None, bool, int, float, or the text itself."""
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
    except ValueError:  # `0x_`, or more digits than Python converts: then it is text
        return node.value


def _finite(number: float, text: str) -> Any:
    """Infinity and not-a-number stay text: JSON cannot carry them."""
    return number if math.isfinite(number) else text
