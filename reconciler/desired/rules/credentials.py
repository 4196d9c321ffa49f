"""Rules on credentials in Git: plaintext where a secret belongs, and what looks like a credential anywhere else."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.appspec.secrets import CLONE_URL, plaintext_secrets
from reconciler.desired.rules.context import Rule, RuleContext
from reconciler.findings import Finding
from reconciler.text import segments


def plaintext(context: RuleContext) -> Iterator[Finding]:
    """A plaintext credential in Git is no longer a secret; one in a clone URL is none on App Platform either."""
    for pointer, _ in plaintext_secrets(context.spec):
        if segments(pointer)[-1] == CLONE_URL:
            hint = "connect the account under github, gitlab or bitbucket, and revoke this credential"
            yield context.warning("clone-url-login", f"{CLONE_URL} contains a credential", hint, pointer)
        elif pointer not in context.app.substituted:
            hint = (
                "use a declared variable (${NAME}), omit the value to keep the live one, "
                "or paste the encrypted EV[…] that App Platform returns"
            )
            yield context.warning("plaintext-secret", "plaintext secret", hint, pointer)


def lookalikes(context: RuleContext) -> Iterator[Finding]:
    """What looks like a credential in a plain field can be read by everyone who can read the app (C65)."""
    for pointer, _, what in context.app.lookalikes:
        substituted = pointer in context.app.substituted
        instead = "" if substituted else " and put the value into a declared variable: ${NAME}"
        hint = f"if it is one, add `type: SECRET`{instead}; plans show it only with --show-live-values"
        if segments(pointer)[-1] != "value":
            hint = f"if it is one, move it to an environment variable with `type: SECRET`{instead}"
        yield context.warning("looks-like-credential", f"this looks like {what}, but is not a secret", hint, pointer)


RULES: tuple[Rule, ...] = (plaintext, lookalikes)
"""The rules of this module."""
