"""Names that a program omits, and unique names that two resources of one program may not share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi.runtime.proto import provider_pb2

from trueup.plugin.codec import bare, has_unknown
from trueup.plugin.faults import Failure
from trueup.plugin.states import DECLARED_NAME

if TYPE_CHECKING:
    from collections.abc import Hashable

    from trueup.core.kinds import ResourceKind

_MODES: Final = provider_pb2.CheckRequest.AutonamingOptions


def named(
    kind: ResourceKind, urn: str, before: dict[str, Any], inputs: dict[str, Any], options: Any
) -> tuple[dict[str, Any], list[Failure]]:
    """Return the inputs with a name: the engine's proposal, or the resource's name in the program, without a suffix.

    A name that was chosen this way is kept, since names are unique and a rename would look like another resource. If
    someone else renamed the resource in the meantime, that is a difference.
    """
    if "name" not in kind.by_name or kind.by_name["name"].required or inputs.get("name") is not None:
        return inputs, []
    if bare(inputs.get("connectorId")) is not None:
        return inputs, []
    given = before.get(DECLARED_NAME, before.get("name"))
    if bare(given) is not None:
        return {**inputs, "name": given}, []
    if options is not None and options.mode == _MODES.DISABLE:
        return inputs, [Failure("name", "name is missing, and this project disables automatic names.")]
    proposed = options.proposed_name if options is not None and kind.handler.creates else ""
    return {**inputs, "name": proposed or own_name(urn)}, []


def own_name(urn: str) -> str:
    """Return the name that a program gives a resource: the rest of the URN after stack, project and type."""
    return urn.split("::", 3)[-1]


class Claims:
    """Unique names, by the resource of the program that has them."""

    def __init__(self) -> None:
        self._urns: dict[tuple[str, Hashable], str] = {}

    def claim(self, kind: ResourceKind, urn: str, inputs: dict[str, Any]) -> list[Failure]:
        """Claim the unique name of a resource; return a failure that names both resources when another one has it."""
        spec = {
            name: f"{urn} {name}" if has_unknown(value) else value  # an unknown value makes it differ from the others
            for name, value in bare(inputs).items()
        }
        handler = kind.handler
        try:
            key = (kind.name, handler.identity(spec) or handler.key(spec))
        except KeyError:
            return []
        other = self._urns.setdefault(key, urn)
        if other == urn:
            return []
        name = "name" if "name" in spec else "remoteId" if "remoteId" in spec else ""
        return [Failure(name, f"{urn} and {other} declare the same {kind.name} (case is ignored).")]
