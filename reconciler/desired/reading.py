"""Texts of app specs as data: those of files, and those of earlier commits with today's variables put in."""

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
"""The key under which a deploy template (``.do/deploy.template.yaml``) has the spec."""

Named = list[tuple[str, Mapping[str, Any]]]
"""The apps of a text: (name, spec)."""

_TEXTS_KEPT = 512
"""A file that holds several apps is asked for once for each."""


def guide_of(shape: Shape) -> Guide:
    """Where the fields of a shape are text."""
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
    """Every document of a file of app specs, and what is wrong with its text; see `yamltext.parse`."""
    return parse(text, file, guide=_SPEC_GUIDE, wrapper=WRAPPER)


def reader(config: Config, environ: Mapping[str, str], given: Mapping[str, str]) -> Callable[[str, str], Named]:
    """What takes the text of a spec file apart: (text, file) -> its apps; a text that cannot be read holds none.

    A variable that has no value now stays as it is written.
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
