"""Formats specs (`reconcile fmt`), so that a diff in Git shows only what changed.

Fields are put in their usual order, blocks are indented by two spaces, text that some reader of YAML would
take for a number or a boolean is quoted, blank lines are single. Comments move with their entry. The meaning
never changes: the result is read again, and if it differs, the text is left as it is. So is text
that is not valid YAML, and JSON. Formatting is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import yaml

from reconciler.appspec.shape import SPEC, Record, Scalar, Shape
from reconciler.appspec.walk import within
from reconciler.desired.export import field_order
from reconciler.desired.reading import WRAPPER, guide_of
from reconciler.yamltext import parse, resolve_plain
from reconciler.yamltext.comments import Block, Noted, Page, pages
from reconciler.yamltext.nodes import NodeText, properties_end, sources
from reconciler.yamltext.write import is_misread, scalar

_STEP = 2
_GUIDE = guide_of(SPEC, named=True)
"""Overlays may have lists by name; nothing else reads differently with it."""


def format_text(text: str) -> str:
    """The formatted text; unchanged if it cannot be read or is not in block style."""
    newline = "\r\n" if "\r\n" in text else "\n"
    source = text.replace("\r\n", "\n")
    meaning = _meaning(source)
    if meaning is None:
        return text
    for in_order in (True, False):  # an alias may not come before its anchor
        try:
            out = _formatted(source, in_order=in_order)
        except yaml.YAMLError:
            return text
        if out is not None and _meaning(out) == meaning:
            return out.replace("\n", newline)
    return text


def _meaning(text: str) -> str | None:
    """What a text means, in canonical form; None if that is uncertain."""
    documents, findings = parse(text, "", guide=_GUIDE, wrapper=WRAPPER)
    if any(finding.is_error for finding in findings):
        return None
    return repr([_sorted(document.data) for document in documents])


def _sorted(data: object) -> object:
    match data:
        case dict():
            return sorted((key, _sorted(value)) for key, value in data.items())
        case list():
            return [_sorted(item) for item in data]
        case _:
            return (type(data).__name__, data)


def _formatted(text: str, *, in_order: bool) -> str | None:
    roots = sources(text)
    if not roots or any(root.kind != "mapping" or root.flow or not root.entries for root in roots):
        return None
    if any(entry.explicit for root in roots for node in root.walk() for entry in node.entries):
        return None
    writer = _Writer(text, in_order=in_order)
    lines = [line for page in pages(text, roots) for line in writer.page(page)]
    return "\n".join(_single_spaced(lines)) + "\n"


def _single_spaced(lines: Iterable[str | _Raw]) -> Iterator[str]:
    """Drop blank lines at both ends and collapse repeated ones, except within the user's own text."""
    blank, begun = False, False
    for line in lines:
        if isinstance(line, _Raw) or line:
            if blank and begun:
                yield ""
            blank, begun = False, True
            yield line.text if isinstance(line, _Raw) else line
        else:
            blank = True


