"""Adoption of an existing resource: the changes to write, and whether it results from a create without a response."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, Change
from trueup.core.compare import covers, same
from trueup.core.errors import SafetyError
from trueup.core.kinds import ResourceKind
from trueup.core.secrets import reveal
from trueup.core.values import Live
from trueup.engine.plan.classify import change_of, in_sync
from trueup.engine.plan.classify import differences as unlike
from trueup.plugin.tokens import id_of, token_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_SKEW: Final = timedelta(minutes=2)
"""The maximum by which the server's clock may be behind this machine's."""


def to_write(kind: ResourceKind, live: Live, wanted: Mapping[str, Any]) -> list[Change]:
    """Return the changes to write to a resource that is adopted.

    A value that may only be another word for the declared one is written only along with another change.
    """
    handler = kind.handler
    found: list[Change] = []
    certain = False
    for name, after in wanted.items():
        field, before = kind.by_name[name], live.spec.get(name, MISSING)
        if not field.local and not in_sync(field, before, after, live):
            for pair in unlike(field, before, after):
                if not field.write_only and live.hides(pair[0]):
                    continue  # not known to differ
                incomparable = handler.incomparable(pair[0], pair[1])
                certain = certain or incomparable is None or pair[2] not in incomparable.may_be
                found.append(change_of(field, *pair))
    return found if certain else []


def foreign(kind: ResourceKind, live: Live) -> SafetyError:
    return SafetyError(
        f"{kind.name} {live.name} ({live.id}) already exists, and is not known to be in any Pulumi state.",
        hint=f"Import it into this stack: pulumi import {token_of(kind)} NAME {id_of(kind, live)}; or set adopt to "
        "true. If a resource of this program has that name, rename it in a separate pulumi up first.",
    )


def made_by_us(kind: ResourceKind, spec: Mapping[str, Any], live: Live, began: datetime) -> bool:
    """Return whether an object found after a lost response can be the created one: new, with the sent values."""
    try:
        made = datetime.fromisoformat(str(live.server.get("createdAt")))
        if made < began - _SKEW:
            return False
    except (ValueError, TypeError):  # no time, or one without a zone
        return False
    for field in kind.fields:
        if field.local or field.inline or field.name == "status":  # set by a separate call
            continue
        sent, seen = reveal(spec.get(field.name, MISSING)), reveal(live.spec.get(field.name))
        if sent is MISSING:
            if field.default is None and seen not in (None, {}, MISSING):
                return False
        elif not (covers(seen, sent) if field.owned_by_key else same(seen, sent)):
            return False
    return True
