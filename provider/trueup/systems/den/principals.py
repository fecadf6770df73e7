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

from trueup.core.values import Refusal
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from trueup.core.values import Live
    from trueup.systems.den.organization import Organization

MEMBER_ID: Final = re.compile(r"om_[0-9a-z]{26}")
TEAM_ID: Final = re.compile(r"tem_[0-9a-z]{26}")
_FORMS: Final = {"member": MEMBER_ID, "team": TEAM_ID}
_SAYS: Final = {"member": "has the e-mail", "team": "is called"}
_BY_ID: Final = "An id in place of the name needs no such list."
_LONGEST: Final = 255
_BARE: Final = re.compile(r"[A-Za-z][\w.+@-]*(?: [\w.+@-]+)*")
_NO_TEXT: Final = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))


def with_ids(spec: dict[str, Any], known: Organization) -> dict[str, Any] | Refusal:
    """Return the spec with the id of the member or team that it names, or why there is none."""
    name, given = _named(spec)
    if not name or _FORMS[name].fullmatch(given):
        return spec
    if name == "team" and given in known.doubles:
        return Refusal(f"several teams of this organisation are called {given}. Give the id of the one meant.")
    found = known.members.get(given.casefold()) if name == "member" else known.teams.get(given)
    if found is not None:
        return {**spec, name: found}
    if name in known.untold:
        return Refusal(
            f"Den does not show the {name}s of its organisation, so {given} is not known. {_BY_ID}", error=True
        )
    near = difflib.get_close_matches(
        given.casefold() if name == "member" else given,
        known.members if name == "member" else known.teams,
        n=3,
        cutoff=0.5,
    )
    first = f"Near: {', '.join(near)}." if near else "Invite them first." if name == "member" else "Create it first."
    hint = f"{first} What Den tells of its organisation may be up to five minutes old."
    return Refusal(f"no {name} of this organisation {_SAYS[name]} {given}. {hint}", error=True)


def moved(spec: dict[str, Any], found: dict[str, Any] | Refusal, grant: Live, name: str, known: Organization) -> str:
    """Return why a declared name no longer stands for what its grant was given to, and how to write that; or nothing.

    `found` is what `with_ids` makes of the spec now, `grant` the live one that the ledger knows by this address, and
    `name` the principal that was declared when it was written.
    """
    whom, given = _named(spec)
    to = grant.spec.get(whom)
    if not whom or not isinstance(to, str) or _FORMS[whom].fullmatch(given):
        return ""  # for another kind of principal it is another grant, and an id says which one is meant
    same = name.casefold() == given.casefold() if whom == "member" else name == given
    former = same or name in ("", to)
    now = known.called.get(to)
    line = _line(whom, to, known)
    if isinstance(found, Refusal):
        if not former:
            was = plain(name, _LONGEST)
            return f"{found.why} The grant that the ledger knows by this address ({was}, {grant.id}) stays as it is."
        if now is None:
            return (
                f"{found.why} Its grant {grant.id} to {to} stays as it is. If the {whom} has another name now, write "
                f"that, or {line}; if it is to lose its access, remove it from the manifest."
            )
        if whom == "team" and now == given:
            return f"{found.why} The grant {grant.id} stays as it is. To keep it, write {line}."
        return (
            f"{_renamed(whom, given, now)}. Its grant {grant.id} stays as it is. In the manifest, write {line} for it."
        )
    if found[whom] == to or now is None or not former:
        return ""
    return (
        f"{_renamed(whom, given, now)}, and another {whom} ({found[whom]}) {_SAYS[whom]} {given} now. The grant "
        f"{grant.id} stays as it is. In the manifest, write {line} for it, or {whom}: {found[whom]} for the other one."
    )


def _named(spec: dict[str, Any]) -> tuple[str, str]:
    """The field that names a principal, and what it says; nothing for the whole organisation."""
    return next(((name, str(spec[name])) for name in _FORMS if spec.get(name)), ("", ""))


def _renamed(whom: str, given: str, now: str) -> str:
    now = plain(now, _LONGEST)
    if whom == "team":
        return f"team {given} was renamed to {now} in Den"
    return f"the member with the e-mail {given} has the e-mail {now} now"


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
