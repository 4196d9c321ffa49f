"""Mutants of the policy that no test can catch, by their names, each with the reason why it changes nothing.

There are few: what changes nothing can mostly be written so that it need not be there.
"""

from __future__ import annotations

_NO_RENDERING = "canonical takes what is no mapping for an empty spec; the types ask for one"

_RENDERED = "plan.decide.make_plan: rendered = canonical(comparison.rendered or {})"

EQUIVALENT: dict[str, str] = {
    f"{_RENDERED} → rendered = canonical({other})": _NO_RENDERING
    for other in ("comparison.rendered", "comparison.rendered or not {}")
}
