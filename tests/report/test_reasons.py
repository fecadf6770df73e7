"""Reasons: every one that the code makes has words, every word is made, and docs/errors.md lists all of them."""

from __future__ import annotations

import ast
import re
import runpy
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import reasons as page

import trueup
from trueup.core.errors import SafetyError, UsageError
from trueup.core.reasons import FACTS_OF_DOOR, Reason, Wording
from trueup.report.catalogue import WORDS
from trueup.report.reasons import COMMAND, PULUMI, PYTHON, coded, explained, parts, worded, words_of
from trueup.systems.registry import SYSTEMS

PACKAGE = Path(trueup.__file__).parent
INSTALLED = Path(__file__).parents[1] / "installed"
DOORS = ("cli", "report", "plugin", "sandbox", "api.py", "pulumi.py")
"""What speaks to users, or is a server of another."""
_DESK = runpy.run_path(str(INSTALLED / "desk_trueup" / "__init__.py"))["SYSTEM"]
CATALOGUES = {
    code: words
    for found in (WORDS, *(one.reasons for one in (*SYSTEMS.values(), _DESK)))
    for code, words in found.items()
}


def _made() -> Iterator[tuple[str, ast.Call]]:
    """Yield every `Reason(…)` of the source, and where it is."""
    for path in [*PACKAGE.rglob("*.py"), *INSTALLED.rglob("*.py")]:
        if "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                if path.name in ("reasons.py", "saved.py") and any(one.arg is None for one in node.keywords):
                    continue  # made again from its data
                yield f"{path.name}:{node.lineno}", node


def _facts(words: Wording) -> set[str]:
    texts = (words.text, words.remedy, *words.remedies.values())
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    return {re.split(r"[.\[]", name)[0] for name in names} - set(FACTS_OF_DOOR)


def test_every_reason_that_is_made_has_words_for_its_facts() -> None:
    wrong = []
    for where, call in _made():
        code = call.args[0] if len(call.args) == 1 else None
        if not isinstance(code, ast.Constant) or code.value not in CATALOGUES:
            wrong.append(f"{where}: no words")
        elif {one.arg for one in call.keywords} != _facts(CATALOGUES[str(code.value)]):
            wrong.append(f"{where}: {code.value!r} has the facts {sorted(_facts(CATALOGUES[str(code.value)]))}")
    assert wrong == []


def test_every_code_of_a_catalogue_is_made() -> None:
    made = {call.args[0].value for _, call in _made() if isinstance(call.args[0], ast.Constant)}
    assert CATALOGUES.keys() - made == set()


def test_every_reason_has_a_cause_and_a_remedy() -> None:
    assert [code for code, words in CATALOGUES.items() if not words.text or not (words.remedy or words.advice)] == []


def test_the_codes_of_a_system_begin_with_its_name() -> None:
    assert all("/" not in code for code in WORDS)
    for name, system in SYSTEMS.items():
        assert {code.partition("/")[0] for code in system.reasons} <= {name}


@pytest.mark.parametrize("door", [COMMAND, PULUMI, PYTHON], ids=lambda door: door.name)
def test_words_can_be_said_at_every_door(door: object) -> None:
    for code, words in CATALOGUES.items():
        if words_of(code) is None:
            continue  # of a system that is installed for one test alone
        said = parts(Reason(code, **dict.fromkeys(_facts(words), 2)), door)  # type: ignore[arg-type]
        assert not said[0].startswith(f"{code} ("), code
        if door is not COMMAND:
            assert "--" not in " ".join(said), code


def test_the_page_has_all_reasons() -> None:
    text = page.PAGE.read_text()
    assert page.page(text) == text, "script/generate"


def test_nothing_below_the_doors_mentions_an_option_of_the_command() -> None:
    option = re.compile(r"(?<![\w\"'-])--(?!help)[a-z][a-z-]+")
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in DOORS
        and "commands" not in path.parts
        and path.name != "command_line.py"  # the commands of a system
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if option.search(line.replace("--state FILE --users-lock FILE", ""))  # a server's own
    ]
    assert found == []


def test_numbers_lists_and_parts() -> None:
    assert worded(Reason("moved-out-of-a-set", count=1, source="a")).startswith("trueup apply moves 1 resource from")
    assert worded(Reason("moved-out-of-a-set", count=1_200, source="a")).startswith(
        "trueup apply moves 1,200 resources"
    )
    assert worded(Reason("declared-below", names=["a"])) == "a is declared and would be deleted with it."
    assert worded(Reason("declared-below", names=["a", "b"])) == "a, b are declared and would be deleted with it."
    lost = [Reason("of-the-set", address=str(number), stack="x") for number in range(5)]
    said = worded(Reason("deletes-of-another-set", lost=lost))
    assert said == 'it would also delete 0 of the set "x", 1 of the set "x", 2 of the set "x" and 2 more.'
    nested = Reason("not-sent-without-ledger", why=Reason("unreadable"))
    assert worded(nested) == "cannot be read back; without a ledger it is sent only with --resend"
    assert worded(nested, PYTHON) == "cannot be read back; without a ledger it is sent only with resend"
    assert worded(None) == ""


def test_a_fact_is_no_format() -> None:
    assert worded(Reason("as-saved", text="{door.name} {0} %s")) == "{door.name} {0} %s"


def test_a_code_that_no_catalogue_has_is_shown_with_its_facts() -> None:
    reason = Reason("later/unheard-of", id="x", names=["a", "b"])
    assert words_of(reason.code) is None
    assert worded(reason) == "later/unheard-of (id: x, names: a, b)"
    assert worded(Reason("hidden", other=1)) == "hidden (other: 1)"


def test_a_reason_is_a_value() -> None:
    one, same = Reason("hidden", id="x"), Reason("hidden", id="x")
    assert (one, hash(one)) == (same, hash(same))
    assert one != Reason("hidden", id="y")
    with pytest.raises(AttributeError):
        one.code = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        one.facts["id"] = "y"  # type: ignore[index]
    assert coded(one, "refused") == {"refused": worded(one), "code": "hidden"}


def test_python_programs_read_their_own_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60, cwd=PACKAGE.parents[1]
    )
    assert done.stdout.splitlines() == [
        "prune-without-ledger",
        "error[E001]: prune removes only managed resources of the ledger, and there is no ledger. "
        "Set TRUEUP_LEDGER, or apply once without prune.",
        "error[E305]: no answer. Once it responds, run it again. retry_for waits longer.",
    ]


_PROGRAM = """
import trueup
from trueup.core.errors import Unavailable, UsageError
from trueup.core.reasons import Reason
print(Reason("prune-without-ledger"))
trueup.Options
print(UsageError(Reason("prune-without-ledger")))
print(Unavailable("no answer.", hint=Reason("run-again-later")))
"""


def test_an_error_has_the_words_of_its_door() -> None:
    error = UsageError(Reason("prune-without-ledger"))
    assert explained(error) == (
        "--prune removes only managed resources of the ledger, and there is no ledger.",
        "Set TRUEUP_LEDGER, or apply once without --prune.",
    )
    assert explained(error, PYTHON)[0].startswith("prune removes only")
    limit = SafetyError(Reason("too-many-changes", count=2, limit=1, names=["a", "b"]), hint="Nothing was sent.")
    assert explained(limit) == ("2 steps would be made, and 1 are allowed (--max-changes): a, b.", "Nothing was sent.")
    plain = UsageError("the folder is none.", hint=Reason("import-another-folder"))
    assert explained(plain) == ("the folder is none.", "Nothing was written. Name a folder with -o.")