class _Raw:
    """Lines that must stay as they are."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


Line = str | _Raw


class _Writer:
    def __init__(self, text: str, *, in_order: bool) -> None:
        self.text = text
        self.in_order = in_order

    def page(self, page: Page) -> Iterator[Line]:
        yield from page.head
        root = page.block
        wrapped = (
            root.node.child("name") is None and (spec := root.node.child(WRAPPER)) and spec.value.kind == "mapping"
        )
        shape: Shape | None = Record("", {}) if wrapped else SPEC
        yield from self._block(root, 0, shape, outermost=bool(wrapped))
        yield from page.foot

    def _block(self, block: Block, column: int, shape: Shape | None, *, outermost: bool = False) -> Iterator[Line]:
        indent = " " * column
        for number, noted in enumerate(self._in_order(block, shape)):
            above = noted.above
            while number == 0 and above and not above[0] and column:
                above = above[1:]
            yield from (indent + line if line else "" for line in above)
            key = noted.entry.key
            if key is None:
                yield from self._item(noted, column, within(shape, number))
            else:
                below = SPEC if outermost and key == WRAPPER else within(shape, key)
                yield from self._pair(noted, column, below)
        yield from (indent + line for line in block.end if line)

    def _in_order(self, block: Block, shape: Shape | None) -> Sequence[Noted]:
        if not self.in_order or not isinstance(shape, Record) or block.node.kind != "mapping":
            return block.entries
        order = {name: number for number, name in enumerate(field_order(shape))}
        return sorted(
            block.entries,
            key=lambda noted: -1 if noted.entry.key == "<<" else order.get(str(noted.entry.key), len(order)),
        )

    def _pair(self, noted: Noted, column: int, shape: Shape | None) -> Iterator[Line]:
        entry = noted.entry
        key = f"{' ' * column}{self.text[entry.start : entry.after]}:"
        if noted.below is None:
            value = self._leaf(entry.value, column, shape)
            yield _beside(f"{key} {value}" if value else key, noted.beside, entry.value)
            return
        properties = self._properties(entry.value)
        yield _beside(f"{key} {properties}" if properties else key, noted.beside)
        yield from self._block(noted.below, column + _STEP, shape)

    def _item(self, noted: Noted, column: int, shape: Shape | None) -> Iterator[Line]:
        dash = f"{' ' * column}-"
        if noted.below is None:
            value = self._leaf(noted.entry.value, column, shape)
            yield _beside(f"{dash} {value}" if value else dash, noted.beside, noted.entry.value)
            return
        properties = self._properties(noted.entry.value)
        lines = self._block(noted.below, column + _STEP, shape)
        if properties:
            yield f"{dash} {properties}"
            yield from lines
            return
        # Comments on the item's first key go above the dash, or they would come between it and the key.
        for line in lines:
            plain = line.text if isinstance(line, _Raw) else line
            if plain.lstrip().startswith("#") and not isinstance(line, _Raw):
                yield f"{' ' * column}{plain.lstrip()}"
                continue
            first = dash + plain[column + 1 :]
            yield _Raw(first) if isinstance(line, _Raw) else first
            break
        yield from lines

    def _properties(self, node: NodeText) -> str:
        return self.text[node.start : properties_end(self.text, node)].strip() if node.anchor or node.tagged else ""

    def _leaf(self, node: NodeText, column: int, shape: Shape | None) -> str:
        """A value's text with its following lines re-indented."""
        raw = self.text[node.start : node.end]
        if node.style in ("|", ">"):
            return self._block_scalar(node, column)
        if "\n" in raw:
            first, *rest = raw.split("\n")
            indent = " " * (column + _STEP)
            return "\n".join([first.rstrip(), *(indent + line.strip() if line.strip() else "" for line in rest)])
        plain = node.kind == "scalar" and not node.style and not node.anchor and not node.tagged
        is_text = isinstance(shape, Scalar) and shape.type == "string"
        if plain and is_text and is_misread(raw) and resolve_plain(raw) is not None:
            return scalar(raw)
        return raw

    def _block_scalar(self, node: NodeText, column: int) -> str:
        header, *lines = self.text[node.start : node.end].split("\n")
        own = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
        explicit = next((int(char) for char in header.split("#")[0] if char.isdigit()), 0)
        if explicit:
            # The text itself begins with spaces: keep those beyond the indentation given in the header.
            own = _explicit_indent(self.text, node, explicit)
            header = header.replace(str(explicit), str(_STEP), 1)
        indent = " " * (column + _STEP)
        return "\n".join([header.rstrip(), *(indent + line[own:] if line.strip() else "" for line in lines)])


def _explicit_indent(text: str, node: NodeText, given: int) -> int:
    """The indentation of a block scalar whose header gives it relative to the parent's."""
    line = text[text.rfind("\n", 0, node.start) + 1 : node.start]
    return len(line) - len(line.lstrip(" -")) + given


def _beside(line: str, comment: str, node: NodeText | None = None) -> Line:
    """A line with its comment; after the header of a block scalar, the first line."""
    first, *rest = line.split("\n")
    if comment and node is not None and rest and node.style not in ("|", ">"):
        return _Raw(f"{line}  {comment}")
    out = "\n".join([f"{first}  {comment}" if comment else first, *rest])
    return _Raw(out) if rest else out
