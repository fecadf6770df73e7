"""The systems that are installed, each registered by a distribution under the entry-point group `trueup.systems`.

They are loaded with this module, which nothing imports before a system is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trueup.core.kinds import ResourceKind
from trueup.core.secret_forms import secret_forms
from trueup.systems import installed
from trueup.systems.system import INTERFACE, System

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trueup.core.kinds import Kind
    from trueup.systems.installed import EntryPoint


@dataclass(frozen=True, slots=True)
class BrokenSystem:
    """A system that is installed and could not be loaded."""

    name: str
    distribution: str
    why: str

    def __str__(self) -> str:
        origin = f" (of {self.distribution})" if self.distribution else ""
        return f"the system {self.name}{origin} could not be loaded: {self.why}"


def loaded(points: Iterable[EntryPoint]) -> tuple[dict[str, System], tuple[BrokenSystem, ...]]:
    """Return the systems of those entry points by name, and those that could not be loaded.

    Two systems of one name are both refused: nothing says which of them a manifest means.
    """
    systems: dict[str, System] = {}
    broken: list[BrokenSystem] = []
    owners: dict[str, EntryPoint] = {}
    for point in points:
        if (owner := owners.setdefault(point.name, point)) is not point:
            systems.pop(point.name, None)
            both = " and ".join(one.distribution or one.value for one in (owner, point))
            broken.append(BrokenSystem(point.name, point.distribution, f"{both} both have a system of that name"))
            continue
        try:
            system = point.load()
            why = _unfit(point.name, system)
        except (Exception, SystemExit) as error:  # whatever a plug-in does wrong, the others are not disabled by it
            why = f"{type(error).__name__}: {error}".rstrip(": ")
        if why:
            broken.append(BrokenSystem(point.name, point.distribution, why))
        else:
            systems[point.name] = system
    return systems, tuple(broken)


def _unfit(name: str, system: object) -> str:
    """Return why an object cannot serve as the system of that name; empty when it can."""
    if not isinstance(system, System):
        return f"its entry point is no System, but {type(system).__name__}"
    if system.interface != INTERFACE:
        return f"it was written for version {system.interface} of the interface, and this is version {INTERFACE}"
    if system.name != name or not re.fullmatch("[a-z][a-z0-9]*", name):
        return f"its name is {system.name!r}, which has to be that of the entry point: small letters and digits"
    names = [kind.name for kind in system.kinds]
    if twice := sorted({kind for kind in names if names.count(kind) > 1}):
        return f"it has two kinds that are called {' and '.join(twice)}"
    if alien := sorted({kind.name for kind in system.kinds if kind.system != name}):
        return f"its kinds {', '.join(alien)} are of another system"
    if alien := sorted(code for code in system.reasons if not code.startswith(f"{name}/")):
        return f"its reasons {', '.join(alien)} have to begin with {name}/"
    if "Connection" not in names:
        return "it has no kind Connection"
    if homeless := _without_tenant(system):
        return f"its kinds {', '.join(homeless)} have no required field {system.tenant.field}, which names their tenant"
    return ""


def _without_tenant(system: System) -> list[str]:
    """Return the kinds that do not require the field by which each resource names its tenant, if there is one."""
    field = system.tenant.field
    kinds = [kind for kind in system.kinds if isinstance(kind, ResourceKind)] if field else []
    return [kind.name for kind in kinds if field not in kind.by_name or not kind.by_name[field].required]


_found = loaded(installed.entry_points(installed.SYSTEMS))
SYSTEMS: Final[dict[str, System]] = _found[0]
"""Each by its name."""
BROKEN: Final[tuple[BrokenSystem, ...]] = _found[1]
for _system in SYSTEMS.values():
    if _system.key_prefix:
        secret_forms.add(_system.key_prefix)
KINDS: Final[tuple[Kind, ...]] = tuple(kind for system in SYSTEMS.values() for kind in system.kinds)
BY_NAME: Final[dict[tuple[str, str], Kind]] = {(kind.api_version, kind.name): kind for kind in KINDS}
"""Each by its apiVersion and name, as a manifest says them."""
RESOURCES: Final = tuple(kind for kind in KINDS if isinstance(kind, ResourceKind))
_OF_SYSTEM: Final = {(kind.system, kind.name): kind for kind in RESOURCES}


def resource_kind(system: str, name: str) -> ResourceKind:
    """Return the kind of resource of that name. Raises KeyError."""
    return _OF_SYSTEM[system, name]


def kind_named(system: str, name: str) -> ResourceKind | None:
    """Return the kind of resource of that name; None for an unknown one, as an older or newer ledger may hold."""
    return _OF_SYSTEM.get((system, name))


def plural(name: str) -> str:
    """Return the plural of a kind: `ConnectorInstances`; of ConnectorAccess the word itself."""
    return name if name.endswith("s") else f"{name}s"
