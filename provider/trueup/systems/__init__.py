"""The systems that trueup speaks to, and the explicit list of their kinds. A new kind is one file and one word here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trueup.systems.den import connection as den_connection
from trueup.systems.den import (
    connector_access,
    connector_account,
    connector_instance,
    connector_mapping,
    connector_target,
)
from trueup.systems.wexa import connection as wexa_connection
from trueup.systems.wexa import connector

if TYPE_CHECKING:
    from trueup.core.kinds import Kind

KINDS: Final[tuple[Kind, ...]] = (
    den_connection.KIND,
    connector_account.KIND,
    connector_instance.KIND,
    connector_target.KIND,
    connector_mapping.KIND,
    connector_access.KIND,
    wexa_connection.KIND,
    connector.KIND,
)

BY_NAME: Final[dict[tuple[str, str], Kind]] = {(kind.api_version, kind.name): kind for kind in KINDS}
"""Each by its apiVersion and name, as a manifest says them."""
_OF_SYSTEM: Final = {(kind.system, kind.name): kind for kind in KINDS}


def kind_named(system: str, name: str) -> Kind | None:
    """The kind of that name; None for one that is not known, as an older or newer ledger may hold."""
    return _OF_SYSTEM.get((system, name))


def plural(name: str) -> str:
    """What several of a kind are called: `ConnectorInstances`; of ConnectorAccess as one."""
    return name if name.endswith("s") else f"{name}s"
