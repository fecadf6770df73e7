"""Names that a program leaves out, and what two resources of one program may not both claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pulumi.runtime.proto import provider_pb2

from trueup.core.kinds import Handler
from trueup.plugin.checking import Failure
from trueup.plugin.codec import bare, has_unknown
from trueup.plugin.states import DECLARED_NAME

if TYPE_CHECKING:
    from collections.abc import Hashable

    from trueup.core.kinds import Kind

_MODES: Final = provider_pb2.CheckRequest.AutonamingOptions


def named(
    kind: Kind, urn: str, before: dict[str, Any], inputs: dict[str, Any], options: Any
) -> tuple[dict[str, Any], list[Failure]]:
    """The inputs with a name: as the engine proposes, or the resource's own name in the program, without any suffix.

    A name that was given so once stays, since names are unique and a rename would look like another resource; that a
    person gave it another one in the meantime is a difference.
    """
    if "name" not in kind.by_name or kind.by_name["name"].required or inputs.get("name") is not None:
        return inputs, []
    if bare(inputs.get("connectorId")) is not None:
        return inputs, []
    given = before.get(DECLARED_NAME, before.get("name"))
    if bare(given) is not None:
        return {**inputs, "name": given}, []
    if options is not None and options.mode == _MODES.DISABLE:
        return inputs, [Failure("name", "name is missing, and automatic names are switched off for this project.")]
    proposed = (
        options.proposed_name if options is not None and kind.handler is not None and kind.handler.creates else ""
    )
    return {**inputs, "name": proposed or own_name(urn)}, []


def own_name(urn: str) -> str:
    """The name that a program gives a resource, which may itself hold `::`: all behind stack, project and type."""
    return urn.split("::", 3)[-1]


class Claims:
    """Which resource of the program has which unique name."""

    def __init__(self) -> None:
        self._urns: dict[tuple[str, Hashable], str] = {}

    def claim(self, kind: Kind, urn: str, inputs: dict[str, Any]) -> list[Failure]:
        """Takes the unique name for a resource; a failure that names both when another one has it."""
        spec = {
            name: f"{urn} {name}" if has_unknown(value) else value  # by what is not known yet it differs from others
            for name, value in bare(inputs).items()
        }
        handler = cast(Handler, kind.handler)
        try:
            key = (kind.name, handler.identity(spec) or handler.key(spec))
        except KeyError:
            return []
        other = self._urns.setdefault(key, urn)
        if other == urn:
            return []
        name = "name" if "name" in spec else "remoteId" if "remoteId" in spec else ""
        return [
            Failure(name, f"{other} is the same {kind.name} already (case does not count): {urn} cannot be it as well.")
        ]
