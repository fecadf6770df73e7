"""Filters, `NAME=TEXT`: which of the live resources are meant; several filters all have to fit."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import UsageError
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.core.kinds import ResourceKind
    from trueup.core.values import Live

ACCOUNTS: Final = "ConnectorAccount"
_ACCOUNT: Final = "connectorAccount"


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition."""

    name: str
    value: str

    def fits(self, live: Live, accounts: frozenset[str]) -> bool:
        """Whether a resource is meant; `accounts` are the ids that the value of `account` stands for."""
        wanted = self.value.casefold()
        if self.name == "status":
            return str(status_of(live)).casefold() == wanted
        if self.name == "account":
            return live.spec.get(_ACCOUNT) in accounts
        if self.name == "name":
            return fnmatchcase(live.name.casefold(), wanted)
        return any(wanted in str(text).casefold() for text in (live.name, live.spec.get("remoteId") or ""))


def known_filters(kind: ResourceKind) -> tuple[str, ...]:
    """The names of filters that a kind can be narrowed by."""
    has_status = "status" in kind.by_name or kind.name == ACCOUNTS
    return ("name", "q", *(("status",) if has_status else ()), *(("account",) if _ACCOUNT in kind.by_name else ()))


def parsed(texts: Sequence[str], kind: ResourceKind) -> tuple[Filter, ...]:
    """The filters of a command line for resources of that kind. Raises UsageError, which lists the known ones."""
    known = known_filters(kind)
    found = []
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not value.strip():
            raise UsageError(
                f'the filter "{plain(text, 80)}" is not of the form NAME=TEXT.', hint=f"Known: {_list(known)}."
            )
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f'Did you mean "{near[0]}"? ' if near else ""
            raise UsageError(
                f'there is no filter "{plain(name, 40)}" for {kind.name}.', hint=f"{meant}Known: {_list(known)}."
            )
        if name == "status" and kind.handler.statuses:
            _check_status(value.strip(), kind, kind.handler.statuses)
        found.append(Filter(name, value.strip()))
    return tuple(found)


def chosen(
    lives: Sequence[Live], filters: Sequence[Filter], accounts: Sequence[Live], kind: ResourceKind
) -> list[Live]:
    """Those that fit every filter. Raises UsageError when an account is named that is not there, or no such status."""
    ids = {one.value: _accounts(one.value, accounts) for one in filters if one.name == "account"}
    for one in filters:
        if one.name == "status" and not kind.handler.statuses:
            # Which words there are is known only of those that are declared, and those that are read.
            declared = kind.by_name["status"].schema.get("enum", ())
            _check_status(one.value, kind, (*declared, *sorted({str(status_of(live)) for live in lives})))
    return [live for live in lives if all(one.fits(live, ids.get(one.value, frozenset())) for one in filters)]


def _check_status(value: str, kind: ResourceKind, known: Sequence[str]) -> None:
    words = list(dict.fromkeys(known))
    if value.casefold() in (word.casefold() for word in words):
        return
    near = difflib.get_close_matches(value.casefold(), words, n=1)
    meant = f'Did you mean "{plain(near[0], 40)}"? ' if near else ""
    listed = _list([plain(word, 40) for word in words])
    raise UsageError(f'"{plain(value, 40)}" is no status of a {kind.name}.', hint=f"{meant}Known: {listed}.")


def status_of(live: Live) -> Any:
    """The status of a resource, also where no manifest declares it."""
    return live.spec.get("status") or live.server.get("status")


def _accounts(wanted: str, accounts: Sequence[Live]) -> frozenset[str]:
    found = frozenset(one.id for one in accounts if wanted == one.id or wanted.casefold() == one.name.casefold())
    if not found:
        near = (
            difflib.get_close_matches(wanted, [one.name for one in accounts], n=3)
            or sorted(one.name for one in accounts)[:3]
        )
        hint = f"There {'are' if len(near) > 1 else 'is'} {_list([plain(one, 80) for one in near])}." if near else ""
        raise UsageError(
            f'there is no account "{plain(wanted, 80)}" that this credential can see.', hint=hint or "It sees none."
        )
    return found


def _list(words: Sequence[str]) -> str:
    return f" and {words[-1]}".join([", ".join(words[:-1]), ""]) if len(words) > 1 else "".join(words)
