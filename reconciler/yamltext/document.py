"""Documents: data with its positions, also of what was put together from several."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from yaml.error import MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from reconciler.errors import InvalidInput
from reconciler.findings import Finding, Location, Severity
from reconciler.text import segments
from reconciler.yamltext.build import MAX_DEPTH, Builder, Guide, Problem, TooMuch, compose, is_merge


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: ``data`` of str, int, float, bool, None, list and dict with text keys.

    ``text`` is the whole file's, ``index`` the document's number in it, from 0. The repr shows neither text nor data,
    as both may hold secrets.
    """

    file: str
    text: str = field(repr=False)
    index: int
    data: Any = field(repr=False)

    def locate(self, pointer: str, *, key: bool = False) -> Location:
        """The position of a JSON pointer (RFC 6901), or of its nearest existing parent.

        The position of a scalar is its own; that of a block which begins below its key is the key's;
        with ``key`` it is always the key's. Lines and columns count from 1.
        """
        nodes = composed(self.text)
        if self.index >= len(nodes):
            return Location(self.file, pointer=pointer)
        name, node, found = follow(nodes[self.index], pointer)
        spot = name if name is not None and ((key and found) or _begins_below(name, node)) else node
        return _at(spot, self.file, pointer)

    def is_plain(self, pointer: str) -> bool:
        """Whether the value at a pointer is a scalar written without quotes."""
        nodes = composed(self.text)
        if self.index >= len(nodes):
            return False
        _, node, found = follow(nodes[self.index], pointer)
        return found and isinstance(node, ScalarNode) and not node.style and not node.tag

    def built(self, pointer: str, guide: Guide) -> Any:
        """The data at a pointer, read with a guide: for a value whose place in a spec is known only later."""
        _, node, _ = follow(composed(self.text)[self.index], pointer)
        return Builder().build(node, guide)


@dataclass(frozen=True, slots=True)
class Written:
    """Where each part of a spec was written: in its own document under ``wrapper``, or in an overlay's.

    ``parts`` are the places, by pointer of the spec, from which on the text is another's, the outermost first; empty
    if it is all in one document.
    """

    document: Document
    wrapper: str = ""
    parts: Mapping[str, tuple[Document, str]] = field(default_factory=dict, repr=False)

    def source(self, pointer: str) -> tuple[Document, str]:
        """The document that holds the value at a pointer of the spec, and the pointer there."""
        above = pointer
        while self.parts:
            if above in self.parts:
                document, there = self.parts[above]
                return document, there + pointer[len(above) :]
            if not above:
                break
            above = above.rpartition("/")[0]
        return self.document, self.wrapper + pointer

    def locate(self, pointer: str, *, key: bool = False) -> Location:
        """See `Document.locate`."""
        document, there = self.source(pointer)
        return document.locate(there, key=key)

    def is_plain(self, pointer: str) -> bool:
        """See `Document.is_plain`."""
        document, there = self.source(pointer)
        return document.is_plain(there)

    @property
    def texts(self) -> list[str]:
        """The texts that the spec is written in, each once."""
        documents = [self.document, *(document for document, _ in self.parts.values())]
        return list(dict.fromkeys(document.text for document in documents))


def parse(text: str, file: str, *, guide: Guide = None, wrapper: str = "") -> tuple[list[Document], list[Finding]]:
    """Parse every document of a text, and report its problems. Never raises because of the text.

    ``guide`` says which fields are text; in a wrapped document (see `is_wrapped`) it applies to what is under
    ``wrapper``. The data of an empty or oversized document is None. After a syntax error the rest
    of the file is not read.
    """
    documents: list[Document] = []
    findings: list[Finding] = []
    try:
        for index, node in enumerate(compose(text)):
            builder = Builder()
            data = None
            try:
                data = builder.build(node, {wrapper: guide} if _wraps(node, wrapper) else guide)
            except TooMuch as stop:
                builder.problems.append(stop.problem)
            documents.append(Document(file, text, index, data))
            if builder.problems:
                findings += _findings(builder.problems, node, file)
    except TooMuch as stop:
        findings.append(_finding(stop.problem, {}, file))
    except YAMLError as error:
        findings.append(_syntax(error, text, file))
    return documents, findings


