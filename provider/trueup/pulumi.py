"""Manifests in a Pulumi program: `trueup.pulumi.ConfigFile("org", "organisation/*.yaml")` declares what they declare.

Each document becomes a resource of the provider, and so does each item of a short form. References by name become
references between resources, and `valueFrom` becomes a secret. What manifests leave to the command is left to the
program here: Connections (the provider's configuration says where each system is) and `exclusive` access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from trueup.core.errors import ManifestError, TrueupError, UsageError
from trueup.core.secrets import Secret
from trueup.core.values import DEFAULT_CONNECTION
from trueup.engine.match import by_reference, target_of
from trueup.engine.references import resolve
from trueup.manifest import load
from trueup.plugin.tokens import inputs_of, is_composed, token_of
from trueup.report.reasons import PULUMI, explained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.kinds import Declared
    from trueup.core.values import Address

__all__ = ["ConfigFile"]


class ConfigFile(pulumi.ComponentResource):
    """The resources of manifests: of files, folders and globs. Raises RunError, which says what is wrong."""

    resources: dict[str, pulumi.CustomResource]
    """By address, as `trueup plan` names them: `den/ConnectorInstance/docs`."""

    def __init__(
        self,
        name: str,
        files: str | Sequence[str],
        providers: Mapping[str, pulumi.ProviderResource] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`providers` are those for connections other than the default one, by the connection's name."""
        super().__init__("trueup:index:ConfigFile", name, {}, opts)
        self.resources = {}
        known: dict[Address, pulumi.CustomResource] = {}
        try:
            manifest = load((files,) if isinstance(files, str) else tuple(files))
            for one in by_reference(manifest.resources):
                made = _resource(one, known, providers or {}, self)
                known[one.address] = self.resources[str(one.address)] = made
        except ManifestError as error:
            faults = [f"{fault} {fault.hint}".rstrip() for fault in error.faults]
            raise pulumi.RunError("\n".join([*faults, error.message])) from None
        except TrueupError as error:  # without a traceback, which says nothing about the manifests
            raise pulumi.RunError(f"error[{error.code}]: {' '.join(filter(None, explained(error, PULUMI)))}") from None
        self.register_outputs({})


def _resource(
    one: Declared,
    known: Mapping[Address, pulumi.CustomResource],
    providers: Mapping[str, pulumi.ProviderResource],
    parent: pulumi.Resource,
) -> pulumi.CustomResource:
    properties: dict[str, Any] = {}
    spec = resolve(one.spec)
    for inline in one.kind.inlines:
        value = spec.get(inline.field)
        if isinstance(value, dict) and value.get("exclusive"):
            said = f"{one.where}: {inline.field} of {one.address} is exclusive, which Pulumi does not see to:"
            pulumi.log.warn(f"{said} what others were granted stays, and only trueup apply revokes it.", parent)
    for field in inputs_of(one.kind):
        if field.name in spec:
            target = target_of(one, field.name) if field.reference else None
            value = known[target].id if target is not None and target in known else spec[field.name]
            properties[field.name] = _output(value)
    connection = one.address.connection
    if connection != DEFAULT_CONNECTION and connection not in providers:
        raise UsageError(
            f"{one.where}: {one.address} is on the connection {connection}, for which no provider is given.",
            hint=f'Give ConfigFile providers={{"{connection}": pulumi_trueup.Provider(…)}}.',
        )
    options = pulumi.ResourceOptions(
        parent=parent,
        protect=True if one.protected else None,
        import_=_imported(one, properties),
        provider=providers.get(connection),
    )
    name = one.address.name if connection == DEFAULT_CONNECTION else f"{connection}/{one.address.name}"
    return pulumi.CustomResource(token_of(one.kind), name, properties, options)


def _imported(one: Declared, properties: Mapping[str, Any]) -> str | None:
    """The id that `import` takes, of a manifest that says which resource it is. Raises UsageError."""
    own = one.spec.get("id")
    if own is None or not is_composed(one.kind):
        return own
    above = properties[one.kind.parent]
    if not isinstance(above, str):
        raise UsageError(
            f"{one.where}: {one.address} has an id, which Pulumi takes only with that of its {one.kind.parent}.",
            hint=f"Give the {one.kind.parent} by its id, or leave the id out.",
        )
    return f"{above}/{own}"


def _output(value: Any) -> Any:
    """The value with its secrets as Pulumi's."""
    if isinstance(value, Secret):
        return pulumi.Output.secret(value.reveal())
    if isinstance(value, dict):
        return {key: _output(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_output(item) for item in value]
    return value
