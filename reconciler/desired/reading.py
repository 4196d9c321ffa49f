"""Texts of earlier commits as specs, with today's variables put in, as loading does for the files that stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from reconciler.appspec.shape import SPEC
from reconciler.config import Config
from reconciler.desired.load import WRAPPER
from reconciler.desired.variables import Variables, substitute
from reconciler.yamltext import is_wrapped, parse

Named = list[tuple[str, Mapping[str, Any]]]
"""The apps of a text: (name, spec)."""

_TEXTS_KEPT = 512
"""A file that holds several apps is asked for once for each."""


def reader(config: Config, environ: Mapping[str, str], given: Mapping[str, str]) -> Callable[[str, str], Named]:
    """What takes the text of a spec file apart: (text, file) -> its apps; a text that cannot be read holds none.

    A variable that has no value now stays as it is written.
    """
    variables = Variables(config.variables, environ, given)

    @lru_cache(maxsize=_TEXTS_KEPT)
    def read(text: str, file: str) -> Named:
        documents, _ = parse(text, file, shape=SPEC, wrapper=WRAPPER)
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