def is_wrapped(root: object, wrapper: str) -> bool:
    """Whether the spec is under the key ``wrapper``: it holds a mapping, and the root has no name of its own.

    Deploy templates (``.do/deploy.template.yaml``) have it under ``spec``.
    """
    return bool(wrapper) and isinstance(root, Mapping) and isinstance(root.get(wrapper), Mapping) and "name" not in root


def _wraps(root: Node, wrapper: str) -> bool:
    """`is_wrapped` for a node."""
    if not wrapper or not isinstance(root, MappingNode) or len(root.value) > 64:
        return False
    values = {key.value: value for key, value in root.value if isinstance(key, ScalarNode)}
    return isinstance(values.get(wrapper), MappingNode) and "name" not in values


def _begins_below(key: Node, value: Node) -> bool:
    return not isinstance(value, ScalarNode) and value.start_mark.line > key.start_mark.line


def _at(node: Node, file: str, pointer: str) -> Location:
    return Location(file, node.start_mark.line + 1, node.start_mark.column + 1, pointer)


def _findings(problems: Sequence[Problem], root: Node, file: str) -> list[Finding]:
    known = pointers(root, {id(node) for problem in problems for node in (problem.node, problem.other)})
    return [_finding(problem, known, file) for problem in problems]


def _finding(problem: Problem, known: Mapping[int, str], file: str) -> Finding:
    def at(node: Node | None) -> Location:
        return Location(file) if node is None else _at(node, file, known.get(id(node), ""))

    related = () if problem.other is None else (at(problem.other),)
    return Finding(problem.severity, problem.code, problem.message, problem.hint, at(problem.node), related)


_HINTS = (
    ("mapping values are not allowed", "check the indentation, and quote any value that contains ': '"),
    ("did not find expected", "check the quotes and the indentation of this line and the lines above it"),
    ("found undefined alias", "define it earlier with &name, or quote text that begins with *"),
    ("found unexpected end of stream", "close the open quote or bracket"),
    ("cannot start any token", "quote text that begins with @, ` or %"),
)


def _syntax(error: YAMLError, text: str, file: str) -> Finding:
    """The finding for text that is not YAML, with a hint how to fix it."""
    if isinstance(error, ReaderError):
        # libyaml counts the bytes of the text as UTF-8
        before = text.encode("utf-8", "replace")[: error.position].decode("utf-8", "ignore")
        message = f"not valid YAML: the control character U+{error.character:04X} is not allowed"
        return Finding(Severity.ERROR, "yaml", message, "remove the character", place_after(before, file))
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Finding(Severity.ERROR, "yaml", "not valid YAML", location=Location(file))
    mark = error.problem_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent or line[mark.column : mark.column + 1] == "\t":
        message, hint = "not valid YAML: a tab in the indentation", "indent with spaces"
        return Finding(Severity.ERROR, "yaml", message, hint, Location(file, mark.line + 1, line.find("\t") + 1))
    context = f" {error.context} (started on line {error.context_mark.line + 1})" if error.context_mark else ""
    hint = next((hint for part, hint in _HINTS if part in (error.problem or "")), "")
    message = f"not valid YAML: {error.problem}{context}"
    return Finding(Severity.ERROR, "yaml", message, hint, Location(file, mark.line + 1, mark.column + 1))


# --- Where a value is ---


@lru_cache(maxsize=4)
def composed(text: str) -> tuple[Node, ...]:
    """The root nodes up to the first error; cached for the few files whose findings are being located."""
    nodes: list[Node] = []
    try:
        for node in compose(text):
            nodes.append(node)  # noqa: PERF402 - what precedes an error is kept
    except (YAMLError, TooMuch):
        return tuple(nodes)
    return tuple(nodes)


def follow(node: Node, pointer: str) -> tuple[Node | None, Node, bool]:
    """The key and value nodes at a JSON pointer and True; or those of the nearest parent and False."""
    key: Node | None = None
    for name in segments(pointer):
        found = _child(node, name)
        if found is None:
            return key, node, False
        key, node = found
    return key, node, True


