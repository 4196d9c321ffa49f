"""Data as YAML that every reader takes alike: PyYAML's own writer leaves texts such as ``1e3`` without quotes."""

from __future__ import annotations

from typing import Any

import yaml

from reconciler.yamltext.write import is_misread


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if is_misread(text) else None)


_Dumper.add_representer(str, _text)


def dump(data: Any, **options: Any) -> str:
    """See `yaml.dump`."""
    return str(yaml.dump(data, Dumper=_Dumper, **options))
