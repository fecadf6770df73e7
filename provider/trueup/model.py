"""The words that everything else is said in: Address, Where, Kind, Field, Declared, Live.

A kind is declared as a frozen dataclass, one file a kind. Its docstring is the schema's description; its fields say
what is a reference, immutable, secret, write-only or owned key by key. Manifest schema, validation, reference page
and plan are derived from that, so a fact about a kind is written once.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from trueup.texts import trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.diff import Change, Path

DEFAULT_CONNECTION: Final = "default"
PROTECT: Final = "trueup.dev/protect"
"""The annotation that refuses removal and replacement when it is `true`."""
RENAMED_FROM: Final = "trueup.dev/renamed-from"
"""The annotation that holds the name that a resource had before."""


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a manifest; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file  # 0: not of a file


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of a declared resource: `den/ConnectorInstance/docs`, or `den:staging/…` off the default connection."""

    system: str
    kind: str
    name: str
    connection: str = DEFAULT_CONNECTION

    def __str__(self) -> str:
        system = self.system if self.connection == DEFAULT_CONNECTION else f"{self.system}:{self.connection}"
        return f"{system}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind, as users write it."""

    name: str
    doc: str
    schema: dict[str, Any]
    """JSON Schema of its value, without the description."""
    required: bool = False
    default: Any = None
    """What the server or trueup assumes when it is absent; for the documentation, never filled in."""
    reference: str | None = None
    """The kind (of the same system) that it names; its value is that resource's name or id."""
    immutable: bool = False
    secret: bool | tuple[str, ...] = False
    """A secret: references only, never shown. A tuple names the keys of a mapping below which everything is one."""
    write_only: bool = False
    """The server may keep it to itself: absent from what is read means unreadable, not removed."""
    owned_by_key: bool = False
    """A mapping of which only the declared keys are ours; the rest belongs to the server and is carried over."""
    local: bool = False
    """For trueup alone: never compared with what is live."""
    inline: tuple[str, str] | None = None
    """A short form of resources of another kind, each without its reference to this one: the name of that kind (of the
    same system), and the key below which their list stands, empty when the field is that list."""
    example: Any = None
    trimmed: bool = False
    """A text that the server trims before it counts its length, in UTF-16 units."""

    @property
    def grows(self) -> bool:
        """Whether a newer server may know more words than its enum: another one is a warning."""
        return GROWS in self.schema

    @property
    def nullable(self) -> bool:
        """Whether null may be written."""
        types = self.schema.get("type")
        return isinstance(types, list) and "null" in types

    def is_secret(self, path: Path) -> bool:
        """Whether what stands at a path, which begins with this field's name, is a secret."""
        if isinstance(self.secret, tuple):
            return len(path) > 1 and path[1] in self.secret
        return self.secret

    def is_plain(self, value: Any) -> bool:
        """Whether a value could have been written as it is: then it is no other way to say what was written."""
        return isinstance(value, bool) or (isinstance(value, str) and value in self.schema.get("enum", ()))


GROWS: Final = "x-grows"  # marks an enum in a schema: a newer server may know more words


def field(
    doc: str,
    *,
    default: Any = None,
    reference: str | None = None,
    immutable: bool = False,
    secret: bool | tuple[str, ...] = False,
    write_only: bool = False,
    owned_by_key: bool = False,
    local: bool = False,
    inline: tuple[str, str] | None = None,
    example: Any = None,
    trimmed: bool = False,
    grows: bool = False,
    **schema: Any,
) -> Any:
    """A field of a kind's dataclass: what it is, its traits, and further JSON Schema (`max_length=255`)."""
    traits = {
        "doc": doc,
        "default": default,
        "reference": reference,
        "immutable": immutable,
        "secret": secret,
        "write_only": write_only,
        "owned_by_key": owned_by_key,
        "local": local or inline is not None,
        "inline": inline,
        "example": example,
        "trimmed": trimmed,
        "schema": {_camel(key): value for key, value in schema.items()} | ({GROWS: True} if grows else {}),
    }
    return dataclasses.field(default=None, metadata=traits)


def _camel(name: str) -> str:
    if name == "required_keys":  # `required` says of the field itself that it must be there
        return "required"
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _schema(hint: Any) -> tuple[dict[str, Any], bool]:
    """JSON Schema of a type hint, and whether the field may be left out (`| None`, with null not allowed)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        found = [_schema(arm)[0] for arm in arms]
        return (found[0] if len(found) == 1 else {"anyOf": found}), True
    origin = typing.get_origin(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(typing.get_args(hint))}, False
    if origin is dict:
        return {"type": "object"}, False
    if origin is list:
        return {"type": "array", "items": _schema(typing.get_args(hint)[0])[0]}, False
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[hint]}, False


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields of a kind's dataclass; `X | None` may be left out, `nullable=True` also lets null be written."""
    hints = typing.get_type_hints(cls)
    found = []
    for spec in dataclasses.fields(cls):
        traits = dict(spec.metadata)
        schema, optional = _schema(hints[spec.name])
        extra = dict(traits.pop("schema"))
        if extra.pop("nullable", False):
            schema = {**schema, "type": [schema["type"], "null"]}
        found.append(Field(name=spec.name, required=not optional, schema={**schema, **extra}, **traits))
    return tuple(found)


