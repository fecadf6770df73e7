"""Which server each resource lives on, and with which credential: from Connection documents or the environment."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from trueup.core.errors import SafetyError, SandboxError, SecretError, UsageError
from trueup.core.kinds import Declaration, Declared
from trueup.core.reasons import Reason
from trueup.core.secrets import Reference, Secret
from trueup.core.values import DEFAULT_CONNECTION, ConnectionId
from trueup.engine.references import resolve
from trueup.systems.registry import SYSTEMS
from trueup.transport import Credential, urls
from trueup.transport.client import PATIENCE, Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from trueup.core.progress import Clock, Progress
    from trueup.systems.system import EmbeddedServer

_Key = TypeVar("_Key")
SANDBOX: Final = urls.SANDBOX


@dataclass(frozen=True, slots=True)
class Settings:
    """One connection, ready to be opened; `url` is `sandbox` when the embedded servers are meant."""

    system: str
    name: str
    url: str
    credential: Credential
    timeout: float = 60.0
    concurrency: int = 8
    tenant: str | None = None
    """The organisation or project that it is meant for, where it says so."""
    said_by: str = ""
    """The subject and verb of messages about the required tenant: `connection "default" is meant for`."""

    scope: str = ""
    """The ledger's name for this server; the embedded one has another port each time."""

    def __post_init__(self) -> None:
        if not self.scope:
            object.__setattr__(self, "scope", f"{self.system}:{_same_server(self.url)}")
        if not self.said_by:
            object.__setattr__(self, "said_by", f'connection "{self.name}" is meant for')


def redirect(
    resources: Iterable[Declared], connections: Mapping[ConnectionId, Declaration], name: str | None
) -> list[Declared]:
    """The same resources on the connection of that name, for each system that has one. Raises UsageError."""
    if name is None:
        return list(resources)
    systems = {system for system, known in connections if known == name}
    if not systems:
        known = ", ".join(sorted({one for _, one in connections})) or "none is declared"
        raise UsageError(f"there is no Connection named {name}.", hint=f"Known: {known}.")
    moved = [
        dataclasses.replace(one, address=dataclasses.replace(one.address, connection=name))
        if one.address.system in systems
        else one
        for one in resources
    ]
    twice = [str(address) for address, count in Counter(one.address for one in moved).items() if count > 1]
    if twice:
        raise UsageError(
            f"on connection {name} these are declared twice: {', '.join(sorted(twice))}.",
            hint=Reason("connection-would-join-them"),
        )
    return moved


def needed_by(resources: Iterable[Declared]) -> set[ConnectionId]:
    """The connections that those resources live on, by system and name."""
    return {one.address.connection_id for one in resources}


def settings_for(
    needed: Iterable[ConnectionId], connections: Mapping[ConnectionId, Declaration]
) -> dict[ConnectionId, Settings]:
    """Those connections, by system and name, ready to be opened. Raises UsageError and SecretError."""
    found: dict[ConnectionId, Settings] = {}
    failed: list[SecretError] = []
    for key in sorted(needed):
        try:
            found[key] = _settings(key, connections.get(key))
        except SecretError as error:
            failed.append(error)
    if failed:
        raise SecretError.all(failed)
    return found


def opened(
    one: Settings,
    clock: Clock,
    progress: Progress,
    stop: asyncio.Event | None = None,
    concurrency: int | None = None,
    patience: float = PATIENCE,
) -> Client:
    """Return a client of that connection, for the caller to close; `concurrency` overrides its own figure."""
    system = SYSTEMS[one.system]
    return Client(
        one.url,
        system.dialect(),
        one.credential,
        clock,
        progress,
        timeout=one.timeout,
        concurrency=concurrency or one.concurrency,
        patience=patience,
        stop=stop or asyncio.Event(),
        guard=system.tenant.guard(one.tenant, one.said_by) if one.tenant else None,
    )


def known_scopes(
    connections: Mapping[ConnectionId, Declaration], but: Iterable[ConnectionId]
) -> dict[str, ConnectionId]:
    """The servers, as the ledger knows them, of the connections that are declared, or the default, but for some."""
    found: dict[str, ConnectionId] = {}
    for key in sorted({*connections, *(ConnectionId(system, DEFAULT_CONNECTION) for system in SYSTEMS)} - set(but)):
        declared = connections.get(key)
        url = declared.spec.get("url") if declared else os.environ.get(f"TRUEUP_{key.system.upper()}_URL")
        found.setdefault(f"{key.system}:{_same_server(str(url or SYSTEMS[key.system].url))}", key)
    return found


async def with_embedded(
    settings: Mapping[_Key, Settings], state: Path, stack: contextlib.AsyncExitStack
) -> dict[_Key, Settings]:
    """Return the settings with the URL and key of the embedded servers where they are meant.

    These run until the stack is closed. Raises SandboxError.
    """
    found = dict(settings)
    meant = {key: SYSTEMS[one.system].embedded for key, one in found.items() if one.url == SANDBOX}
    if not meant:
        return found
    from trueup.transport import embedded

    running: dict[EmbeddedServer, embedded.Embedded] = {}
    for key, server in meant.items():
        assert server is not None
        if server not in running:
            folder = state / (server.folder or server.module)
            command = (server.module, *server.arguments)
            running[server] = await stack.enter_async_context(embedded.running(folder, command))
        found[key] = _embedded(found[key], running[server].systems)
    return found


def _embedded(one: Settings, servers: Mapping[str, Mapping[str, str]]) -> Settings:
    if one.system not in servers:
        raise SandboxError(f"the embedded server of {SYSTEMS[one.system].title} does not say where it is.")
    where = servers[one.system]
    credential = one.credential
    if credential.key is None and credential.token is None:
        credential = dataclasses.replace(credential, key=Secret(where["apiKey"]), origin="the sandbox's own")
    return dataclasses.replace(one, url=where["url"], credential=credential, scope=f"{one.system}:sandbox")


