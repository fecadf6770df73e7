"""The provider's configuration: URLs and keys of the systems. Omitted settings come from TRUEUP_* variables."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING
from trueup.core.errors import SecretError, UsageError
from trueup.core.secrets import Secret
from trueup.engine.connections import SANDBOX, Settings, check_url, is_tenant, tenant_from_environment
from trueup.plugin.codec import UNKNOWN, Sealed, bare, has_unknown
from trueup.plugin.faults import Failure
from trueup.plugin.tokens import tenant_name
from trueup.systems.registry import SYSTEMS
from trueup.transport import Credential, urls

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOW_DISCONNECT: Final = "allowDisconnect"
TENANTS: Final = {tenant_name(name): name for name, system in SYSTEMS.items() if system.tenant.setting}
"""The systems by the configuration that names their tenants, such as `denOrganization`."""
KNOWN: Final = (
    *(f"{system}{part}" for system in SYSTEMS for part in ("Url", "ApiKey")),
    *TENANTS,
    ALLOW_DISCONNECT,
)
_ENGINE: Final = ("version", "pluginDownloadURL")
"""Arguments that the engine adds."""


@dataclass(frozen=True, slots=True)
class Config:
    """The arguments of Configure."""

    systems: dict[str, Settings]
    """Settings by system. A system that was given no key is missing; using it raises an error."""
    allow_disconnect: bool = False


def plain(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without those of the engine; values that came as JSON text are parsed."""
    found: dict[str, Any] = {}
    for name, value in args.items():
        if name in _ENGINE or name.startswith("__"):
            continue
        if name == ALLOW_DISCONNECT and isinstance(bare(value), str) and bare(value) in ("true", "false"):
            value = json.loads(bare(value))
        if value is not None:
            found[name] = value
    return found


def checked(args: Mapping[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Return the configuration with keys as secrets, and its failures."""
    found = plain(args)
    failures: list[Failure] = []
    for name, value in found.items():
        given = bare(value)
        if name not in KNOWN:
            failures.append(Failure(name, f"unknown configuration {name}. Known: {', '.join(KNOWN)}."))
        elif given is UNKNOWN:
            continue
        elif name == ALLOW_DISCONNECT:
            if not isinstance(given, bool):
                failures.append(Failure(name, f"{name} must be true or false."))
        elif not isinstance(given, str) or not given.strip():
            failures.append(Failure(name, f"{name} must be a non-empty string."))
        elif name in TENANTS:
            if wrong := _no_tenant(TENANTS[name], given):
                failures.append(Failure(name, f"{name} {wrong}"))
        elif name.endswith("Url"):
            if problem := urls.problem(given, allow_http=_allows_http(name[:-3]), consent=_consent(name[:-3])):
                failures.append(Failure(name, f"{name}: the URL {problem.message}. {problem.hint}".strip()))
        else:
            if not isinstance(value, Sealed):
                found[name] = Sealed(given)
            try:
                Credential(Secret(given), None, None, origin=name)
            except SecretError as error:
                failures.append(Failure(name, f"{error.message} {error.hint}".strip()))
    return found, failures


def config_of(args: Mapping[str, Any]) -> Config | None:
    """Return the configuration, completed from the environment; None while a part of it is unknown.

    Raises UsageError and SecretError.
    """
    found = {name: bare(value) for name, value in plain(args).items()}
    if has_unknown(found):
        return None
    systems: dict[str, Settings] = {}
    missing: list[str] = []
    for system in SYSTEMS:
        settings = _settings(system, SYSTEMS[system].url, found)
        if settings is not None:
            systems[system] = settings
        else:
            missing.append(system)
    if not systems:
        titles = " or ".join(system.title for system in SYSTEMS.values())
        embedded = next((name for name, system in SYSTEMS.items() if system.embedded), "")
        keys = ", or ".join(f"trueup:{name}ApiKey (or TRUEUP_{name.upper()}_API_KEY)" for name in SYSTEMS)
        raise SecretError(
            f"no API key for {titles}.",
            hint=f"Set {keys}{f'; trueup:{embedded}Url `sandbox` needs no key' if embedded else ''}.",
        )
    return Config(systems, found.get(ALLOW_DISCONNECT) is True)


def tenant_of(args: Mapping[str, Any], system: str) -> str | None:
    """Return the tenant that a configuration names; None when it names none, or when that is not known yet."""
    given = bare(plain(args).get(tenant_name(system)))
    return given if isinstance(given, str) and is_tenant(system, given) else None


def server_of(args: Mapping[str, Any], system: str) -> str | None:
    """Return the server that a configuration names, as the ledger writes it; None when that is not known yet."""
    url = bare(plain(args).get(f"{system}Url", MISSING))
    if url is UNKNOWN:
        return None
    url = url if isinstance(url, str) else os.environ.get(f"TRUEUP_{system.upper()}_URL") or SYSTEMS[system].url
    try:
        return Settings(system, "default", url, Credential()).scope
    except ValueError:
        return None


def _settings(system: str, default: str, found: Mapping[str, Any]) -> Settings | None:
    prefix = f"TRUEUP_{system.upper()}"
    url, origin = found.get(f"{system}Url"), f"{system}Url"
    if not url:
        url, origin = os.environ.get(f"{prefix}_URL"), f"{prefix}_URL"
    url = url or default
    check_url(system, url, allow_http=_allows_http(system), origin=origin, consent=_consent(system))
    key, source = found.get(f"{system}ApiKey"), f"{system}ApiKey of the provider"
    if not key and url != SANDBOX:
        key, source = os.environ.get(f"{prefix}_API_KEY"), f"{prefix}_API_KEY"
    if not key and url != SANDBOX:
        if url != default:
            raise SecretError(
                f"no API key for {url}.", hint=f"Set trueup:{system}ApiKey (--secret), or {prefix}_API_KEY."
            )
        return None
    credential = Credential(Secret(key) if key else None, None, None, "default", source)
    return Settings(system, "default", url, credential, **_tenant(system, found))


def _tenant(system: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tenant of a system as keyword arguments for Settings. Raises UsageError."""
    name = tenant_name(system)
    given = found.get(name)
    if given is None:
        return tenant_from_environment(system)
    if problem := _no_tenant(system, given):
        raise UsageError(f"{name} {problem}")
    return {"tenant": given, "said_by": f"trueup:{name} names"}


def _no_tenant(system: str, given: Any) -> str:
    """Return why a value is not the id of a tenant of that system; empty when it is one."""
    if isinstance(given, str) and is_tenant(system, given):
        return ""
    tenant = SYSTEMS[system].tenant
    return f"must be the id of {tenant.title}: {tenant.form}."


def _consent(system: str) -> str:
    return f"TRUEUP_{system.upper()}_ALLOW_HTTP=1"


def _allows_http(system: str) -> bool:
    return os.environ.get(f"TRUEUP_{system.upper()}_ALLOW_HTTP") == "1"
