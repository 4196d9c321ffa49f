"""Finds the secrets in a spec: fields marked as secret, unknown fields named like one, clone URLs with a login.

The models lag behind the platform. In a part that they do not know (a new kind of component, a new field) a secret is
recognised by its name: that of a field which is secret wherever the models have it, or ``value`` next to a
``type`` other than GENERAL, as in environment variables. What merely looks like a credential is `credential`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from reconciler.appspec.shape import SPEC, Field, Record, Scalar, Shape
from reconciler.appspec.walk import Branches, branches, field_of, fields_below, find, find_known, mapped, shape_at
from reconciler.redaction import MASK

CIPHERTEXT = "EV["
"""Prefix of a secret's ciphertext: ``EV[1:nonce:cipher]``."""

CIPHERTEXT_PATTERN = re.compile(r"\s*EV\[")
"""A value that is, or was meant to be, ciphertext."""

CIPHERTEXT_FORM = re.compile(r"^EV\[1:([A-Za-z0-9+/=_-]+):([A-Za-z0-9+/=_-]+)\]$")
"""The ciphertext of a secret as a whole; its groups are the nonce and the cipher, both base64."""


def is_ciphertext(value: Any) -> bool:
    """Whether a value is what the platform makes of a secret."""
    return isinstance(value, str) and value.startswith(CIPHERTEXT)


_ALSO = frozenset({"secret", "private_key", "access_key", "credentials"})
"""Further names for a secret that no documented field has."""


def secrets(
    node: Any, shape: Shape | None = SPEC, pointer: str = "", *, parent: str = ""
) -> Iterator[tuple[str, str | int | float]]:
    """Pointer and value of every secret in a spec or a part of one, ciphertexts too.

    ``shape`` is None in a part that no model knows, ``parent`` the name of the field that holds the node. Everything
    inside a secret, keys included, is yielded as a value of that secret.
    """
    for at, value in find(node, is_secret, shape, pointer, parent=parent, never=_never_secret()):
        yield from ((at, scalar) for scalar in _scalars(value))


def _secrets_of_accepted(spec: Mapping[str, Any]) -> Iterator[tuple[str, str | int | float]]:
    """`secrets` of a spec that the models accept, in a third of the time: it has no field that they do not know."""
    for pointer, field, value, owner in find_known(spec, _can_be_secret()):
        if is_secret(field, field.name, owner):
            yield from ((pointer, scalar) for scalar in _scalars(value))


@cache
def _can_be_secret() -> Branches:
    return branches(SPEC, lambda _, field: field.can_be_secret or field.name == CLONE_URL)


@cache
def _never_secret() -> Mapping[str, frozenset[str]]:
    """The scalar fields of each record of the models that hold no secret, whatever is beside them."""
    plain: dict[str, set[str]] = {}
    for record, _, field in fields_below(SPEC):
        if isinstance(field.shape, Scalar) and not field.can_be_secret and field.name != CLONE_URL:
            plain.setdefault(record.title, set()).add(field.name)
    return {title: frozenset(names) for title, names in plain.items()}


def is_secret(field: Field | None, name: Any, owner: Mapping[str, Any], parent: str = "") -> bool:
    """Whether a field is a secret: according to the models, or else to its name and the sibling ``type``."""
    if name == CLONE_URL:  # public repositories have nothing to hide in it
        return has_login(owner[name])
    return is_marked(field, owner) if field else is_named_so(name, owner, parent)


def is_marked(field: Field, owner: Mapping[str, Any]) -> bool:
    """Whether a field known to the models is a secret in its owner."""
    return field.secret or (field.secret_when_typed and is_typed_so(owner))


def is_named_so(name: Any, owner: Mapping[str, Any], parent: str = "") -> bool:
    """Whether a field unknown to the models is a secret; ``parent`` is the field that holds its owner."""
    if name == "value" and is_typed_so(owner):
        return True
    called = str(name).lower().replace("-", "_")
    return (parent, called) in _PLACES or called in _NAMES or called.endswith(_ENDINGS)


def is_typed_so(owner: Mapping[str, Any]) -> bool:
    """Whether a value's ``type`` marks it as secret: anything but GENERAL, so also a misspelt SECRET or a new type."""
    return owner.get("type") not in (None, "", "GENERAL")


