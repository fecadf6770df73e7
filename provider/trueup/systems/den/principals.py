"""The members and teams that grants are declared for: names to ids, and names that no longer stand for the same id.

Facts: a renamed team keeps its grants, a deleted one loses them, and one that is made again under its name has another
id (cases `effects.team-*`). `GET /v1/org` may be up to five minutes old and leave some principals out, so that a name
that is missing there proves nothing.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from trueup.core.reasons import Reason
from trueup.core.values import Refusal
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from trueup.core.values import Live
    from trueup.systems.den.organization import Organization

MEMBER_ID: Final = re.compile(r"om_[0-9a-z]{26}")
TEAM_ID: Final = re.compile(r"tem_[0-9a-z]{26}")
_FORMS: Final = {"member": MEMBER_ID, "team": TEAM_ID}
_LONGEST: Final = 255
_BARE: Final = re.compile(r"[A-Za-z][\w.+@-]*(?: [\w.+@-]+)*")
_NO_TEXT: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


def with_ids(spec: dict[str, Any], known: Organization) -> dict[str, Any] | Refusal:
    """Return the spec with the id of the member or team that it names, or why there is none."""
    name, given = _named(spec)
    if not name or _FORMS[name].fullmatch(given):
        return spec
    if name == "team" and given in known.doubles:
        return Refusal(Reason("den/team-ambiguous", team=given))
    found = known.members.get(given.casefold()) if name == "member" else known.teams.get(given)
    if found is not None:
        return {**spec, name: found}
    if name in known.untold:
        return Refusal(Reason("den/principals-not-shown", kind=name, name=given), error=True)
    near = difflib.get_close_matches(
        given.casefold() if name == "member" else given,
        known.members if name == "member" else known.teams,
        n=3,
        cutoff=0.5,
    )
    if name == "member":
        first = Reason("near", names=near) if near else Reason("den/invite-first")
        return Refusal(Reason("den/member-not-found", member=given, first=first), error=True)
    first = Reason("near", names=near) if near else Reason("den/create-first")
    return Refusal(Reason("den/team-not-found", team=given, first=first), error=True)


def moved(
    spec: dict[str, Any], found: dict[str, Any] | Refusal, grant: Live, name: str, known: Organization
) -> Reason | None:
    """Return why a declared name no longer stands for what its grant was given to, and how to write that; or None.

    `found` is what `with_ids` makes of the spec now, `grant` the live one that the ledger knows by this address, and
    `name` the principal that was declared when it was written.
    """
    whom, given = _named(spec)
    to = grant.spec.get(whom)
    if not whom or not isinstance(to, str) or _FORMS[whom].fullmatch(given):
        return None  # for another kind of principal it is another grant, and an id says which one is meant
    same = name.casefold() == given.casefold() if whom == "member" else name == given
    former = same or name in ("", to)
    now = known.called.get(to)
    line = _line(whom, to, known)
    if isinstance(found, Refusal):
        if not former:
            was = plain(name, _LONGEST)
            return Reason("den/grant-of-another-name", why=found.why, name=was, grant=grant.id)
        if now is None:
            return Reason("den/grant-of-unknown", why=found.why, grant=grant.id, to=to, kind=whom, line=line)
        if whom == "team" and now == given:
            return Reason("den/grant-of-ambiguous", why=found.why, grant=grant.id, line=line)
        return Reason("den/principal-renamed", what=_renamed(whom, given, now), grant=grant.id, line=line)
    if found[whom] == to or now is None or not former:
        return None
    what = _renamed(whom, given, now)
    other = Reason("den/other-team", id=found[whom], name=given)
    if whom == "member":
        other = Reason("den/other-member", id=found[whom], name=given)
    return Reason(
        "den/principal-replaced", what=what, other=other, grant=grant.id, line=line, kind=whom, id=found[whom]
    )


def _named(spec: dict[str, Any]) -> tuple[str, str]:
    """The field that names a principal, and what it says; nothing for the whole organisation."""
    return next(((name, str(spec[name])) for name in _FORMS if spec.get(name)), ("", ""))


def _renamed(whom: str, given: str, now: str) -> Reason:
    now = plain(now, _LONGEST)
    if whom == "team":
        return Reason("den/team-renamed", old=given, new=now)
    return Reason("den/member-has-new-e-mail", old=given, new=now)


def _line(whom: str, key: str, known: Organization) -> str:
    """The line of a manifest that means it: by its name where that is the only one of it, else by its id."""
    name = known.called.get(key, "")
    only = known.teams.get(name) == key and name not in known.doubles
    if whom == "member":
        only = known.members.get(name.casefold()) == key
    if not only or len(name) > _LONGEST or name != name.strip() or not name.isprintable():
        return f"`{whom}: {key}`"
    bare = _BARE.fullmatch(name) and name.casefold() not in _NO_TEXT
    return f"`{whom}: {name if bare else json.dumps(name, ensure_ascii=False)}`"
