"""YAML and JSON text as plain data, with the position of each value.

PyYAML's C parser composes nodes; construction is our own, as PyYAML's loses what was written:
``value: 0x423f`` becomes a huge integer, ``12:30`` becomes 750, a date becomes an object unknown to JSON. Here

- in a field whose type is string (a `Shape` says so) a plain scalar keeps its source text, with a warning to
  quote it where YAML reads a number or a boolean; null stays None;
- elsewhere null, booleans, integers and numbers are resolved as PyYAML's safe loader does (YAML 1.1), but dates and
  base-60 numbers stay text, and ``1e3`` is a number, as in JSON;
- keys are always text; duplicate keys, unknown tags and oversized documents are findings, never exceptions.

Positions are not kept: `Document.locate` composes the text again when a position is needed.
"""

from reconciler.yamltext.build import MAX_DEPTH, MAX_NODES, resolve_plain
from reconciler.yamltext.document import MAX_BYTES, Document, Written, is_wrapped, open_file, parse, read_text

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "Written",
    "is_wrapped",
    "open_file",
    "parse",
    "read_text",
    "resolve_plain",
]
