"""The options that `trueup.yaml` sets. The command line and environment variables take precedence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from click.core import ParameterSource

if TYPE_CHECKING:
    import click

    from trueup.manifest.sets import Set

_OPTIONS: Final = {
    "connection": "connection",
    "state": "state",
    "parallelism": "parallelism",
    "maxDeletePercent": "max_delete_percent",
    "maxChanges": "max_changes",
}
"""Options that take their value from trueup.yaml unchanged, by its key."""


def completed(ctx: click.Context, shared: dict[str, Any]) -> dict[str, Any]:
    """Return the options completed from the `trueup.yaml` of the set. Raises ManifestError and UsageError."""
    if not {"files", "state"} & shared.keys():
        return shared
    paths = shared.get("files") or (".",)
    sets = {path: found for path in paths if (found := _set_in(path)) is not None}
    if not sets and isinstance(out := ctx.params.get("out"), str) and (found := _set_in(out)) is not None:
        sets = {out: found}  # the written manifests become part of that set
    if not sets:
        return shared
    _only_one(sets)
    found = next(iter(sets.values()))
    shared = _with(ctx, shared, found)
    if "files" in shared:
        named = [sets[path].options.get("files", (path,)) if path in sets else (path,) for path in paths]
        shared["files"] = tuple(file for files in named for file in files)
    return shared


def located(ctx: click.Context, shared: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the ledger of the current folder's set; a saved plan has the others."""
    found = _set_in(".")
    if found is None:
        return shared
    where = {key: value for key, value in found.options.items() if key in ("state", "ledger")}
    kept = type(found)("", where)
    return _with(ctx, shared, kept)


def _set_in(path: str) -> Set | None:
    from trueup.manifest.sets import set_in

    return set_in(path) if path != "-" and os.path.isdir(path) else None


def _only_one(sets: dict[str, Set]) -> None:
    from trueup.core.errors import UsageError

    names = sorted({found.stack for found in sets.values()})
    if len(sets) > 1 and (len(names) > 1 or len({str(one.options) for one in sets.values()}) > 1):
        listed = ", ".join(f"{path} ({found.stack or 'without a name'})" for path, found in sets.items())
        raise UsageError(
            f"-f covers several sets of manifests: {listed}.",
            hint="Nothing was sent. Run each set separately, or merge them into one.",
        )


def _with(ctx: click.Context, shared: dict[str, Any], found: Set) -> dict[str, Any]:
    def is_free(name: str) -> bool:
        return name in shared and ctx.get_parameter_source(name) in (None, ParameterSource.DEFAULT)

    more = {_OPTIONS[key]: value for key, value in found.options.items() if key in _OPTIONS}
    if found.stack:
        more["stack"] = found.stack
    if "lockTimeout" in found.options:
        from trueup.cli.parameters import Length

        more["lock_timeout"] = Length().convert(found.options["lockTimeout"], None, ctx)
    shared = {**shared, **{name: value for name, value in more.items() if is_free(name)}}
    if "ledger" in found.options:
        shared["ledger"] = found.options["ledger"]
    return shared