def _scalars(value: Any) -> Iterator[str | int | float]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _scalars(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _scalars(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


_KNOWN = tuple((parent, field) for _, parent, field in fields_below(SPEC))
_PLACES = frozenset((parent, field.name) for parent, field in _KNOWN if field.secret)
_NAMES = ({name for _, name in _PLACES} - {field.name for _, field in _KNOWN if not field.secret}) | _ALSO
_ENDINGS = tuple(f"_{name}" for name in sorted(_NAMES))


def may_be_anything(path: Sequence[str]) -> bool:
    """Whether a text at a path may contain anything: a variable's value, a command, a field that no model knows."""
    field = field_of(shape_at(path[:-1]), path[-1])
    if field is None:
        return shape_at(path) is None
    return field.can_be_secret or field.name.endswith("_command")


# --- Plaintext credentials in a spec ---


CLONE_URL = "repo_clone_url"
"""The field that App Platform clones from and stores as it is, a login included."""

_LOGIN = re.compile(r"\s*[a-z][a-z0-9+.-]*://([^\s/?#]*)@", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def has_login(address: Any) -> bool:
    """Whether an address has a password, or a user name that may be a token; a plain ``git@`` is neither."""
    match = _LOGIN.match(address) if isinstance(address, str) else None
    user, colon, password = match[1].partition(":") if match else ("", "", "")
    return is_plaintext(password) if colon else is_plaintext(user) and len(user) > len("x-access-token")


def without_login(address: str) -> str:
    """An address without a login, be that a secret or not."""
    match = _LOGIN.match(address)
    return address[: match.start(1)] + address[match.end() :] if match else address


def plaintext_secrets(spec: Mapping[str, Any], *, accepted: bool = False) -> Iterator[tuple[str, str]]:
    """Pointer and value of every plaintext credential in the spec, in no particular order.

    Ciphertext (``EV[…]``) and values that only refer to bindable variables (``${db.PASSWORD}``) do not count.
    An environment variable counts if its type is anything but GENERAL, so a misspelt SECRET does as well.
    ``accepted`` says that the models accept the spec: then only the fields that can be secret are looked at.
    """
    for pointer, value in _secrets_of_accepted(spec) if accepted else secrets(spec):
        if is_plaintext(written := str(value)):
            yield pointer, written


def is_plaintext(value: str) -> bool:
    """Whether a credential's value is itself secret: not empty, not ciphertext, not just a reference."""
    return bool(value.strip()) and not CIPHERTEXT_PATTERN.match(value) and bool(_REFERENCE.sub("", value).strip())


# --- What looks like a credential where none belongs: a variable of type GENERAL, any plain field ---
#
# docs/decisions/014 says why the patterns are our own.


_SHAPES = {
    "a DigitalOcean token": r"\bdo[oprt]_v1_[0-9a-f]{64}\b",
    "a GitHub token": r"\bgh[oprsu]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}",
    "a GitLab token": r"\bgl(?:pat|dt|rt|cbt|ptt)-[\w-]{20,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Google API key": r"\bAIza[\w-]{35}",
    "a Slack token": r"\bxox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w{20,}",
    "a Stripe key": r"\b[rs]k_live_\w{16,}|\bwhsec_\w{24,}",
    "a SendGrid key": r"\bSG\.[\w-]{16,}\.[\w-]{32,}",
    "an API key": r"\bsk-(?:proj-|ant-|or-|svcacct-)?[\w-]{20,}|\bhf_[A-Za-z0-9]{30,}|\bkey-[0-9a-f]{32}\b",
    "a registry token": r"\bnpm_[A-Za-z0-9]{36}|\bpypi-AgEI[\w-]{50,}|\bdckr_pat_[\w-]{20,}",
    "a bot token": r"\b\d{8,10}:AA[\w-]{33}\b|\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}",
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a private key": r"-----BEGIN[A-Z ]* PRIVATE KEY",
}
"""Shapes of tokens that vendors document; the shortest match has 16 characters."""

# Compiled at first use, which `re` remembers: most specs give no occasion for them, and compiling takes milliseconds.
_SHORTEST = 6
_ADDRESS = (
    r"(?i)://[^\s/:@]*:([^\s@]+)@(?!localhost|127\.|\[::1\])"
    r"|[?&](?:access_token|auth_?token|token|api_?key|password|secret|sig|x-amz-signature)=([^&#\s]{8,})"
)
_NAMED = (
    r"(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|SECRET_KEY_BASE"
    r"|(?:^|_)(?:PASS|PWD|(?:SECRET|ACCESS|PRIVATE|ENCRYPTION|SIGNING|AUTH|MASTER|SERVICE|ADMIN)_?KEY))(?:_BASE64|_B64)?$"
)
_PUBLIC = r"PUBLIC|PUBLISHABLE|ANON_|^VITE_|^REACT_APP_|^VUE_APP_|^GATSBY_"
_PLACEHOLDER = (
    r"(?i)change|replace|your|example|placeholder|dummy|todo|fixme|xxx|\*\*|\.\.\.|…|[<>]|^\[.*\]$|\{\{|^__|insert|enter|goes"
    r"|^(?:my|some|a|the|set|put|use|test|fake|sample|redacted|secret|password|pass|token|key|none|null|true|false)\b"
)
_NO_CREDENTIAL = r"(?s)\.{0,2}/.*|[a-z][a-z0-9+.-]*://.*|[A-Z][A-Z0-9_]{0,15}"
"""Values that a name alone does not make a credential: paths, addresses, names of other variables."""


def credential(name: str, value: Any) -> str:
    """What the value of a plain field looks like, such as ``a GitHub token``; empty if it is no credential.

    ``name`` is the field's, or a variable's key. A reference (``${…}``) and an obvious placeholder are none.
    """
    return _look(name, value) if isinstance(value, str) and len(value) >= _SHORTEST else ""


@lru_cache(maxsize=4096)
def _look(name: str, value: str) -> str:
    """`credential` of a text that is not too short; apps have many in common."""
    if CIPHERTEXT_PATTERN.match(value):
        return ""
    written = _REFERENCE.sub("", value).strip() if "${" in value else value.strip()
    if "://" in written and (found := re.search(_ADDRESS, written)) and _is_real(found[1] or found[2]):
        return "an address with a credential"
    if len(written) >= 16 and (shape := _shapes().search(written)) and _is_real(shape[0]) and not _is_public(name):
        return list(_SHAPES)[int(str(shape.lastgroup)[1:])]
    if (
        _is_named(name)
        and len(written) >= _SHORTEST
        and _is_real(written)
        and not re.fullmatch(_NO_CREDENTIAL, written)
    ):
        return "a credential by its name"
    return ""


def _is_public(name: str) -> bool:
    return bool(re.search(_PUBLIC, name.upper()))


@lru_cache(maxsize=4096)
def _is_named(name: str) -> bool:
    """Whether a name ends as those of credentials do; a framework that publishes it to browsers says so in the name."""
    spelled = re.sub(r"[^A-Z0-9]", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper())
    return bool(re.search(_NAMED, spelled)) and not _is_public(spelled)


@cache
def _shapes() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<n{number}>{shape})" for number, shape in enumerate(_SHAPES.values())))


def _is_real(value: str) -> bool:
    return not re.search(_PLACEHOLDER, value)


def credentials(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Pointer and value of every plain field of a spec that looks like a credential, and what it looks like."""
    if not _any_look(spec):
        return
    looks: list[str] = []  # of each field that is wanted, in order

    def wanted(field: Field | None, name: Any, owner: Mapping[str, Any], parent: str) -> bool:
        if not isinstance(value := owner[name], str) or len(value) < _SHORTEST:  # nearly every field ends here
            return False
        look = credential(_called(name, owner), value)
        if not look or is_secret(field, name, owner, parent):
            return False
        looks.append(look)
        return True

    for (pointer, value), look in zip(find(spec, wanted), looks, strict=True):
        yield pointer, value, look


_PARTS = (dict, list)  # checked in half the time of `dict | list`


def _called(name: Any, owner: Mapping[str, Any]) -> str:
    """What a field is called: a variable's value by its key."""
    return str(owner.get("key", name) if name == "value" else name)


def _any_look(node: Any) -> bool:
    """Whether any text of a document looks like a credential, in secret fields, too; nearly every spec has none.

    Takes a fifth of the time of the search for places, which also asks what is secret.
    """
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str):
                if len(value) >= _SHORTEST and _look(_called(name, node) if name == "value" else str(name), value):
                    return True
            elif isinstance(value, _PARTS) and _any_look(value):
                return True
        return False
    return isinstance(node, list) and any(map(_any_look, node))


# --- A spec as it may be shown ---


def plain(value: Any, shape: Shape | None = None) -> Any:
    """A spec value that JSON can represent, without what ``shape`` says is secret.

    Ciphertext, and the value of a variable whose type says that it is a secret, become ``(secret)`` in any shape;
    numbers that JSON lacks, keys that are not text and anything else become text.
    """
    return mapped(value, shape, members=_members, scalar=_scalar)


def _scalar(value: Any) -> Any:
    match value:
        case None | bool() | int():
            return value
        case str():
            return MASK if CIPHERTEXT_PATTERN.match(value) else value
        case float():
            return value if value - value == 0 else str(value)
        case _:
            return str(value)


def _members(whole: Mapping[Any, Any], record: Record | None) -> Iterator[tuple[str, Any]]:
    for key, item in whole.items():
        field = field_of(record, key)
        secret = is_marked(field, whole) if field else key == "value" and is_typed_so(whole)
        yield str(key), MASK if secret and item not in (None, "") else item
