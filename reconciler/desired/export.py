"""Writes a live spec as YAML for Git, as `reconcile import` does.

Fields are in their usual order, documented defaults are omitted, ciphertext is kept with a comment that
says so. A plaintext secret is never written: without a value, App Platform keeps the one it has.
Loading the text and comparing it with the live spec shows no difference.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.appspec.secrets import is_ciphertext, is_marked, is_plaintext
from reconciler.appspec.shape import MISSING, SPEC, Field, Record, Scalar, Shape, canonical_spelling
from reconciler.appspec.walk import mapped
from reconciler.yamltext.document import open_file
from reconciler.yamltext.write import Noted, Style, mapping_lines

CIPHERTEXT_COMMENT = "secret, encrypted for this app: useless in any other"

_GIVEN = frozenset({("Vpc", "egress_ips"), ("Database", "size"), ("Database", "num_nodes")})
"""Fields that the platform fills in and ignores when they are sent."""

_SHOWN = frozenset({("EnvVar", "value"), ("Route", "path")})
"""Fields that are written even with their default value: an empty variable differs from one without a value."""

_LATE = ("envs", "log_destinations", "alerts")
"""Fields that are written last in a component: long lists."""


def export_spec(spec: Mapping[str, Any], *, style: Style | None = None) -> str:
    """The YAML text of a spec as App Platform has it."""
    return "\n".join(mapping_lines(tidy(spec), 0, style or Style())) + "\n"


def tidy(value: Any, shape: Shape | None = SPEC) -> Any:
    """A spec or a part of one, ready to write: ordered, without defaults, secrets with their comments (`Noted`)."""
    return mapped(value, shape, members=_members)


def is_default(field: Field, value: Any) -> bool:
    """Whether a value means the same as omitting the field."""
    if value is None:
        return True
    if field.required or field.default is MISSING:
        return False
    if isinstance(field.shape, Scalar):
        return bool(_spelled(field, value) == _spelled(field, field.default)) and isinstance(value, bool) == isinstance(
            field.default, bool
        )
    return bool(tidy(value, field.shape) == field.default)


def field_order(record: Record | None) -> tuple[str, ...]:
    """A record's fields in writing order: the spec's own; in components sources first, long lists last."""
    if record is None:
        return ()
    names = list(record.fields)
    if "git" in names:
        names = [name for name in names if name not in (*_LATE, "image")] + [name for name in _LATE if name in names]
        if "image" in record.fields:
            names.insert(names.index("bitbucket") + 1, "image")
    return tuple(names)


def rewrite(path: Path, text: str) -> None:
    """Replace a file's text atomically; a byte order mark, line ends and the mode are kept.

    A link is followed: its target is written. A device is never replaced, nor read without end.

    Raises:
        OSError: the file cannot be written, or is something other than a regular file; names ``path``.
    """
    try:
        _replace(Path(os.path.realpath(path)), text)
    except OSError as error:  # it names the file that was to take its place
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _replace(target: Path, text: str) -> None:
    marked = False
    if target.exists():
        with open_file(target) as stream:
            marked = stream.read(3) == b"\xef\xbb\xbf"
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(text.encode("utf-8-sig" if marked else "utf-8"))
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:  # an interrupt, too, leaves nothing beside the file
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _spelled(field: Field, value: Any) -> Any:
    return canonical_spelling(field.spelling, value) if field.spelling else value


def _members(value: Mapping[str, Any], record: Record | None) -> Iterator[tuple[str, Any]]:
    """The fields in writing order: documented ones first, then the others as they come."""
    known = record.fields if record else {}
    for name in field_order(record):
        if name in value and not _left_out(record, known[name], value):
            yield from _field(known[name], value)
    yield from ((name, other) for name, other in value.items() if name not in known)


def _left_out(record: Record | None, field: Field, value: Mapping[str, Any]) -> bool:
    place = (record.title if record else "", field.name)
    return (
        place in _GIVEN or value[field.name] is None or (place not in _SHOWN and is_default(field, value[field.name]))
    )


def _field(field: Field, record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The field; ciphertext with a comment. A secret in plaintext is left out, empty too: that keeps what live has."""
    name, value = field.name, record[field.name]
    if field.can_be_secret and is_ciphertext(value):
        yield name, Noted(value, CIPHERTEXT_COMMENT)
    elif not (isinstance(value, str) and is_marked(field, record)) or (value and not is_plaintext(value)):
        yield name, value