def _child(node: Node, token: str, depth: int = 0) -> tuple[Node | None, Node] | None:
    """The key and value nodes under a token; an item of a list has no key. Follows merge keys."""
    if isinstance(node, SequenceNode):
        index = int(token) if token.isdecimal() and len(token) < 9 else len(node.value)
        return (None, node.value[index]) if index < len(node.value) else None
    if not isinstance(node, MappingNode) or depth > MAX_DEPTH:
        return None
    for key, value in reversed(node.value):
        if key.value == token and not is_merge(key):
            return key, value
    for key, value in reversed(node.value):
        for source in (value.value if isinstance(value, SequenceNode) else [value]) if is_merge(key) else ():
            if isinstance(source, MappingNode) and (found := _child(source, token, depth + 1)):
                return found
    return None


def pointers(root: Node, wanted: set[int]) -> dict[int, str]:
    """The first JSON pointer of each wanted node (by ``id``), key or value."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    stack: list[tuple[Node, str]] = [(root, "")]
    while stack:
        node, pointer = stack.pop()
        if id(node) in wanted:
            found.setdefault(id(node), pointer)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            stack.extend((item, f"{pointer}/{index}") for index, item in enumerate(node.value))
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                token = key.value if isinstance(key, ScalarNode) else "?"
                below = pointer if is_merge(key) else f"{pointer}/{token.replace('~', '~0').replace('/', '~1')}"
                if id(key) in wanted:
                    found.setdefault(id(key), below)
                stack.append((value, below))
    return found


# --- Reading files within bounds ---


MAX_BYTES = 10 * 1024 * 1024
"""Largest file that is read; real specs have a few kilobytes."""

_AT_ONCE = 1 << 16
"""Bytes that are read at a time; few files have more."""

_AS_UTF8 = "save the file as UTF-8"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

# JSON writes characters beyond the basic plane as two escapes, which YAML does not support.
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def open_file(path: Path) -> IO[bytes]:
    """Open a regular file for reading; a FIFO or a device might be waited for without end, so it is refused (C84).

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    return os.fdopen(_opened(path), "rb")


def _opened(path: Path) -> int:
    """The descriptor of `open_file`."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        return number
    os.close(number)
    raise OSError(errno.EINVAL, os.strerror(errno.EISDIR) if stat.S_ISDIR(mode) else "it is not a regular file")


def read_text(path: Path, file: str) -> str:
    """A file's text: UTF-8, with or without a byte order mark. ``file`` is how findings name it.

    Raises:
        InvalidInput: the file cannot be read, is too large, or is not UTF-8; carries one finding.
    """
    try:
        raw = _bytes(_opened(path))
    except OSError as error:
        raise _unusable("unreadable-file", f"cannot read the file: {error.strerror}", "", Location(file)) from error
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES >> 20} MiB"
        raise _unusable("too-large", message, "split it into several files", Location(file))
    if raw.startswith(_UTF16):
        raise _unusable("encoding", "the file is UTF-16, not UTF-8", _AS_UTF8, Location(file, 1, 1))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        raise _unusable("encoding", "the file is not UTF-8", _AS_UTF8, place_after(before, file)) from error
    return _SURROGATES.sub(_joined, text) if file.endswith(".json") and "\\u" in text else text


def _bytes(number: int) -> bytearray:
    """What a descriptor has, up to somewhat more than `MAX_BYTES`; through a file object it takes twice as long."""
    raw = bytearray()
    try:
        while len(raw) <= MAX_BYTES and (piece := os.read(number, _AT_ONCE)):
            raw += piece
    finally:
        os.close(number)
    return raw


def place_after(text: str, file: str) -> Location:
    """The location right after ``text``, the start of the file."""
    return Location(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


def _unusable(code: str, message: str, hint: str, location: Location) -> InvalidInput:
    return InvalidInput([Finding(Severity.ERROR, code, message, hint, location)], f"{location}: {message}")


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
