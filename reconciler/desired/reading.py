"""Parses texts of app specs: those of files, and those of earlier commits with today's variables substituted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from reconciler.appspec.shape import SPEC, Listing, Record, Scalar, Shape
from reconciler.config import Config
from reconciler.desired.variables import Variables, substitute
from reconciler.findings import Finding
from reconciler.yamltext import Document, is_wrapped, parse
from reconciler.yamltext.build import Guide, Items, Text

WRAPPER = "spec"
"""The key that holds the spec in a deploy template (``.do/deploy.template.yaml``)."""

Named = list[tuple[str, Mapping[str, Any]]]
"""The apps of a text: (name, spec)."""

_TEXTS_KEPT = 512
"""Size of the cache: a file with several apps is requested once for each."""


def guide_of(shape: Shape) -> Guide:
    """Which fields of a shape are text."""
    match shape:
        case Record():
            return {name: guide_of(field.shape) for name, field in shape.fields.items()}
        case Listing(item):
            return Items(guide_of(item))
        case Scalar("string"):
            return Text
        case _:
            return None


_SPEC_GUIDE = guide_of(SPEC)


def parse_specs(text: str, file: str) -> tuple[list[Document], list[Finding]]:
    """Parse every document of a file of app specs; see `yamltext.parse`."""
    return parse(text, file, guide=_SPEC_GUIDE, wrapper=WRAPPER)


def reader(config: Config, environ: Mapping[str, str], given: Mapping[str, str]) -> Callable[[str, str], Named]:
    """A parser of spec files: (text, file) -> its apps; none if the text cannot be read.

    A variable that has no value now is left as written.
    """
    variables = Variables(config.variables, environ, given)

    @lru_cache(maxsize=_TEXTS_KEPT)
    def read(text: str, file: str) -> Named:
        documents, _ = parse_specs(text, file)
        found: Named = []
        for document in documents:
            wrapped = is_wrapped(document.data, WRAPPER)
            spec = document.data[WRAPPER] if wrapped else document.data
            if isinstance(spec, dict):
                substitute(spec, document, f"/{WRAPPER}" if wrapped else "", variables)
                if isinstance(name := spec.get("name"), str):
                    found.append((name, spec))
        return found

    return read
