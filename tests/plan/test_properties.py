"""Git against what the platform answers, for any valid spec and any way the platform may behave."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.platform import against, same, sent, stored, switches, told
from tests.support.specs import SECRETS, edits, specs


@settings(max_examples=40, deadline=None)
@given(specs(), switches)
def test_what_was_sent_is_in_sync_with_what_comes_back(spec, platform):
    assert told(against(spec, stored(spec, platform))) == {}


@settings(max_examples=40, deadline=None)
@given(st.data(), switches)
def test_an_edit_is_told_exactly_and_sending_it_leaves_nothing(data, platform):
    spec = data.draw(specs())
    edit = data.draw(edits(spec))
    answered = stored(spec, platform)
    for change in against(edit.spec, answered).changes:
        traffic = "cors" in edit.path and change.path[0] == "ingress"
        wanted = edit.path[:-1] if edit.path[-1] == "type" else edit.path  # what is secret no more has a value to show
        shared = min(len(change.path), len(wanted))
        assert traffic or change.path[:shared] == wanted[:shared]
    assert told(against(edit.spec, stored(sent(edit.spec, answered), platform))) == {}


@settings(max_examples=40, deadline=None)
@given(st.data(), switches)
def test_an_edit_of_what_git_decides_is_never_missed(data, platform):
    spec = data.draw(specs(secrets=False))
    edit = data.draw(edits(spec))
    unset = edit.path[-1] in ("engine", "type") and edit.path[0] in ("databases", "domains")
    if not same(spec, edit.spec) and not unset:
        assert against(edit.spec, stored(spec, platform)).changes


@settings(max_examples=40, deadline=None)
@given(specs(), specs(), switches)
def test_any_spec_can_follow_any_other(before, after, platform):
    answered = stored(before, platform)
    assert told(against(after, stored(sent(after, answered), platform))) == {}


@settings(max_examples=40, deadline=None)
@given(specs(), specs())
def test_what_is_sent_carries_every_field_of_git(before, after):
    answered = stored(before)
    for path, value in _leaves(after):
        found = _at(sent(after, answered), path)
        kept = any(secret in str(found) for secret in ("EV[", *SECRETS))  # what has no value in Git keeps that of live
        assert found == value or str(found).startswith("EV[") or (value == {} and kept)


def _leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value


def _at(tree, path):
    for part in path:
        tree = tree[part]
    return tree
