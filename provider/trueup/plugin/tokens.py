"""Pulumi's names for kinds and fields: tokens, inputs, outputs, and ids of resources."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import UsageError
from trueup.core.fields import Field
from trueup.systems.registry import RESOURCES, SYSTEMS, kind_named
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from trueup.core.kinds import ResourceKind
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
_LEFT_OUT: Final = ("id",)
"""Fields of manifests for which Pulumi has an option: `import`."""


def token_of(kind: ResourceKind) -> str:
    """Return a kind's type token: `trueup:den:ConnectorInstance`."""
    return f"{PACKAGE}:{kind.system}:{kind.name}"


def kind_of(token: str) -> ResourceKind:
    """Return the kind of a type token. Raises UsageError."""
    package, _, rest = token.partition(":")
    system, _, name = rest.rpartition(":")
    found = kind_named(system.partition("/")[0], name)
    if package != PACKAGE or found is None:
        known = ", ".join(map(token_of, RESOURCES))
        raise UsageError(f"{token} is not a resource of this provider.", hint=f"Known types: {known}.")
    return found


def tenant_name(system: str) -> str:
    """Return the configuration that names the tenant of a system, such as `denOrganization`."""
    return f"{system}{SYSTEMS[system].tenant.setting.capitalize()}"


@cache
def inputs_of(kind: ResourceKind) -> tuple[Field, ...]:
    """Return the fields that a program may set: a kind's, without short forms for other resources."""
    found = tuple(field for field in kind.fields if not field.inline and field.name not in _LEFT_OUT)
    return (*found, ADOPT) if kind.handler.creates else found


def is_composed(kind: ResourceKind) -> bool:
    """Return whether a kind's ids start with the parent's id."""
    return kind.ids.composed


def id_of(kind: ResourceKind, live: Live) -> str:
    """Return the id of a resource in Pulumi's state, which `import` accepts as well."""
    return f"{live.spec[kind.parent]}/{live.id}" if is_composed(kind) else live.id


def parts_of(kind: ResourceKind, given: str) -> tuple[str, str]:
    """Return the parent's id (empty for a kind that is read by its own id) and the resource's. Raises UsageError."""
    parent, slash, own = given.rpartition("/")
    system = SYSTEMS[kind.system]
    sound = bool(slash) == is_composed(kind) and re.fullmatch(kind.ids.pattern, own)
    if not sound or (slash and not re.fullmatch(system.ids_of_parent(kind).pattern, parent)):
        raise UsageError(f'"{plain(given, 80)}" is not the id of a {kind.name}.', hint=f"Write {form_of(kind)}.")
    return parent, own


def form_of(kind: ResourceKind) -> str:
    """Return the form of a kind's ids: `ctg_…/cmp_…`."""
    system = SYSTEMS[kind.system]
    own = kind.ids.form
    return f"{system.ids_of_parent(kind).form}/{own}" if is_composed(kind) else own


def referred(value: Any) -> Any:
    """Return the id in a reference of a program: of a composed id, the resource's own part."""
    return value.rpartition("/")[2] if isinstance(value, str) else value
