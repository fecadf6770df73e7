"""The interface of a system: one API that trueup drives, with everything particular to it.

A distribution registers its `System` under the entry-point group `trueup.systems`. Nothing else in trueup knows a
system by name; what differs between two of them is asked of their System.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trueup.core.kinds import Ids, ResourceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trueup.core.kinds import Kind
    from trueup.core.reasons import Reason, Wording
    from trueup.core.values import Live
    from trueup.systems.functions import Function
    from trueup.transport.dialect import ApiClient, Dialect, Guard

INTERFACE: Final = 1
"""The version of this interface; a system that was written for another one is not loaded."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The rights of a credential in its tenant, as far as they are known."""

    admin: bool | None = None
    """Whether calls that take an admin are allowed; None when the roles are not known here."""
    roles: tuple[str, ...] = ()


class Tenant:
    """The organisation or project that a credential acts in, and what the credential may do there.

    Where a credential acts in one tenant alone, `of` returns it. Elsewhere each resource names its own, in `field`.
    This class is the tenant of a system that has none.
    """

    setting: str = ""
    """The field of a Connection that says which tenant it is meant for, and the end of TRUEUP_<SYSTEM>_<SETTING>."""
    pattern: str = ""
    """The regular expression of its ids."""
    title: str = ""
    """It in a message: `an organisation of Den`."""
    form: str = ""
    """The form of its ids in a message."""
    shown_where: str = ""
    """A sentence about where a person finds such an id."""
    shows: bool = False
    """Whether live resources show the tenant that they belong to, so that it need not be asked for."""
    doc: str = ""
    """The setting, for the schema of the Pulumi provider."""
    field: str = ""
    """The field by which each resource names its tenant; empty where a credential acts in one alone."""

    @property
    def alone(self) -> bool:
        """Whether a credential acts in one tenant alone, rather than in whichever a resource names."""
        return bool(self.setting) and not self.field

    def guard(self, expected: str, said_by: str) -> Guard | None:
        """Return what holds a credential against the tenant that its connection is meant for, if answers show it.

        `said_by` is a subject and its verb: `connection "default" is meant for`.
        """
        return None

    async def of(self, api: ApiClient) -> str:
        """Return the id of the one tenant that the credential acts in; empty where each resource names its own.

        One request at most. Raises ApiError.
        """
        return ""

    def shown(self, live: Live) -> str:
        """Return the id of the tenant that a live resource shows; empty when it shows none."""
        return ""

    async def permissions(self, api: ApiClient) -> Permissions:
        """Return the rights of the credential. One request at most. Raises ApiError."""
        return Permissions(admin=True)

    async def sees_all(self, api: ApiClient) -> bool:
        """Whether the lists hold all there is, rather than what the credential was granted. Raises ApiError."""
        return True

    async def warning(self, api: ApiClient, denied: Iterable[Reason], *, writes: bool) -> Reason | None:
        """Return why writes with this credential may be refused; None when nothing speaks for it.

        `denied` is why parts could not be read. One request at most, and none
        unless something is to be written. Raises ApiError.
        """
        return None

    def detected(self, api: ApiClient) -> list[str]:
        """Return lines about how the server behaves, and by what that was recognised."""
        signs = api.signs
        return [f"{signs.with_request_id:,} of {signs.answers:,} answers carried x-request-id."]


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A server of the API on this machine, which `url: sandbox` starts: a module that `python -m` runs.

    It is run with `--state FILE --users-lock FILE`. As soon as it answers it prints one line of JSON,
    `{"desk": {"url": "http://127.0.0.1:…", "apiKey": "…"}}`, and it ends once it can take the lock (flock) on that
    second file for itself. Systems that name the same one share a process.
    """

    module: str
    arguments: tuple[str, ...] = ()
    folder: str = ""
    """The name of its folder in the state folder; by default that of the module."""


@dataclass(frozen=True, slots=True)
class System:
    """One API: its name in manifests and variables, its kinds, how it speaks, and whose resources it holds."""

    name: str
    """`den` in `den.trueup.dev/v1`, in addresses, and in TRUEUP_DEN_API_KEY: small letters and digits."""
    title: str
    """Its name in a sentence."""
    url: str
    """Its public address, where a connection does not say otherwise."""
    kinds: tuple[Kind, ...]
    """Its kinds of resource, and `Connection`."""
    dialect: type[Dialect]
    tenant: Tenant = field(default_factory=Tenant)
    functions: tuple[Function, ...] = ()
    """The functions that programs may call."""
    key_prefix: str = ""
    """How its keys begin, such as `den_`: what begins so is a secret wherever it stands. Empty when they vary."""
    embedded: EmbeddedServer | None = None
    """The server that `url: sandbox` stands for; None where there is none."""
    reasons: Mapping[str, Wording] = field(default_factory=dict)
    """The words of its own reasons, by code: `den/target-cannot-change`."""
    interface: int = INTERFACE

    def ids_of_parent(self, kind: ResourceKind) -> Ids:
        """Return the ids of the parents of a child kind: another kind, or what a field names."""
        field = kind.by_name[kind.parent]
        for other in self.kinds:
            if isinstance(other, ResourceKind) and other.name == field.reference:
                return other.ids
        return Ids(kind.parent.removesuffix("Id").upper(), field.schema.get("pattern", Ids.pattern))
