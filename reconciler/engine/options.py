"""What a caller asks for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunOptions:
    """What a caller asks for. ``shard`` is (part, of how many), counted from 1; ``drift``: say who made differences."""

    specs: tuple[Path, ...]
    config: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    strict: bool = False
    apps: frozenset[str] = frozenset()
    shard: tuple[int, int] = (1, 1)
    rotate: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    retry: bool = False
    prune: bool = False
    unmanaged: bool = False
    drift: bool = False

    def selects(self, name: str) -> bool:
        """Whether an app is asked for: it is in the shard, and among ``apps`` where any are named."""
        part, whole = self.shard
        in_shard = zlib.crc32(name.encode()) % whole == part - 1
        return in_shard and (not self.apps or name in self.apps)
