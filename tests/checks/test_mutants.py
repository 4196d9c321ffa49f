"""Hunting mutants: which verdicts are wrong, and that explanations are of mutants that there are."""

from __future__ import annotations

import pytest

from checks import mutants as hunting
from checks.equivalent_mutants import EQUIVALENT
from checks.mutants import MODULES, Verdict, found_in, table, wrongs
from checks.mutators import Mutant

FOUND = Mutant("f", 3, "if a:", "if not a:")
KEY = "rollout.policy.f: if a: → if not a:"
CAUGHT, SURVIVED = Verdict("rollout.policy", FOUND, "tables", "test_x"), Verdict("rollout.policy", FOUND, "", "")


def explained(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    monkeypatch.setattr(hunting, "EQUIVALENT", dict.fromkeys(keys, "why"))


def test_a_survivor_must_be_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrongs([SURVIVED], everything=False) == [f"SURVIVED reconciler/rollout/policy.py:3 {KEY}"]
    explained(monkeypatch, KEY)
    assert wrongs([SURVIVED], everything=True) == []


def test_an_explanation_of_what_is_caught_or_gone_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    explained(monkeypatch, KEY, "rollout.policy.g: gone")
    assert wrongs([CAUGHT], everything=False) == [f"OUT OF DATE {KEY}: caught by test_x"]
    assert wrongs([SURVIVED], everything=True) == ["OUT OF DATE rollout.policy.g: gone: there is no such mutant"]


def test_the_table_counts_module_by_module_and_all(monkeypatch: pytest.MonkeyPatch) -> None:
    explained(monkeypatch, KEY)
    head, steps, every = table([CAUGHT, SURVIVED]).splitlines()
    assert head.split() == ["module", "mutants", "tables", "walk", "rollouts", "time", "died", "equivalent", "survived"]
    assert steps.split() == ["rollout.policy", "2", "1", "0", "0", "0", "0", "1", "0"]
    assert every.split() == ["all", "2", "1", "0", "0", "0", "0", "1", "0"]


def test_what_is_explained_is_a_mutant_and_has_a_reason() -> None:
    assert all(EQUIVALENT.values())
    keys = {f"{module}.{found.key}" for name in MODULES for module, found in found_in(name)}
    assert set(EQUIVALENT) <= keys
