"""A live resource to the manifest that declares it, of which a plan shows no difference.

The manifest is loaded again and compared with the live resource. A field that would differ is omitted and reported; if
it is required, the resource is not declared at all.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING
from trueup.core.reasons import Reason
from trueup.core.values import DEFAULT_CONNECTION
from trueup.engine.plan.classify import in_sync
from trueup.importing import emit
from trueup.importing.pruning import is_secret, pruned
from trueup.manifest import counted
from trueup.manifest.check import explain, kind_of, sound
from trueup.manifest.compose import Document, documents
from trueup.manifest.declare import declare
from trueup.manifest.links import ID_PATTERN
from trueup.manifest.schema import thorough
from trueup.manifest.text import Source
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueup.core.changes import Path
    from trueup.core.fields import Field
    from trueup.core.kinds import ResourceKind
    from trueup.core.values import Listing, Live

ASKED: Final = Reason("import-config-on-request")
UNREAD: Final = Reason("import-unread-secrets")
ODD: Final = Reason("import-read-otherwise")


@dataclass(frozen=True, slots=True)
class Omission:
    """Something of a resource that its manifest does not say, and why."""

    path: Path
    why: Reason


@dataclass(slots=True)
class Described:
    """A live resource, its manifest, and what that leaves out."""

    kind: ResourceKind
    live: Live
    name: str
    """Its `metadata.name`."""
    document: dict[str, Any] | None = None
    """None when it cannot be declared."""
    text: str = ""
    left: list[Omission] = dataclasses.field(default_factory=list)
    why: Reason | None = None
    """Why it cannot be declared."""


@dataclass(frozen=True, slots=True)
class Style:
    """How manifests are to be written."""

    include_config: bool = False
    connection: str = DEFAULT_CONNECTION


def described(
    kind: ResourceKind, live: Live, name: str, known: Mapping[str, Mapping[str, str]], listing: Listing, style: Style
) -> Described:
    """The manifest of a live resource; `known` are the names of others that are declared beside it, by kind and id."""
    return _Describer(kind, live, name, known, listing, style).describe()


class _Describer:
    def __init__(
        self,
        kind: ResourceKind,
        live: Live,
        name: str,
        known: Mapping[str, Mapping[str, str]],
        listing: Listing,
        style: Style,
    ) -> None:
        self.found = Described(kind, live, name)
        self.kind = kind
        self.live = live
        self.known = known
        self.listing = listing
        self.style = style
        self.handler = kind.handler
        self.spec: dict[str, Any] = {}

    def describe(self) -> Described:
        found = self.found
        if is_secret(found.name):
            return self._refused(Reason("import-secret-name"))
        for field in self.kind.fields:
            value = self.live.spec.get(field.name)
            if field.write_only:
                found.left.append(Omission((field.name,), UNREAD))
            elif not field.local and value is not None:
                self._put(field, value)
        if "connectorId" in self.kind.by_name:
            self._by_name_or_id()
        if (loose := self._loose()) is not None:
            return self._refused(loose)
        while (why := self._wrong()) is not None:
            if isinstance(why, Reason):
                return self._refused(why)
            name, reason = why
            del self.spec[name]
            found.left.append(Omission((name,), reason))
        return found

    def _refused(self, why: Reason) -> Described:
        self.found.document, self.found.text, self.found.why = None, "", why
        return self.found

    def _put(self, field: Field, value: Any) -> None:
        name, left = field.name, self.found.left
        if field.owned_by_key:
            if not value:
                return
            if not self.style.include_config:
                left.extend(Omission((name, key), ASKED) for key in value)
                return
            kept = pruned(value, (name,))
            left.extend(Omission(*one) for one in kept.gone)
            if kept.value is not MISSING:
                self.spec[name] = kept.value
        elif field.reference:
            self.spec[name] = self.known.get(field.reference, {}).get(value, value) if isinstance(value, str) else value
        elif isinstance(value, str) and is_secret(value):
            left.append(Omission((name,), Reason("import-like-a-secret")))
        elif field.default is None or value != field.default:
            self.spec[name] = self._called(name, value)
        if name == "name" and self.spec.get(name) == self.found.name:
            del self.spec[name]

    def _called(self, name: str, value: Any) -> Any:
        """Return the name that a manifest may use in place of an id that the server assigned."""
        if self.handler.translates and self.live.name != value:
            canonical = self.handler.canonical({name: self.live.name}, self.listing)
            if isinstance(canonical, dict) and canonical.get(name) == value:
                return self.live.name
        return value

    def _by_name_or_id(self) -> None:
        """Declare the id only if the name does not identify it: missing, shared, or not printable."""
        name, key = str(self.live.spec.get("name") or ""), self.handler.key(self.live.spec)
        alone = sum(self.handler.key(one.spec) == key for one in self.listing.items) == 1
        self.spec.pop("connectorId" if alone and name and name.isprintable() else "name", None)

    def _loose(self) -> Reason | None:
        """Return the problem with a reference that remains an id, if any."""
        for field in self.kind.references:
            value, pattern = self.spec.get(field.name), field.schema.get(ID_PATTERN, "")
            if value == self.live.spec.get(field.name) and not (
                isinstance(value, str) and re.fullmatch(pattern, value)
            ):
                return Reason("import-malformed-id", field=field.name)
        return None

    # What is written, read again.

    def _wrong(self) -> Reason | tuple[str, Reason] | None:
        """None when all is well; a field that has to go, and why; or why the whole cannot be declared."""
        connection = self.style.connection
        spec = dict(self.spec) if connection == DEFAULT_CONNECTION else {"connection": connection, **self.spec}
        document = {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            "metadata": {"name": self.found.name},
            "spec": spec,
        }
        text = emit.document(document)
        read = next(documents(Source("", text)), None)
        if not isinstance(read, Document) or read.value != document:
            return self._without(Reason("import-not-writable"))
        if not sound(read, kind_of(read.value), look=True):
            return self._unsound(document, read)
        declared = declare(read, self.kind)
        declared.spec |= {field.name: self.live.spec[field.name] for field in self.kind.references}
        canonical = self.handler.canonical(declared.spec, self.listing)
        if not isinstance(canonical, dict):
            return canonical.why
        for name, value in canonical.items():
            field = self.kind.by_name[name]
            before = self.live.spec.get(name, MISSING)
            if not field.local and not in_sync(field, before, value, self.live):
                return self._needed(name, ODD)
        identity = self.handler.identity(canonical)
        if identity is None and self.handler.key(canonical) != self.handler.key(self.live.spec):
            return Reason("import-not-identifiable")
        self.found.document, self.found.text = document, text
        return None

    def _unsound(self, document: dict[str, Any], read: Document) -> Reason | tuple[str, Reason]:
        for error in thorough(self.kind).iter_errors(document):
            path = list(error.absolute_path)
            if len(path) > 1 and path[0] == "spec":
                value = self.spec.get(path[1])
                enum = self.kind.by_name[path[1]].schema.get("enum") if path[1] in self.kind.by_name else None
                said = ODD
                if enum and isinstance(value, str):
                    said = Reason("import-no-value", value=plain(value, 40))
                needed = self._needed(path[1], said)
                return needed if isinstance(needed, tuple) or enum else self._fault(read, needed)
            if error.validator in ("required", "oneOf"):
                return Reason("import-incomplete")
        for at, fault in counted.faults(self.kind, document["metadata"], document["spec"]):
            if len(at) > 1 and at[0] == "spec":
                return self._needed(str(at[1]), Reason("import-fault", fault=fault.message))
        return self._without(self._fault(read, ODD))

    def _fault(self, read: Document, otherwise: Reason) -> Reason:
        """Return the fault that a validation would report."""
        return next((Reason("import-fault", fault=fault.message) for fault in explain(read, self.kind)), otherwise)

    def _without(self, why: Reason) -> Reason | tuple[str, Reason]:
        """The first free value that might be the reason; without one it is the whole."""
        return next(((name, why) for name in self.spec if self.kind.by_name[name].owned_by_key), why)

    def _needed(self, name: str, why: Reason) -> Reason | tuple[str, Reason]:
        field = self.kind.by_name.get(name)
        if field is None or field.required or name == "name" or name not in self.spec:
            return Reason("import-field", field=name, why=why)
        return name, why
