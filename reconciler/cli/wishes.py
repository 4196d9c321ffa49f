"""From flags to `Wishes`: what a run is asked for, in the words of `reconcile.py`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.reconcile import Wishes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.options import Source

_SHARD = re.compile(r"^([1-9]\d*)/([1-9]\d*)$")


def of(specs: Sequence[Path], source: Source) -> Wishes:
    """What the flags about specs ask for."""
    return Wishes(
        specs=tuple(specs) or (Path("specs"),),
        config=source.config,
        environ=dict(os.environ),
        variables=dict(_assignment(text) for text in source.var),
        strict=source.strict,
        apps=frozenset(source.app),
        shard=_shard(source.shard),
    )


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("--var takes NAME=VALUE", hint="for example: --var IMAGE_TAG=1.4.2")
    return name, value


def _shard(text: str) -> tuple[int, int]:
    if not text:
        return (1, 1)
    match = _SHARD.match(text)
    if not match or int(match[1]) > int(match[2]):
        raise UsageError(f"--shard {text!r} is not a part of a whole", hint="write 1/4 … 4/4")
    return int(match[1]), int(match[2])
