"""Kinds, the handler of each kind on its API, and declared resources.

A kind is declared as a frozen dataclass, one file a kind. Its docstring is the schema's description; its fields say
what is a reference, immutable, secret, write-only or owned key by key. Manifest schema, validation, reference page
and plan are derived from that, so each fact about a kind is written once.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trueup.core.fields import fields_of
from trueup.core.reasons import Reason
from trueup.core.texts import trimmed
from trueup.core.values import Address, Kept, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.core.api import Api
    from trueup.core.changes import Change, Path
    from trueup.core.fields import Field
    from trueup.core.values import Call, Desired, Incomparable, Listing, Live, Refusal


PROTECT: Final = "trueup.dev/protect"
"""The annotation that refuses deletion and replacement when it is `true`."""


RENAMED_FROM: Final = "trueup.dev/renamed-from"
"""The annotation that holds the former name of a resource."""


_CAPABILITIES: Final = {
    "translates": ("canonical", "moved"),
    "shortens": ("whole",),
    "settles": ("incomparable",),
}
"""The methods that are called only of a handler that declares the capability."""


class Handler(ABC):
    """The operations of one kind on its API. A method that a kind does not override behaves as defined here.

    Coroutines raise ApiError. Only NotFound, or absence from a complete list, means absent.
    """

    computed: Mapping[str, str] = MappingProxyType({})
    """Values that the server computes beside the spec (`Live.server`): name to description; all of them are texts."""
    follows: bool = True
    """Whether an id in the ledger still identifies the same resource after its natural key has changed."""
    naming: str = ""
    """The field that is unique among siblings and can be changed; empty when a name cannot pass to another resource."""
    creates: bool = True
    """Whether the API has a documented call that creates one; otherwise an existing one is adopted."""
    statuses: tuple[str, ...] = ()
    """Every value that its status may have; empty when the server may have others."""
    dated: bool = True
    """Whether its resources show when they last changed (`Live.updated_at`)."""

    # What a handler can do beside the least is declared, and `__init_subclass__` refuses what is not.
    translates: bool = False
    """Whether `canonical` and `moved` change a spec by the listing: a name that users write to the server's id."""
    shortens: bool = False
    """Whether lists leave fields out, which `whole` reads of one resource."""
    settles: bool = False
    """Whether values may read back in other words than were written, or later: `incomparable` says which."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for capability, methods in _CAPABILITIES.items():
            for method in methods:
                if getattr(cls, method) is not getattr(Handler, method) and not getattr(cls, capability):
                    raise TypeError(f"{cls.__name__} has {method}, which takes {capability} = True.")

    @abstractmethod
    def key(self, spec: dict[str, Any]) -> Hashable:
        """Return the natural key of a declared or live spec with ids for references; unique on the server."""

    def near(self, spec: dict[str, Any]) -> Hashable | None:
        """Return the natural key as a database with a looser collation compares it; None when none would."""
        return None

    def identity(self, spec: dict[str, Any]) -> str | None:
        """Return the id that a declared spec names; None when it names none."""
        found: str | None = spec.get("id")
        return found

    def former(self, declared: Declared, spec: dict[str, Any]) -> Hashable | None:
        """Return the natural key with the former name from the annotation; `spec` has ids for references."""
        name = declared.renamed_from
        return self.key({**spec, self.naming: name}) if name and self.naming else None

    def label(self, spec: dict[str, Any]) -> str:
        """Return the name among its siblings, where a short form declares it."""
        return str(spec.get(self.naming or "name") or "")

    def canonical(self, spec: dict[str, Any], listing: Listing) -> dict[str, Any] | Refusal:
        """Return a declared spec in the server's normal form, using the listing; a Refusal when there is none."""
        return spec

    def moved(
        self, spec: dict[str, Any], found: dict[str, Any] | Refusal, live: Live, name: str, listing: Listing
    ) -> Reason | None:
        """Return why a declared name no longer denotes the live resource, and how to write it; None when it may.

        `found` is the canonical spec, `live` is known by its address, and `name` was declared when it was last written.
        """
        return None

    @abstractmethod
    async def read(self, api: Api, scope: Scope) -> Listing:
        """Return everything of this kind that a run may need, in as few requests as possible."""

    def read_cost(self, scope: Scope) -> int:
        """Return the number of requests that `read` is expected to take."""
        return 1

    async def find(self, api: Api, given: str) -> tuple[Live, ...] | None:
        """Return what a name or id on a command line means, below its parents, in as few requests as can be.

        None has the whole list searched for it. Raises UsageError, which names near ones.
        """
        return None

    @abstractmethod
    async def reread(self, api: Api, lives: Sequence[Live]) -> dict[str, Live]:
        """Return those that still exist, by id, in as few requests as possible: the verification after the writes."""

    async def whole(self, api: Api, live: Live) -> Live:
        """Return a listed resource with the fields that its list leaves out."""
        return live

    @abstractmethod
    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Return the number of requests that `reread` is expected to take; None is a resource not created yet."""

    def incomparable(self, path: Path, value: Any) -> Incomparable | None:
        """Return why a value that was read cannot be compared with a declared one; None when it can."""
        return None

    def revived(self, live: Live) -> dict[str, Any]:
        """Return undeclared fields to set when the resource is adopted, as if it were created."""
        return {}

    @abstractmethod
    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """Return the calls that make the changes, in order, or a refusal. A call that creates means: replace it."""

    @abstractmethod
    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """Return the calls that create it, or a refusal; `near` is what exists, to suggest names from."""

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """Return the calls that delete it by that deletionPolicy, or why it is kept; empty when already done."""
        return Kept(Reason("retained"))

    def ended(self, live: Live | None) -> bool:
        """Return whether the reading after a deletion is as expected: absent, unless the kind ends otherwise."""
        return live is None

    async def cascade(self, api: Api, live: Live, calls: Sequence[Call]) -> tuple[str | Reason, ...]:
        """Return the other objects that the calls delete along with it, a line each."""
        return ()

    @abstractmethod
    async def perform(self, api: Api, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Make one call and return what its answer shows as live; None when it shows nothing."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The extent of a reading."""

    declared: tuple[Declared, ...] = ()
    """The declared resources of this kind and connection in this run."""
    whole: bool = True
    """False when only the declared ones matter: a lookup by key may then be cheaper than the whole list."""
    known: tuple[str, ...] = ()
    """Ids of the declared resources in the ledger: they may be live under another key."""
    parents: tuple[str, ...] = ()
    """Ids of the parents whose children to list, for a kind that has no list of its own."""


