"""Mutants of the policy that no test can catch, by their names, each with the reason why it changes nothing.

There are none: what changes nothing can mostly be written so that it need not be there.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