class Verbs:
    """What one kind knows of its API; what it does not say is so as here.

    Coroutines raise ApiError; only NotFound and a complete list mean absent.
    """

    told: Mapping[str, str] = MappingProxyType({})
    """What the server tells of it beside its spec (`Live.server`), all texts, each with what it is."""
    follows: bool = True
    """Whether what the ledger knows by its id is still the same resource once its natural key is another."""
    naming: str = ""
    """The field that is unique among its siblings and can be changed; empty where a name cannot change hands."""
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


@dataclass(slots=True)
class Listing:
    """What a reading found."""

    items: list[Live]
    complete: bool = True
    """Only a complete listing tells that something is absent."""
    below: frozenset[str] = frozenset()
    """The parents below which was read."""
    aged: dict[Address, tuple[str, str]] = dataclasses.field(default_factory=dict)
    """Declared resources that were not read now: their ids, and when they were seen as they are declared."""
    denied: dict[str, str] = dataclasses.field(default_factory=dict)
    """Parents below which nothing could be read, by id, and why."""
    gone: set[str] = dataclasses.field(default_factory=set)
    """Those of the denied of which the server says that they are not there."""
    hidden: dict[Address, str] = dataclasses.field(default_factory=dict)
    """Declared resources that are not listed and that the ledger knows, where the credential does not see all: ids."""
    context: Any = None
    """What the kind read beside, for its own use."""


@dataclass(frozen=True, slots=True)
class Call:
    """One write of a step, as data: a plan can be saved and shown."""

    verb: str
    """`create`, `patch`, `enable`, … as the API calls it."""
    requests: int = 1
    """How many requests it takes when all goes well."""
    paths: tuple[str, ...] = ()
    """The fields it sets."""
    admin: bool = False
    """It takes an admin of the organisation."""


DELETES: Final = ("remove", "delete", "revoke", "disconnect")
"""Verbs of calls after which something is not there any more."""
WITH_ALL_BELOW: Final = ("remove", "disconnect")
"""Those of them that take along what is below it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Why something that left the manifests stays as it is, and what would remove it."""

    why: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a value that was read says little about a declared one."""

    why: str
    settling: bool = False
    """It may still be on the way to another value, so it is not to be learned."""
    final: bool = False
    """It tells of a failure: neither to be learned nor to be written again by itself."""
    may_be: tuple[str, ...] = ()
    """The declared words that it may stand for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step is not made, in words that say what would help."""

    why: str
    error: bool = False
    """True when the manifest asks for what cannot be; False when trueup protects what is live."""


@dataclass(slots=True)
class Desired:
    """What a call has to bring about: the declared spec with references as ids and secrets resolved."""

    spec: dict[str, Any]
    waits: dict[str, Address] = dataclasses.field(default_factory=dict)
    """Fields whose id is known once that resource was created."""
    removed: tuple[Path, ...] = ()
    """Keys that we set once, that left the manifest, and that the server still has."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its name, its fields, and the verbs of its API."""

    system: str
    name: str
    api_version: str
    doc: str
    fields: tuple[Field, ...]
    verbs: Verbs | None = None
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


def kind(cls: type, *, system: str, verbs: Verbs | None = None, parent: str = "", one_of: tuple[str, ...] = ()) -> Kind:
    """The Kind that a dataclass declares."""
    doc = inspect.cleandoc(typing.cast(str, cls.__doc__))  # Python 3.13 does so by itself
    return Kind(system, cls.__name__, f"{system}.trueup.dev/v1", doc, fields_of(cls), verbs, parent, one_of)


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


@dataclass(slots=True)
class Live:
    """One resource as the server has it, in our words; references are ids, names are canonical."""

    kind: str
    id: str
    name: str
    spec: dict[str, Any]
    updated_at: str | None = None
    unreadable: frozenset[Path] = frozenset()
    """Paths of `spec` whose value the server keeps to itself (masked or left out)."""
    trouble: str = ""
    """What the server itself says is wrong with it, which no declared field tells and no call mends."""
    server: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What belongs to the server alone: `organizationId`, `createdAt`, …"""
    found: bool = False
    """It was looked for because the answer to a write was lost: what it says need not be ours."""
    implied: bool = False
    """It comes with something else, so that nobody need declare it."""
    seen_at: str = ""
    """When it was read, if that was not just now: then it is what the ledger holds of it."""
