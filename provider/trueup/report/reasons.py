"""The words of reasons and errors, as the door that shows them chooses them."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final

from trueup.core.errors import TrueupError
from trueup.core.reasons import Door, Reason, ReasonFormatter, Wording
from trueup.core.secrets import scrub
from trueup.report.catalogue import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND: Final = Door("command", manifest="the manifest", options={"label": "-l", "output": "-o", "file": "-f"})
PULUMI: Final = Door("pulumi", manifest="the program", options={"allow-disconnect": "allowDisconnect"}, option="{}")
PYTHON: Final = Door(
    "python",
    manifest="the manifest",
    options={
        "allow-disconnect": "disconnect",
        "max-delete-percent": "limit.deletes",
        "max-changes": "limit.changes",
        "target": "targets",
        "label": "labels",
        "file": "desired",
        "fail-fast": "fail_fast",
        "lock-timeout": "lock_timeout",
        "max-age": "max_age",
        "max-requests": "max_requests",
        "retry-for": "retry_for",
        "take-from": "take_from",
    },
    option="{}",
)
"""Its options are fields of `trueup.Options`."""


def words_of(code: str) -> Wording | None:
    """Return the words of a code, from the catalogue of its system if it has one; None when it is in none."""
    if code in WORDS or "/" not in code:
        return WORDS.get(code)
    return _of_systems().get(code)


@cache
def _of_systems() -> Mapping[str, Wording]:
    from trueup.systems.registry import SYSTEMS

    return {code: words for system in SYSTEMS.values() for code, words in system.reasons.items()}


def parts(reason: Reason, door: Door = COMMAND) -> tuple[str, str]:
    """Return the cause and the remedy; the remedy is empty when there is none to show."""
    words = words_of(reason.code)
    if words is None:
        return reason.data, ""
    formatter = ReasonFormatter(partial(worded, door=door))
    facts = {**reason.facts, "door": door, "option": door}
    try:
        cause, remedy = (formatter.vformat(part, (), facts) if part else "" for part in words.at(door))
    except (LookupError, TypeError, ValueError):  # it was saved by a trueup that knows other facts of it
        return reason.data, ""
    return cause.rstrip(), remedy


def worded(reason: str | Reason | None, door: Door = COMMAND) -> str:
    """Return cause and remedy; empty when there is no reason."""
    if isinstance(reason, Reason):
        return " ".join(part for part in parts(reason, door) if part)
    return reason or ""


def coded(reason: str | Reason | None, name: str = "why") -> dict[str, str]:
    """Return the entries of a reason in JSON: its words under a name, and its code."""
    return {name: scrub(worded(reason)), **_code(reason)}


def _code(reason: str | Reason | None) -> dict[str, str]:
    """Return the code of a reason as an entry for JSON; nothing when there is none."""
    return {"code": reason.code} if isinstance(reason, Reason) else {}


def explained(error: TrueupError, door: Door = COMMAND) -> tuple[str, str]:
    """Return the message and the remedy of an error. Of a remedy that is data, the cause is the error's own."""
    cause, remedy = parts(error.reason, door) if error.reason is not None else (error.message, "")
    own = parts(error.remedy, door)[1] if error.remedy is not None else error.hint
    return cause, " ".join(part for part in (remedy, own) if part)
