"""Kinds, how each is handled on its API, and what is declared of them.

A kind is declared as a frozen dataclass, one file a kind. Its docstring is the schema's description; its fields say
what is a reference, immutable, secret, write-only or owned key by key. Manifest schema, validation, reference page
and plan are derived from that, so a fact about a kind is written once.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from trueup.core.fields import fields_of
from trueup.core.texts import trimmed
from trueup.core.values import Address, Kept, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.core.changes import Change, Path
    from trueup.core.fields import Field
    from trueup.core.values import Call, Desired, Doubt, Listing, Live, Refusal


PROTECT: Final = "trueup.dev/protect"
"""The annotation that refuses removal and replacement when it is `true`."""


RENAMED_FROM: Final = "trueup.dev/renamed-from"
"""The annotation that holds the name that a resource had before."""


class Handler:
    """What one kind knows of its API; what it does not say is so as here.

    Coroutines raise ApiError; only NotFound and a complete list mean absent.
    """

    told: Mapping[str, str] = MappingProxyType({})
    """What the server tells of it beside its spec (`Live.server`), all texts, each with what it is."""
    follows: bool = True
    """Whether what the ledger knows by its id is still the same resource once its natural key is another."""
    naming: str = ""
    """The field that is unique among its siblings and can be changed; empty where a name cannot change hands."""
    creates: bool = True
    """Whether the API documents a way to create one; otherwise what exists is adopted."""
    statuses: tuple[str, ...] = ()
    """Every word that its status may read in; empty where the server may have others."""

    def key(self, spec: dict[str, Any]) -> Hashable:
        """The natural key of a declared or live spec with ids for references, unique on the server."""
        raise NotImplementedError

    def near(self, spec: dict[str, Any]) -> Hashable | None:
        """The natural key as a database has it that takes more texts for the same; None where none would."""
        return None

    def identity(self, spec: dict[str, Any]) -> str | None:
        """The id that a declared spec names, if it names one."""
        found: str | None = spec.get("id")
        return found

    def former(self, declared: Declared, spec: dict[str, Any]) -> Hashable | None:
        """The natural key with the name that its annotation says it had; `spec` has ids for references."""
        name = declared.renamed_from
        return self.key({**spec, self.naming: name}) if name and self.naming else None

    def label(self, spec: dict[str, Any]) -> str:
        """What it is called among those of its parent, where a short form declares it."""
        raise NotImplementedError

    def canonical(self, spec: dict[str, Any], listing: Listing) -> dict[str, Any] | Refusal:
        """A declared spec in the server's own words, by what the reading brought; or why there are none."""
        return spec

    def moved(
        self, spec: dict[str, Any], found: dict[str, Any] | Refusal, live: Live, name: str, listing: Listing
    ) -> str:
        """Why a declared name no longer stands for what is live, and how to write it; empty when it does, or may.

        `found` is the canonical spec, `live` is known by its address, and `name` was declared when it was written.
        """
        return ""

    async def read(self, api: Any, scope: Scope) -> Listing:
        """Everything of this kind that a run may need, in as few requests as give a true picture."""
        raise NotImplementedError

    def read_cost(self, scope: Scope) -> int:
        """Requests that `read` is expected to take, as far as can be told before it."""
        return 1

    async def reread(self, api: Any, lives: Sequence[Live]) -> dict[str, Live]:
        """Those that are still there, by id, in as few requests as can be: the look after the writes."""
        raise NotImplementedError

    async def whole(self, api: Any, live: Live) -> Live:
        """One that was listed, with what its list leaves out."""
        return live

    def reread_cost(self, lives: Sequence[Live | None], parents: int) -> int:
        """Requests that `reread` of those is expected to take; None is what is yet to be created."""
        raise NotImplementedError

    def doubt(self, path: Path, value: Any) -> Doubt | None:
        """Why a value that was read cannot be compared with a declared one; None when it can."""
        return None

    def revived(self, live: Live) -> dict[str, Any]:
        """Fields that are set when it becomes ours although they are not declared: as if it were created."""
        return {}

    def calls(self, live: Live, desired: Desired, changes: Sequence[Change]) -> tuple[Call, ...] | Refusal:
        """The calls that make the changes, in order, or why there are none. One that creates says: replace it."""
        raise NotImplementedError

    def creation(self, declared: Declared, near: Sequence[Live]) -> tuple[Call, ...] | Refusal:
        """The calls that create it, or why that is refused; `near` is what exists, to suggest names from."""
        raise NotImplementedError

    def removal(self, live: Live, policy: str) -> tuple[Call, ...] | Kept:
        """The calls that end it by that deletionPolicy, or why it is kept; none when it has ended already."""
        return Kept("it is retained")

    def ended(self, live: Live | None) -> bool:
        """Whether what was read after a removal is as it should be: gone, unless a kind ends otherwise."""
        return live is None

    async def goes_with(self, api: Any, live: Live, calls: Sequence[Call]) -> tuple[str, ...]:
        """What else is lost by those calls, a line each."""
        return ()

    async def perform(self, api: Any, call: Call, live: Live | None, desired: Desired) -> Live | None:
        """Makes one call; what the answer says is live now, or None when it says nothing."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reading has to cover."""

    declared: tuple[Declared, ...] = ()
    """The declared resources of this kind and connection that the run is about."""
    whole: bool = True
    """False when the rest does not matter: then a lookup by key may be cheaper than the whole list."""
    known: tuple[str, ...] = ()
    """Ids by which the ledger knows the declared ones: they may live on under another key."""
    below: tuple[str, ...] = ()
    """Ids of the parents to list below, for a kind that has no list of its own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its name, its fields, and the handler of its API."""

    system: str
    name: str
    api_version: str
    doc: str
    fields: tuple[Field, ...]
    handler: Handler | None = None
    """None for what is only configuration, such as Connection."""
    parent: str = ""
    """The reference field that names what it is listed below; empty for what has a list of its own."""
    one_of: tuple[str, ...] = ()
    """Fields of which exactly one has to be given."""
    example: str = ""

    by_name: dict[str, Field] = dataclasses.field(init=False, repr=False, compare=False)
    """Its fields by name."""
    references: tuple[Field, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """Its fields that name another resource."""
    inlines: tuple[Field, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """Its fields that are short forms of other resources."""
    trimmed: tuple[Field, ...] = dataclasses.field(init=False, repr=False, compare=False)
    """Its texts that the server trims."""
    whole: tuple[tuple[str, ...], ...] = dataclasses.field(init=False, repr=False, compare=False)
    """The paths of its whole numbers: fields, and keys of fields."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {spec.name: spec for spec in self.fields})
        object.__setattr__(self, "references", tuple(spec for spec in self.fields if spec.reference))
        object.__setattr__(self, "inlines", tuple(spec for spec in self.fields if spec.inline))
        object.__setattr__(self, "trimmed", tuple(spec for spec in self.fields if spec.trimmed))
        object.__setattr__(self, "whole", tuple(path for spec in self.fields for path in _whole(spec)))

    def __hash__(self) -> int:
        return hash((self.api_version, self.name))


def _whole(spec: Field) -> Iterator[tuple[str, ...]]:
    keys = spec.schema.get("properties", {}).items()
    for path, schema in (((spec.name,), spec.schema), *(((spec.name, key), below) for key, below in keys)):
        if schema.get("type") == "integer":
            yield path


def kind(
    cls: type, *, system: str, handler: Handler | None = None, parent: str = "", one_of: tuple[str, ...] = ()
) -> Kind:
    """The Kind that a dataclass declares."""
    doc = inspect.cleandoc(typing.cast(str, cls.__doc__))  # Python 3.13 does so by itself
    return Kind(system, cls.__name__, f"{system}.trueup.dev/v1", doc, fields_of(cls), handler, parent, one_of)


@dataclass(slots=True)
class Declared:
    """One resource as somebody declared it: in the API's own names, canonical, references and secrets unresolved.

    `spec` holds plain values, and `secrets.Reference` where a secret belongs. `locate` finds the place of a field
    only when somebody asks, because a run over 100,000 documents asks for few.
    """

    address: Address
    kind: Kind
    spec: dict[str, Any]
    where: Where
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    locator: Callable[[Path], Where] | None = None
    within: bool = False
    """Declared by a short form, within the document of another resource."""
    gone: bool = False
    """It is declared no more: what the ledger remembers stands in its place."""

    @property
    def place(self) -> Where:
        """Where it stands: its document, or the very item of a short form, which has to be looked for."""
        return self.locate(()) if self.within else self.where

    @property
    def policy(self) -> str:
        """What becomes of it when it leaves the manifests: its deletionPolicy, or its kind's own."""
        trait = self.kind.by_name.get("deletionPolicy")
        return str(self.spec.get("deletionPolicy") or trait.default) if trait else ""

    @property
    def renamed_from(self) -> str:
        """The former name that its annotation gives; empty when there is none."""
        return trimmed((self.annotations or {}).get(RENAMED_FROM, ""))

    @property
    def protected(self) -> bool:
        """Whether its annotations refuse its removal and replacement."""
        return (self.annotations or {}).get(PROTECT) == "true"

    def locate(self, path: Path) -> Where:
        """Where that field of `spec` stands; the document's own place when it is written nowhere."""
        return self.locator(path) if self.locator else self.where
