"""The manifests that a command loads, and the note about other files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trueup.cli.asked import Asked
    from trueup.cli.console import Console
    from trueup.manifest.values import Manifest


def declared(
    asked: Asked, console: Console, files: Sequence[str] | None = None, *, of_one_set: bool = True
) -> Manifest:
    """Return what the manifests declare, and count the files of other tools on standard error. Raises ManifestError."""
    from trueup.manifest import load
    from trueup.report import faults

    found = load(files or asked.files or (".",))
    if of_one_set and found.sets:
        from trueup.manifest.sets import check_apart

        check_apart(found.sets, asked.stack or "")
    for line in faults.skipped(found, listed=asked.verbose > 0):
        console.err.print(line)
    for line in faults.warnings(found):
        console.err.print(line)
    return found
