"""Reading Wexa's answers truly, although little of them is documented: lists flat or grouped, configuration clear,
masked, under other names, or not there at all.

What is there is read; what is masked is named as unreadable; nothing is guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from trueup.core import texts
from trueup.core.redaction import scrub
from trueup.core.secrets import Secret
from trueup.core.values import Live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.core.changes import Path
    from trueup.transport import Answer

ID: Final = re.compile(r"[0-9a-fA-F]{24}\Z")
_NAMES: Final = {
    "source": ("source", "source_type", "sourceType"),
    "batchSize": ("batch_size", "batchSize", "batchsize"),
    "auth": ("auth", "authentication", "credentials"),
}
_ENOUGH: Final = 2
"""Keys that make a loader configuration of an object."""
_DIGITS: Final = 16
_MASK: Final = re.compile(r"\Z|[*•●·xX#._-]{3,}\Z|.*(\*{3,}|•{3,}|●{3,}).*", re.DOTALL)
_MASKED_WORDS: Final = frozenset({"redacted", "masked", "hidden", "encrypted", "sensitive"})


def connectors(answer: Answer, project: str) -> list[Live]:
    """The connectors of a project.

    Raises Malformed when the answer is no list, an item has no id, two have the same, or one is of another project.
    """
    found = [_from_list(answer, item, project) for item in _flat(answer)]
    if len({live.id for live in found}) < len(found):
        raise answer.malformed("the same connector twice")
    return found


def _flat(answer: Answer) -> Iterator[dict[str, Any]]:
    body = answer.body
    if isinstance(body, dict):  # some lists come wrapped
        body = next((body[key] for key in ("connectors", "data", "items") if isinstance(body.get(key), list)), None)
    if not isinstance(body, list):
        raise answer.malformed("something that is not a list")
    for entry in body:
        if not isinstance(entry, dict):
            raise answer.malformed("an entry that is not an object")
        if _id(entry) is not None:
            yield entry
            continue
        if entry.keys() & {"sourceName", "name", "status"}:
            raise answer.malformed("a connector without an id")
        details = entry.get("accountDetails", entry.get("accounts", 0))
        if isinstance(details, list):
            for item in details:
                if not isinstance(item, dict):
                    raise answer.malformed("an entry that is not an object")
                yield {"category": entry.get("category"), **item}
        elif details not in (0, None):  # `accounts` may be 0: a category without any
            raise answer.malformed("a category without its connectors")


def _id(item: dict[str, Any]) -> str | None:
    for key in ("connectorID", "connectorId", "connector_id", "_id", "id"):
        value = item.get(key)
        if isinstance(value, str) and ID.match(value):
            return value
    return None


def _from_list(answer: Answer, item: dict[str, Any], project: str) -> Live:
    key = _id(item)
    if key is None:
        raise answer.malformed("a connector without an id")
    if item.get("projectID", project) != project:
        raise answer.malformed("a connector of another project")
    name = next((item[field] for field in ("sourceName", "name") if isinstance(item.get(field), str)), "")
    status = item.get("status")
    spec = {
        "projectId": project,
        "connectorId": key,
        "name": texts.trimmed(name),
        "status": status if isinstance(status, str) else None,
    }
    stamp = item.get("updatedAt")
    server = {"category": item.get("category")}
    hidden: frozenset[Path] = frozenset() if isinstance(status, str) else frozenset({("status",)})
    moment = stamp if isinstance(stamp, str) else None
    return Live("Connector", key, spec["name"] or key, spec, moment, hidden, server=server)


def add_config(live: Live, answer: Answer) -> None:
    """Lays the loader configuration that an answer shows onto the connector; its body is secret throughout."""
    if not isinstance(answer.body, dict):
        raise answer.malformed("something that is not an object")
    if _id(answer.body) not in (None, live.id):
        raise answer.malformed("another connector")
    found = _loader_config(answer.body)
    config: dict[str, Any] = {}
    unreadable: set[Path] = set()
    for ours, theirs in _NAMES.items():
        value = next((found[name] for name in theirs if name in found), None)
        here = ("dataLoaderConfig", ours)
        if ours == "auth" and isinstance(value, dict):
            config[ours] = _sealed(value)
            unreadable |= set(_masked_below(value, here))
        elif ours != "auth" and (plain := _plain(ours, value)) is not None:
            config[ours] = plain
        else:
            unreadable.add(here)
    live.spec["dataLoaderConfig"] = config
    live.unreadable |= unreadable


def _plain(name: str, value: Any) -> str | int | None:
    """The value of `source` or `batchSize`; None for what cannot be compared: masked, of another type, or a secret."""
    if isinstance(value, str) and name == "batchSize":
        return int(value) if value.isascii() and value.isdecimal() and len(value) < _DIGITS else None
    if isinstance(value, str):
        return None if is_masked(value) or scrub(value) != value else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and name == "batchSize" else None


def _loader_config(body: dict[str, Any]) -> dict[str, Any]:
    """The innermost object that looks like a loader configuration; empty when there is none.

    One is written with all three of its keys: an object with a single one is something else that has a `source`.
    """
    seen: list[dict[str, Any]] = [body]
    for outer in seen:
        for name in ("data_loader_config", "dataLoaderConfig", "data", "connector", "config"):
            inner = outer.get(name)
            if isinstance(inner, dict) and len(seen) < 16:
                seen.append(inner)
    candidates = [one for one in reversed(seen) if _known(one) >= _ENOUGH]
    return max(candidates, key=_known, default={})


def _known(found: dict[str, Any]) -> int:
    """How many of the three keys an object has, under any of their names."""
    return sum(any(name in found for name in names) for names in _NAMES.values())


def _sealed(value: Any) -> Any:
    """The value with every text inside as a Secret: what comes in clear is not to be printed either."""
    if isinstance(value, dict):
        return {key: _sealed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sealed(inner) for inner in value]
    return Secret(value, ours=False) if isinstance(value, str) else value


def _masked_below(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _masked_below(inner, (*path, key))
    elif isinstance(value, list):
        if any(True for inner in value for _ in _masked_below(inner, path)):
            yield path  # a list is taken whole
    elif value is None or (isinstance(value, str) and is_masked(value)):
        yield path


def is_masked(value: str) -> bool:
    """Whether a text stands in for something that the server keeps to itself."""
    return bool(_MASK.match(value)) or value.strip("<>[](){} ").lower() in _MASKED_WORDS