def _settings(key: ConnectionId, declared: Declaration | None) -> Settings:
    system, name = key
    if declared is None:
        return _from_environment(system, name)
    spec = declared.spec
    url = str(spec.get("url") or SYSTEMS[system].url)
    check_url(system, url, allow_http=bool(spec.get("allowHttp")), origin=str(declared.where))
    key_value, token = spec.get("apiKey"), spec.get("token")
    origin = next((one.describe() for one in (key_value, token) if isinstance(one, Reference)), "")
    tenant = spec.get(SYSTEMS[system].tenant.setting)
    credential = Credential(_secret(key_value, origin), _secret(token, origin), tenant, name, origin)
    more: dict[str, Any] = {part: spec[part] for part in ("timeout", "concurrency") if part in spec}
    return Settings(system, name, url, credential, tenant=tenant, **more)


def _from_environment(system: str, name: str) -> Settings:
    prefix = f"TRUEUP_{system.upper()}"
    if name != DEFAULT_CONNECTION:
        raise UsageError(f"there is no Connection named {name} for {system}.", hint="Declare it in a manifest.")
    url = os.environ.get(f"{prefix}_URL") or SYSTEMS[system].url
    consent = f"{prefix}_ALLOW_HTTP"
    check_url(system, url, allow_http=os.environ.get(consent) == "1", origin=f"{prefix}_URL", consent=f"{consent}=1")
    value = None if url == SANDBOX else os.environ.get(f"{prefix}_API_KEY")  # the sandbox has keys of its own
    value = value and value.removeprefix("\ufeff")  # `export X=$(cat file)` keeps a byte order mark
    if not value and url != SANDBOX:
        without = " (`url: sandbox` needs no key)" if SYSTEMS[system].embedded else ""
        raise SecretError(
            f"nothing says how to reach {system}: no Connection is named default, and {prefix}_API_KEY is not set.",
            hint=f"Set {prefix}_API_KEY, or declare a Connection{without}.",
        )
    origin = f"the environment variable {prefix}_API_KEY"
    credential = Credential(_secret(Secret(value), origin) if value else None, None, None, name, f"{prefix}_API_KEY")
    return Settings(system, name, url, credential, **tenant_from_environment(system))


def tenant_from_environment(system: str) -> dict[str, Any]:
    """The tenant that the environment says a system is meant for, as Settings has it. Raises UsageError."""
    tenant = SYSTEMS[system].tenant
    if not tenant.setting:
        return {}
    variable = f"TRUEUP_{system.upper()}_{tenant.setting.upper()}"
    value = os.environ.get(variable, "")
    if value and not is_tenant(system, value):
        raise UsageError(
            f"{variable} holds no id of {tenant.title}.", hint=f"Such an id is {tenant.form}. Nothing was sent."
        )
    return {"tenant": value, "said_by": f"{variable} names"} if value else {}


def is_tenant(system: str, text: str) -> bool:
    """Whether it is an id of what a credential of that system acts in."""
    return bool(re.fullmatch(SYSTEMS[system].tenant.pattern, text))


def of_other_tenants(resources: Iterable[Declared], settings: Mapping[ConnectionId, Settings]) -> None:
    """Raise SafetyError when a resource names another tenant than its connection is meant for."""
    for one in resources:
        meant = settings[one.address.connection_id]
        if other := outside(meant, one.spec):
            raise SafetyError(
                f"{one.address} {other}.",
                hint=f"Nothing was planned or sent. Correct its {SYSTEMS[meant.system].tenant.field}, or leave that "
                "guard out.",
            )


def outside(meant: Settings, spec: Mapping[str, Any]) -> str:
    """Return that a spec names another tenant than its connection is meant for; empty when it does not."""
    tenant = SYSTEMS[meant.system].tenant
    found = spec.get(tenant.field) if tenant.field else None
    if not meant.tenant or not isinstance(found, str) or found == meant.tenant:
        return ""
    return f"is of {tenant.setting} {found}, and {meant.said_by} {tenant.setting} {meant.tenant}"


def _secret(value: Any, origin: str) -> Secret | None:
    """A credential that a header can carry. Raises SecretError, which names where it comes from."""
    if value is None:
        return None
    secret = resolve(value) if isinstance(value, Reference) else value if isinstance(value, Secret) else Secret(value)
    text = secret.reveal()
    if not (text.isascii() and text.isprintable() and text == text.strip()):
        raise SecretError(
            f"{origin} holds something that no API key is: blanks at an end, line breaks, or letters beyond ASCII.",
            hint="Look for a line break at its end.",
        )
    return secret


def _same_server(url: str) -> str:
    """One way to write a URL of which there are many: host in lower case, no default port, no slash at the end."""
    if url == SANDBOX:
        return url
    parts = urlsplit(url)
    port = parts.port if parts.port not in (None, {"http": 80, "https": 443}.get(parts.scheme)) else None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def check_url(system: str, url: str, *, allow_http: bool, origin: str, consent: str = "allowHttp: true") -> None:
    """Raises UsageError unless the URL is one that a credential of the system may be sent to."""
    if url == SANDBOX and SYSTEMS[system].embedded is None:
        title = SYSTEMS[system].title
        raise UsageError(f"{origin}: {title} has no embedded server.", hint=f"Give the URL of a {title}.")
    if problem := urls.problem(url, allow_http=allow_http, consent=consent):
        raise UsageError(f"{origin}: the URL {problem.message}.", hint=problem.hint)
