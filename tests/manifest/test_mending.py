"""YAML from other programs: byte order marks between joined files, and characters as two JSON escapes."""

from __future__ import annotations

import io
import json

import pytest

from trueup.core.errors import Fault, ManifestError
from trueup.core.kinds import Declared
from trueup.manifest import load

MARK = "\ufeff"
ROCKET = "\U0001f680"


def account(name: str, text: str = "a") -> str:
    """Return a document that declares an account, with that text verbatim in double quotes."""
    return (
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\n"
        f'metadata: {{name: {name}}}\nspec: {{remoteId: "{name}", displayName: "{text}"}}\n'
    )


def loaded(text: str) -> list[Declared]:
    return load(["-"], stdin=io.StringIO(text)).resources


def shown(text: str) -> str:
    """Return the display name that is read from the text of an account."""
    (one,) = loaded(account("acme", text))
    return str(one.spec["displayName"])


def faults(text: str) -> list[Fault]:
    with pytest.raises(ManifestError) as caught:
        loaded(text)
    return caught.value.faults


A, B = account("a"), account("b")


@pytest.mark.parametrize(
    "text",
    [
        f"{MARK}{A}{MARK}---\n{B}",
        f"{MARK}{A}---\n{MARK}{B}",
        f"{MARK}{A}{MARK}{MARK}---\n{MARK}{B}",
        f"{MARK}{A}...\n{MARK}# the second\n---\n{B}",
        f"{MARK}{A}---\n# the second\n\n{MARK}{B}",
        f"{MARK}{A}{MARK}\n---\n{B}{MARK}",
        f"{MARK}{A}{MARK}--- # two\n{B}{MARK}...\n",
        f"{MARK}{A}{MARK}---\n{B}".replace("\n", "\r\n"),
    ],
)
def test_a_byte_order_mark_at_the_beginning_of_a_document_is_passed_over(text: str) -> None:
    assert [one.address.name for one in loaded(text)] == ["a", "b"]


def test_a_mark_inside_of_a_text_stays() -> None:
    assert shown(f"a{MARK}b") == f"a{MARK}b"


def test_a_mark_elsewhere_is_named_with_its_place() -> None:
    (found,) = faults(f"{A}{MARK}{B}")

    assert (found.code, found.line, found.column) == ("E110", 5, 2)
    assert "U+FEFF" in found.message
    assert found.hint == 'Remove it; where another document begins, put a line "---" before it.'


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\ud83d\ude80", ROCKET),
        (r"\uD83D\uDE80 and \ud83d\ude80", f"{ROCKET} and {ROCKET}"),
        (r"\\ud83d\\ude80", r"\ud83d\ude80"),
        (r"\\\ud83d\ude80", f"\\{ROCKET}"),
        (r"\" \ud83d\ude80 \"", f'" {ROCKET} "'),
        (r"\u00e9\ud83d\ude80\ud83d\ude80", f"é{ROCKET}{ROCKET}"),
        (r"\udbff\udffe", "\U0010fffe"),
    ],
)
def test_a_pair_of_surrogates_is_the_character(written: str, read: str) -> None:
    assert shown(written) == read


def test_a_backslash_outside_of_double_quotes_is_one() -> None:
    text = account("a", r"\ud83d\ude80").replace('"a"', r"'\ud83d\ude80'") + f"---\n{B}".replace(
        '"b"', r"x\ud83d\ude80"
    )

    first, second = loaded(text)

    assert first.spec == {"remoteId": r"\ud83d\ude80", "displayName": ROCKET}
    assert second.spec["remoteId"] == r"x\ud83d\ude80"


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_what_json_writes_is_read_back(indent: int | None) -> None:
    metadata = {f"key-{number}": [ROCKET * number, 1.5, True, None, {'"': ROCKET}] for number in range(50)}
    documents = [
        json.dumps(
            {
                "apiVersion": "den.trueup.dev/v1",
                "kind": "ConnectorAccount",
                "metadata": {"name": f"a{number}"},
                "spec": {"remoteId": str(number), "displayName": ROCKET, "metadata": metadata},
            },
            indent=indent,
        )
        for number in range(20)
    ]

    found = loaded("\n---\n".join(documents))

    assert [one.spec["metadata"] for one in found] == [metadata] * 20


@pytest.mark.parametrize(
    ("written", "half"),
    [
        (r"x \ud83d", "ud83d"),
        (r"x \ude80\ud83d", "ude80"),
        (r"x \ud83d \ude80", "ud83d"),
        (r"x \ud83d\u0041", "ud83d"),
        (r"x \U0000D83D", "ud83d"),
    ],
)
def test_half_a_character_is_named_with_its_place(written: str, half: str) -> None:
    (found,) = faults(f"{A}---\n{account('b', written)}")

    assert (found.code, found.line) == ("E110", 9)
    assert f"\\{half} is one half of a character" in found.message
    assert "both of its halves" in found.hint
    assert found.column == len('spec: {remoteId: "b", displayName: "x ') + 1
    assert found.excerpt[found.column - 1 :].startswith(written[2:8])


def test_places_behind_a_pair_are_those_of_the_text_as_it_was_written() -> None:
    text = (
        account("a", r"\ud83d\ude80\uD83D\uDE80")
        .replace("}\n", ", stat: 1}\n")
        .replace("{name: a, stat: 1}", "{name: a}")
    )

    (found,) = faults(text)

    line = text.splitlines()[3]
    assert (found.code, found.line, found.column) == ("E101", 4, line.index("stat") + 1)
    assert found.excerpt == line


def test_a_half_behind_a_pair_is_where_it_was_written() -> None:
    text = account("a", r"\ud83d\ude80\ud83d")

    (found,) = faults(text)

    assert found.column == text.splitlines()[3].rindex(r"\ud83d") + 1
