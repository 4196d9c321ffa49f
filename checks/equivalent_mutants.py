"""Mutants of the policy that no test can catch, by their names, each with the reason why it changes nothing."""

from __future__ import annotations

EQUIVALENT = {
    "health._due_in: return 0.0 if last is None else last + every - age → "
    "return -1.0 if last is None else last + every - age": "what is due is due, however long since",
}
