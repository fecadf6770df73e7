"""Checks of a Connection beyond its schema: URL and credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trueup.manifest import words
from trueup.manifest.text import quoted
from trueup.manifest.words import Said
from trueup.transport import urls

if TYPE_CHECKING:
    from trueup.core.changes import Path
    from trueup.core.kinds import Kind


class ConnectionProblem(NamedTuple):
    """A fault and the field below `spec` that it is about; none for the whole spec."""

    path: Path
    said: Said


def problems(kind: Kind, spec: dict[str, Any]) -> list[ConnectionProblem]:
    """Yield the faults of a Connection's URL and credentials; the schema checks the types."""
    found: list[ConnectionProblem] = []
    url = spec.get("url")
    if isinstance(url, str) and url and (said := _url(url, spec.get("allowHttp") is True)):
        found.append(ConnectionProblem(("url",), said))
    credentials = [field.name for field in kind.fields if field.secret]
    given = [name for name in credentials if name in spec]
    if len(given) > 1:
        message = f"a Connection has one credential, and this one has {' and '.join(given)}"
        found.append(ConnectionProblem((given[-1],), Said("E151", message, f"Remove one of {' and '.join(given)}.")))
    elif not given and url != urls.SANDBOX:
        unknown = [key for key in spec if key not in kind.by_name]
        if not any(words.near(key, credentials) for key in unknown):
            hint = f"Add {' or '.join(credentials)}, such as {credentials[0]}: {{valueFrom: {{env: NAME}}}}."
            found.append(
                ConnectionProblem((), Said("E151", f"this Connection has no {' and no '.join(credentials)}", hint))
            )
    return found


def _url(url: str, allow_http: bool) -> Said | None:
    problem = urls.problem(url, allow_http=allow_http)
    if problem is None:
        return None
    if problem.secret:
        return Said("E140", f"url {problem.message}", problem.hint)
    if words.near(url, (urls.SANDBOX,)):
        return Said("E150", f"url {quoted(url)} {problem.message}", 'did you mean "sandbox"?')
    return Said("E150", f"url {quoted(url)} {problem.message}", problem.hint)
