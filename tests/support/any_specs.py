"""Specs of every shape that the spec tree allows, with text that YAML likes to misread."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.appspec.shape import SPEC, Field, Listing, Record, Scalar, Shape, identity_of

MISREAD = [
    "on", "off", "yes", "No", "y", "~", "null", "Null", "true", "False", "", " ", " lead", "trail ", "1", "1.2",
    "0x42", "0o17", "017", "1e3", "12:30", "2024-01-31", "2024-01-31 10:00:00", ".5", "5.", "-", "--- x", "- x",
    "? x", "[x", "{x", "a: b", "a #b", "#x", "&x", "*x", "!x", "|", ">", "%x", "@x", "`x", "'x'", '"x"', "it's",
    'say "hi"', "back\\slash", "tab\there", "two\nlines", "two\nlines\n", "kept\n\n\n", "\nlead", " x\ny",
    "x \ny", "a\r\nb", "x:", "=", "<<", ".inf", "${db.URL}", "é", "\u2028", "\u0085", "\ufeff", "\U0001f600",
    "a,b", "\x00", "\u007f", "1_000", "+1", "...", "0b1", "x\n# y",
]  # fmt: skip
NAMES = ["web", "api", "worker-1", "a0"]

text = st.sampled_from(MISREAD) | st.text(max_size=8)


def _scalar(shape: Scalar) -> st.SearchStrategy[Any]:
    if shape.choices:
        return st.sampled_from(shape.choices)
    match shape.type:
        case "string":
            return text
        case "integer":
            return st.integers(0, 9999)
        case "number":
            return st.integers(0, 99) | st.sampled_from([0.5, 80.0, 1e20])
        case _:
            return st.booleans()


def _value(field: Field, depth: int) -> st.SearchStrategy[Any]:
    if field.secret:
        return st.from_regex(r"\AEV\[1:[a-z]{4}:[a-z+/=]{4}\]\Z")
    if field.name in ("name", "domain", "key"):
        return st.sampled_from(NAMES)
    return _shaped(field.shape, depth)


def _shaped(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    match shape:
        case Scalar():
            return _scalar(shape)
        case Listing():
            unique = (lambda item: identity_of(shape, item)) if shape.identity else None
            return st.lists(_shaped(shape.item, depth + 1), max_size=2 if depth else 3, unique_by=unique)
        case Record():
            return _record(shape, depth)


@st.composite
def _record(draw: st.DrawFn, shape: Record, depth: int) -> dict[str, Any]:
    optional = [name for name, field in shape.fields.items() if not field.required and name != "routes"]
    chosen = draw(st.lists(st.sampled_from(optional), max_size=4 if depth else 6, unique=True)) if optional else []
    out = {
        name: draw(_value(field, depth + 1)) for name, field in shape.fields.items() if field.required or name in chosen
    }
    if out.get("type") == "SECRET":
        out["value"] = draw(st.sampled_from(["EV[1:abcd:cipher]", "EV[1:efgh:other]"]))
    if draw(st.integers(0, 9)) == 0:
        out["x-unknown"] = draw(
            text | st.lists(text, max_size=2) | st.dictionaries(st.sampled_from(MISREAD), text, max_size=2)
        )
    names = draw(st.permutations(list(out)))
    return {name: out[name] for name in names}


specs = _record(SPEC, 0)
"""Specs as the API might answer them: secrets are ciphertext, names are names, everything else is anything."""
