"""Faults of manifests: each with its place, the line of the file, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from trueup.core.documents import dumps
from trueup.core.secrets import scrub
from trueup.report.json import header
from trueup.report.page import first, safe
from trueup.report.text import counted

if TYPE_CHECKING:
    from trueup.core.errors import Fault, ManifestError
    from trueup.manifest.values import Manifest
    from trueup.report.page import Page

_LEAD: Final = 20
"""Cells shown before the place when a line is too long for the page."""


def render(error: ManifestError, page: Page) -> str:
    """Return every fault and their number."""
    parts = [_fault(fault, page) for fault in error.faults]
    return "\n".join([*parts, page.paint(safe(error.message), "bold")])


def warnings(manifest: Manifest) -> list[str]:
    """Return a line for each possible mistake that is not a fault."""
    return [safe(f"{str(one).replace(': error[', ': warning[', 1)}. {one.hint}") for one in sorted(manifest.warnings)]


def render_sound(manifest: Manifest, _: Page) -> str:
    """Return the summary of manifests without a fault."""
    resources, connections, files = (
        counted(len(manifest.resources), "resource"),
        counted(len(manifest.connections), "connection"),
        counted(len(manifest.files), "file"),
    )
    summary = f"Valid: {resources} and {connections} in {files}. Nothing was sent."
    if manifest.blank:
        summary += f" Without any document: {', '.join(map(safe, manifest.blank))}."
    return summary


def skipped(manifest: Manifest, *, listed: bool) -> list[str]:
    """Return the lines about skipped files of other tools; with `listed`, their names."""
    if not manifest.skipped:
        return []
    summary = f"Skipped {counted(len(manifest.skipped), 'file')} without trueup documents"
    names = (f"  {safe(name)}" for name in manifest.skipped)
    return [f"{summary}:", *names] if listed else [f"{summary}; -v lists them."]


def render_sound_json(manifest: Manifest) -> str:
    """Return the summary as JSON."""
    return dumps(
        {
            **header(),
            "valid": True,
            "files": len(manifest.files),
            "skipped": list(map(scrub, manifest.skipped)),
            "resources": len(manifest.resources),
            "connections": len(manifest.connections),
            "faults": [],
            "warnings": [scrub(str(fault)) for fault in sorted(manifest.warnings)],
        }
    )


def entries(error: ManifestError) -> dict[str, Any]:
    """Return the faults as JSON values."""
    names = ("file", "line", "column", "code", "message", "hint")
    faults = [{name: _plain(getattr(fault, name)) for name in names} for fault in error.faults]
    return {"valid": False, "files": error.files, "faults": faults}


def _plain(value: Any) -> Any:
    return scrub(value) if isinstance(value, str) else value


def _fault(fault: Fault, page: Page) -> str:
    place = f"{safe(fault.file)}:{fault.line}:{fault.column}:"
    label = f"error[{fault.code}]:"
    lines = page.filled(f"{place} {label} {safe(fault.message)}", 0, hang=2, words=True)
    text = "\n".join(lines).replace(label, page.paint(label, "bold red"), 1)
    text = text.replace(place, page.paint(place, "bold"), 1)
    hint = safe(fault.hint)
    if not fault.excerpt:
        return "\n".join([text, *page.filled(hint, 5, hang=2)]) if hint else text
    return "\n".join([text, *_excerpt(fault, hint, page)])


def _excerpt(fault: Fault, hint: str, page: Page) -> list[str]:
    number = f"{fault.line:5} | "
    blank = " " * (len(number) - 2) + "| "
    room = page.width - len(number)
    before, rest = fault.excerpt[: fault.column - 1], fault.excerpt[fault.column - 1 :]
    if cell_len(fault.excerpt) > room and cell_len(before) > _LEAD:
        before = page.ellipsis + before[-_LEAD:]
    line = before + rest
    if cell_len(line) > room:
        line = first(line, room - cell_len(page.ellipsis)) + page.ellipsis
    offset = cell_len(before)
    width = max(min(cell_len(rest[: fault.width]), room - offset), 1)
    carets = " " * offset + "^" * width
    marked = blank + " " * offset + page.paint("^" * width, "red")
    shown = [number + line.rstrip()]
    if hint and len(blank) + cell_len(carets) + 1 + cell_len(hint) <= page.width:
        return [*shown, f"{marked} {hint}"]
    return [*shown, marked, *([blank + part.strip() for part in page.filled(hint, len(blank))] if hint else [])]
