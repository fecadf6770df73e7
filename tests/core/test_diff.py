"""Comparing plain values: the laws of equality, of laying declared keys over live ones, and of telling differences."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trueup.core.changes import MISSING, UNKNOWN, Change, dotted
from trueup.core.compare import covers, diff, leaves, overlay, pairs, same
from trueup.core.secrets import REDACTED, Secret

KEYS = st.sampled_from(["a", "b", "__c", "_d", "e.f", "", "0", "[0]", 'g"', "ü", "x y"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, 1.5, -0.0]),
    st.sampled_from(["", "a", "1", "true", "\n", "a\nb"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=4)


def json_equal(one: Any, other: Any) -> bool:
    """Equality as JSON means it, said as slowly and plainly as can be."""
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool) and one == other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(json_equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(json_equal(*both) for both in zip(one, other, strict=True))
    return bool(one == other)


def patched(value: Any, changes: list[tuple[Any, Any, Any]]) -> Any:
    """The value with every pair applied, checking that what it calls old is there."""
    result = copy.deepcopy(value)
    removed: list[tuple[list[Any], int]] = []
    for path, before, after in changes:
        if not path:
            return after
        holder = result
        for part in path[:-1]:
            holder = holder[part]
        last = path[-1]
        if isinstance(holder, list):
            if before is MISSING:
                holder.append(after)
            elif after is MISSING:
                removed.append((holder, last))
            else:
                holder[last] = after
            continue
        assert (last in holder) == (before is not MISSING)
        if after is MISSING:
            del holder[last]
        else:
            holder[last] = after
    for holder, index in sorted(removed, key=lambda one: -one[1]):
        del holder[index]
    return result


@given(VALUES, VALUES)
def test_same_is_equality_as_json_means_it(one: Any, other: Any) -> None:
    assert same(one, other) == json_equal(one, other)
    assert same(one, other) == same(other, one)


@given(VALUES)
def test_a_value_is_the_same_as_its_copy(value: Any) -> None:
    assert same(value, copy.deepcopy(value))
    assert pairs(value, copy.deepcopy(value)) == []


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (True, 1, False),
        (False, 0, False),
        (1, 1.0, True),
        (0, -0.0, True),
        (1, "1", False),
        (None, MISSING, False),
        (None, False, False),
        (None, {}, False),
        ([], {}, False),
        ([1, 2], [2, 1], False),
        ([True], [1], False),
        ({"a": {"b": [1]}}, {"a": {"b": [1.0]}}, True),
        ({"a": None}, {}, False),
        (2**60, float(2**60), True),
        (UNKNOWN, "x", False),
        ("é", "e\u0301", False),
    ],
)
def test_cases_of_equality(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
    assert same(other, one) is equal
    assert bool(pairs(one, other)) is not equal


@settings(max_examples=400)
@given(VALUES, VALUES)
def test_applying_what_differs_makes_them_the_same(before: Any, after: Any) -> None:
    found = pairs(before, after)
    assert same(patched(before, found), after)
    assert (found == []) == same(before, after)
    assert all(not same(was, now) for _, was, now in found)
    paths = [path for path, _, _ in found]
    assert len(paths) == len(set(paths)), "each place is told once"


@given(MAPPINGS, MAPPINGS)
def test_leaves_tell_the_same_and_enter_what_appears(before: Any, after: Any) -> None:
    result = copy.deepcopy(before)
    for path, was, now in leaves(before, after):
        assert not (isinstance(now, dict) and now and was is MISSING), "a mapping that appears is entered"
        assert not same(was, now)
        if not path:
            result = now
            continue
        holder = result
        for part in path[:-1]:
            if not isinstance(holder.get(part), dict):
                holder[part] = {}
            holder = holder[part]
        if now is MISSING:
            del holder[path[-1]]
        else:
            holder[path[-1]] = now
    assert same(result, after)


@given(VALUES, VALUES)
def test_what_is_declared_is_covered_once_it_is_laid_over(live: Any, declared: Any) -> None:
    result = overlay(live, declared)
    assert covers(result, declared)
    assert same(overlay(result, declared), result), "and laying it over again changes nothing"


@given(MAPPINGS, MAPPINGS)
def test_what_is_not_declared_stays(live: Any, declared: Any) -> None:
    result = overlay(live, declared)
    assert result.keys() == live.keys() | declared.keys()
    for key in live.keys() - declared.keys():
        assert same(result[key], live[key])


@given(MAPPINGS, MAPPINGS)
def test_what_is_covered_needs_no_change_and_what_is_not_does(live: Any, declared: Any) -> None:
    assert covers(live, declared) == same(overlay(live, declared), live)
    assert covers(live, declared) == (pairs(live, overlay(live, declared)) == [])


@given(MAPPINGS, MAPPINGS)
def test_nothing_changes_what_it_is_given(live: Any, declared: Any) -> None:
    before = copy.deepcopy((live, declared))
    overlay(live, declared)
    pairs(live, declared)
    covers(live, declared)
    assert same(list(before), [live, declared])


def test_lists_are_taken_whole_by_overlay_and_covers() -> None:
    assert overlay({"a": [1, 2, {"x": 1}]}, {"a": [{"y": 1}]}) == {"a": [{"y": 1}]}
    assert not covers({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]})


def test_changes_come_in_the_order_of_their_paths() -> None:
    found = diff({}, {"b": 1, "a": 2, "c": {"z": 1, "y": 2}})
    assert [change.name for change in found] == ["a", "b", "c"]


def test_a_path_in_front_is_kept() -> None:
    (change,) = diff({"b": 1}, {"b": 2}, ("config", "a"))
    assert change.name == "config.a.b"


@pytest.mark.parametrize("depth", [50, 200])
def test_deep_values_are_compared(depth: int) -> None:
    one: Any = 1
    other: Any = 2
    for _ in range(depth):
        one, other = {"k": one}, {"k": other}
    (found,) = pairs(one, other)
    assert (len(found[0]), found[1], found[2]) == (depth, 1, 2)


# How paths are written


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("config",), "config"),
        (("config", "branch"), "config.branch"),
        (("roles", 0, "name"), "roles[0].name"),
        (("config", "a.b"), 'config["a.b"]'),
        (("config", ""), 'config[""]'),
        (("config", "0"), "config.0"),
        (("config", "with space"), 'config["with space"]'),
        (("config", "kebab-case_key"), "config.kebab-case_key"),
    ],
)
def test_paths_as_people_write_them(path: tuple[str | int, ...], name: str) -> None:
    assert dotted(path) == name


@example(['a b"]["c d'], ["a b", "c d"])
@example(["\n"], ["\\n"])
@given(
    st.lists(st.one_of(KEYS, st.text(max_size=3)), max_size=3),
    st.lists(st.one_of(KEYS, st.text(max_size=3)), max_size=3),
)
def test_two_paths_are_never_written_alike(one: list[str], other: list[str]) -> None:
    first, second = ("config", *one), ("config", *other)
    assert (dotted(first) == dotted(second)) == (first == second)


@given(st.text(max_size=5))
def test_a_path_cannot_steer_a_terminal(key: str) -> None:
    assert dotted(("config", key)).isprintable()


# Secrets in changes


@pytest.mark.parametrize("before", [MISSING, "old-secret", Secret("old-secret")])
def test_a_sensitive_change_holds_no_value(before: Any) -> None:
    change = Change(("auth", "password"), before, Secret("new-secret"), sensitive=True)
    assert change.after == REDACTED
    assert change.before == (MISSING if before is MISSING else REDACTED)
    assert "secret" not in repr(change)
    assert b"new-secret" not in pickle.dumps((change.path, change.after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"a": Secret("new-secret")}),
        ({"a": "old-secret"}, {"a": Secret("new-secret")}),
        ({"a": Secret("old-secret")}, {}),
        ({"a": [Secret("old-secret")]}, {"a": [Secret("new-secret"), 1]}),
        ({"a": {"b": "old-secret"}}, {"a": Secret("new-secret")}),
        ({"a": 1, "b": {"c": [1, {"d": Secret("old-secret")}]}}, {"a": 2, "b": {"c": [1, {"d": "new-secret"}]}}),
    ],
)
def test_a_difference_with_a_secret_on_either_side_shows_neither(before: Any, after: Any) -> None:
    found = diff(before, after)
    assert found
    assert "secret" not in repr(found)


def test_a_secret_is_the_same_as_the_text_in_clear() -> None:
    assert same(Secret("a"), "a")
    assert same("a", Secret("a"))
    assert not same(Secret("a"), "b")
    assert not same(Secret("1"), 1)
    assert covers({"auth": {"password": "p", "more": 1}}, {"auth": {"password": Secret("p")}})


def test_a_change_next_to_a_secret_is_still_told() -> None:
    found = {change.name: change for change in diff({"a": 1, "s": "x"}, {"a": 2, "s": Secret("y")})}
    assert (found["a"].before, found["a"].after, found["a"].sensitive) == (1, 2, False)
    assert found["s"].sensitive