class Inline(NamedTuple):
    """A field that is a short form of resources of another kind."""

    field: str
    kind: str
    key: str
    """The key of the list in the field; empty when the field itself is the list."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of document: its name and its fields. Connection is one; every other is a ResourceKind."""

    system: str
    name: str
    api_version: str
    doc: str
    fields: tuple[Field, ...]
    parent: str = ""
    """The reference field that names the parent; empty for a kind with a list of its own."""
    one_of: tuple[str, ...] = ()
    """Fields of which exactly one is required."""

    by_name: dict[str, Field] = dataclasses.field(init=False, repr=False, compare=False)
    """All fields, by name."""
    references: tuple[Field, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """The fields that refer to another resource."""
    parent_kind: str = dataclasses.field(init=False, repr=False, compare=False)
    """The kind of the parent; empty where there is none, or it is no kind that can be declared."""
    inlines: tuple[Inline, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """The fields that are short forms of other resources."""
    trimmed: tuple[Field, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """The text fields that the server trims."""
    whole: tuple[tuple[str, ...], ...] = dataclasses.field(init=False, repr=False, compare=False)
    """Paths of the integers: fields, and keys of fields."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {spec.name: spec for spec in self.fields})
        object.__setattr__(self, "references", tuple(spec for spec in self.fields if spec.reference))
        object.__setattr__(self, "parent_kind", self.by_name[self.parent].reference if self.parent else "")
        inlines = tuple(Inline(spec.name, *spec.inline) for spec in self.fields if spec.inline)
        object.__setattr__(self, "inlines", inlines)
        object.__setattr__(self, "trimmed", tuple(spec for spec in self.fields if spec.trimmed))
        object.__setattr__(self, "whole", tuple(path for spec in self.fields for path in _whole(spec)))


@dataclass(frozen=True)
class Ids:
    """The ids of one kind, as programs write them to import a resource."""

    form: str
    """Their form in a message: `cin_…`."""
    pattern: str = r"[^/\s]+"
    """The regular expression of a whole one."""
    prefix: str = ""
    """The beginning that no id of another kind has: `cin_`."""
    composed: bool = False
    """Whether a resource can be read only with its parent's id, which then precedes its own: `ctg_…/cmp_…`."""


@dataclass(frozen=True, slots=True, eq=False)
class ResourceKind(Kind):
    """A kind of resource, with the handler of its API."""

    handler: Handler = dataclasses.field(kw_only=True)
    ids: Ids = dataclasses.field(kw_only=True)


def _whole(spec: Field) -> Iterator[tuple[str, ...]]:
    keys = spec.schema.get("properties", {}).items()
    for path, schema in (((spec.name,), spec.schema), *(((spec.name, key), below) for key, below in keys)):
        if schema.get("type") == "integer":
            yield path


def kind(
    cls: type,
    *,
    system: str,
    handler: Handler,
    parent: str = "",
    one_of: tuple[str, ...] = (),
    ids: Ids | None = None,
) -> ResourceKind:
    """Return the kind of resource that a dataclass declares; without `ids`, those of children are composed."""
    ids = ids or Ids(cls.__name__.upper(), composed=bool(parent))
    return ResourceKind(*_declared(cls, system, cls.__name__), parent, one_of, handler=handler, ids=ids)


def connection_kind(cls: type, *, system: str) -> Kind:
    """Return the kind Connection of a system, as a dataclass of any name declares it."""
    return Kind(*_declared(cls, system, "Connection"))


def _declared(cls: type, system: str, name: str) -> tuple[str, str, str, str, tuple[Field, ...]]:
    return system, name, f"{system}.trueup.dev/v1", inspect.getdoc(cls) or "", fields_of(cls)


@dataclass(slots=True)
class Declaration:
    """One document as declared: in the API's own field names, canonical, references and secrets unresolved.

    `spec` holds plain values, and `secrets.Reference` in place of secrets. `locate` computes the place of a field
    on demand, because a run over 100,000 documents needs few of them.
    """

    address: Address
    kind: Kind
    spec: dict[str, Any]
    where: Where
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    locator: Callable[[Path], Where] | None = None
    within: bool = False
    """Whether a short form declares it, within the document of another resource."""
    gone: bool = False
    """Whether it is no longer declared: built from the ledger's record."""

    @property
    def place(self) -> Where:
        """Its place: the document, or the item of a short form, which is searched for on demand."""
        return self.locate(()) if self.within else self.where

    @property
    def policy(self) -> str:
        """Its deletionPolicy, or the default of its kind."""
        field = self.kind.by_name.get("deletionPolicy")
        return str(self.spec.get("deletionPolicy") or field.default) if field else ""

    @property
    def renamed_from(self) -> str:
        """The former name from its annotation; empty when there is none."""
        return trimmed((self.annotations or {}).get(RENAMED_FROM, ""))

    @property
    def protected(self) -> bool:
        """Whether its annotations refuse deletion and replacement."""
        return (self.annotations or {}).get(PROTECT) == "true"

    def locate(self, path: Path) -> Where:
        """Return the place of a field of `spec`; the place of the document when the field is not written there."""
        return self.locator(path) if self.locator else self.where


@dataclass(slots=True)
class Declared(Declaration):
    """One declared resource, hence of a kind that has a handler; a Connection is a bare Declaration."""

    kind: ResourceKind
