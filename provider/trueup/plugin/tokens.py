"""Pulumi's names for kinds and fields: tokens, inputs, outputs, and ids of resources."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import UsageError
from trueup.core.fields import Field
from trueup.systems.registry import KINDS, SYSTEMS, kind_named
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from trueup.core.kinds import Kind
    from trueup.core.values import Live

PACKAGE: Final = "trueup"
ADOPT: Final = Field(
    "adopt",
    "Adopt an existing resource with the same unique name instead of failing.",
    {"type": "boolean"},
    default=False,
    local=True,
)
"""The one input that manifests lack: for them, `plan` shows an adoption before it happens."""
RESOURCES: Final[tuple[Kind, ...]] = tuple(kind for kind in KINDS if kind.handler is not None)
_LEFT_OUT: Final = ("id",)
"""Fields of manifests for which Pulumi has an option: `import`."""
PREFIXES: Final = {
    "ConnectorAccount": "cac_",
    "ConnectorInstance": "cin_",
    "ConnectorTarget": "ctg_",
    "ConnectorMapping": "cmp_",
    "ConnectorAccess": "cia_",
}
_COMPOSED: Final = ("ConnectorMapping", "ConnectorAccess", "Connector")
"""Kinds whose resources cannot be read by their own id alone: the parent's id precedes it."""


def token_of(kind: Kind) -> str:
    """Return a kind's type token: `trueup:den:ConnectorInstance`."""
    return f"{PACKAGE}:{kind.system}:{kind.name}"


def kind_of(token: str) -> Kind:
    """Return the kind of a type token. Raises UsageError."""
    package, _, rest = token.partition(":")
    system, _, name = rest.rpartition(":")
    found = kind_named(system.partition("/")[0], name)
    if package != PACKAGE or found is None or found.handler is None:
        known = ", ".join(map(token_of, RESOURCES))
        raise UsageError(f"{token} is not a resource of this provider.", hint=f"Known types: {known}.")
    return found


def tenant_name(system: str) -> str:
    """Return the configuration that names the tenant of a system, such as `denOrganization`."""
    return f"{system}{SYSTEMS[system].tenant.setting.capitalize()}"


@cache
def inputs_of(kind: Kind) -> tuple[Field, ...]:
    """Return the fields that a program may set: a kind's, without short forms for other resources."""
    found = tuple(field for field in kind.fields if not field.inline and field.name not in _LEFT_OUT)
    return (*found, ADOPT) if kind.handler is not None and kind.handler.creates else found


def is_composed(kind: Kind) -> bool:
    """Return whether a kind's ids start with the parent's id."""
    return kind.name in _COMPOSED


def id_of(kind: Kind, live: Live) -> str:
    """Return the id of a resource in Pulumi's state, which `import` accepts as well."""
    if not is_composed(kind):
        return live.id
    return f"{live.spec[kind.parent]}/{live.id}"


def parts_of(kind: Kind, given: str) -> tuple[str, str]:
    """Return the parent's id (empty for a kind that is read by its own id) and the resource's. Raises UsageError."""
    parent, slash, own = given.rpartition("/")
    form = form_of(kind)
    above = PREFIXES.get(kind.by_name[kind.parent].reference or "", "") if kind.parent else ""
    sound = bool(slash) == is_composed(kind) and _is_id(own, PREFIXES.get(kind.name, ""))
    if not sound or (slash and not _is_id(parent, above)):
        raise UsageError(f'"{plain(given, 80)}" is not the id of a {kind.name}.', hint=f"Write {form}.")
    return parent, own


def _is_id(text: str, prefix: str) -> bool:
    return bool(re.fullmatch(f"{prefix}[0-9a-z]{{26}}" if prefix else "[0-9a-fA-F]{24}", text))


def form_of(kind: Kind) -> str:
    """Return the form of a kind's ids: `ctg_…/cmp_…`."""
    own = f"{PREFIXES[kind.name]}…" if kind.name in PREFIXES else "CONNECTOR"
    if not is_composed(kind):
        return own
    above = PREFIXES.get(kind.by_name[kind.parent].reference or "")
    return f"{above}…/{own}" if above else f"PROJECT/{own}"


def referred(value: Any) -> Any:
    """Return the id in a reference of a program: of a composed id, the resource's own part."""
    return value.rpartition("/")[2] if isinstance(value, str) else value
