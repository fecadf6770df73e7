"""Manifests that are excessive, or contain terminal control sequences, are refused like any other fault."""

from __future__ import annotations

import pytest
from faulty import faults_of, instance


def test_an_expansion_bomb_is_refused_before_it_expands() -> None:
    lines = ["a0: &a0 [" + ",".join("1" * 10) + "]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]

    (fault,) = faults_of("\n".join(lines))

    assert (fault.line, fault.code) == (5, "E116")
    assert "100,000" in fault.message


@pytest.mark.parametrize("deep", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_neither_crashes_nor_recurses(deep: str) -> None:
    (fault,) = faults_of(deep)

    assert fault.code in ("E112", "E116")


def test_terminal_escapes_and_bidirectional_marks_are_harmless() -> None:
    text = instance('  "\\e[31mred": 1\n  "\u202eflipped": 2\n  status: "\\x07"\n')
    for fault in faults_of(text):
        assert (fault.message + fault.hint + fault.excerpt).isprintable()
