"""The result of an import: resources written, values omitted and why, resources that cannot be declared, and cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import dotted
from trueup.core.documents import dumps
from trueup.core.secrets import censored, scrub
from trueup.core.values import Address
from trueup.importing.describing import ASKED
from trueup.importing.kinds import short
from trueup.manifest.text import printable
from trueup.report.json import header, named
from trueup.report.page import Sheet, safe
from trueup.report.reasons import coded, worded
from trueup.report.spent import cost, took
from trueup.report.text import counted
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trueup.core.kinds import ResourceKind
    from trueup.core.reasons import Reason
    from trueup.engine.plan.steps import Reading
    from trueup.importing.describing import Described
    from trueup.importing.imported import Import
    from trueup.report.page import Page

NAMED: Final = 3
"""Resources or keys that are listed by name."""
_LONGEST: Final = 80
"""Characters of a name that are shown; a server may return 255."""
_MOST: Final = 15
"""Lines of a list, beyond which the rest is counted."""


@dataclass(slots=True)
class Imported:
    """The result of an import."""

    folder: str
    made: Import
    files: Mapping[str, Sequence[Described]]
    """The resources written to each file, by its path in the folder."""
    reading: Reading
    others: Sequence[str] = field(default=())
    """YAML files of the same system in the folder that this import did not write."""
    connection: str = "default"
    following: str = ""
    """The next command."""


def render(done: Imported, page: Page) -> str:
    """Return the import as text."""
    declared = done.made.declared
    sheet = Sheet(page)
    if not declared:
        sheet.say("Nothing was written: no live resource matches and can be declared.", style="bold")
    else:
        found = tally(declared)
        files = counted(len(done.files), "file")
        sheet.say(f"Wrote {found} to {files} in {safe(done.folder)}.", style="bold", hang=2)
    if lines := left_out(done.made.resources, page):
        sheet.line()
        sheet.line("Left out:")
        for line in lines:
            sheet.say(line, 2, hang=2)
    refused = [f"! {_who(one)}: {safe(worded(one.why))}" for one in done.made.refused]
    _section(sheet, "Cannot be declared:", refused, page)
    _section(sheet, "Could not be read:", [f"! {safe(worded(why))}" for why in done.made.denied.values()], page)
    troubled = [f"{_name(one)}: {safe(worded(one.live.trouble))}" for one in declared if one.live.trouble]
    _section(sheet, "Reported as unhealthy by the server:", troubled, page)
    _section(sheet, "Existing files that were not changed:", [safe(one) for one in done.others], page)
    elsewhere = [
        f'{counted(number, "resource")} by the set "{safe(stack)}": its manifests declare them; '
        f"to move them into this set, apply with --take-from {safe(stack)}"
        for stack, number in sorted(Counter(done.made.stacks.values()).items())
    ]
    _section(sheet, "Managed by another set, so a plan of this set refuses them:", elsewhere, page)
    if lines or done.made.refused or done.made.denied or troubled or done.others or elsewhere:
        sheet.line()
    if done.following and declared:
        sheet.line(safe(f"Next: {done.following}"))
    sheet.say(f"Read with {cost(done.reading)}")
    return sheet.render()


def render_json(done: Imported) -> str:
    """Return the import as JSON."""
    places = {id(one): path for path, some in done.files.items() for one in some}
    resources = [
        {
            **named(_address(one, done.connection)),
            "id": one.live.id,
            "file": scrub(places[id(one)]),
            "left_out": left(one),
        }
        for one in done.made.declared
    ]
    refused = [
        {
            "type": one.kind.name,
            "provider_name": one.kind.system,
            "id": one.live.id,
            **coded(one.why),
        }
        for one in done.made.refused
    ]
    denied = [{"id": key, **coded(why)} for key, why in done.made.denied.items()]
    return dumps(
        {
            **header(),
            "folder": scrub(done.folder),
            "resources": resources,
            "cannot_be_declared": refused,
            "could_not_be_read": denied,
            "managed_by_other_sets": [{"id": key, "stack": stack} for key, stack in sorted(done.made.stacks.items())],
            "stayed": [scrub(one) for one in done.others],
            "reading": took(done.reading),
        }
    )


def left(one: Described) -> list[dict[str, Any]]:
    """Return the values that a manifest omits, by path, and why."""
    return [{"path": printable(censored(dotted(item.path))), **coded(item.why)} for item in one.left]


def tally(resources: Iterable[Described]) -> str:
    """Return `1 account, 12 instances and 3 targets`."""
    counts = Counter(one.kind for one in resources)
    parts = [counted_kind(number, kind) for kind, number in counts.items()]
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def left_out(resources: Sequence[Described], page: Page) -> list[str]:
    """Return lines about the values that manifests omit, grouped by reason; the values are not shown."""
    whole: dict[tuple[ResourceKind, str, Reason], list[tuple[Described, str]]] = {}
    for one in resources:
        for item in one.left if one.document is not None else ():
            shown = dotted(item.path[:1] if item.why == ASKED else item.path)
            key = str(item.path[1]) if item.why == ASKED and len(item.path) > 1 else ""
            whole.setdefault((one.kind, shown, item.why), []).append((one, key))
    alike: dict[tuple[str, Reason], list[str]] = {}
    for (kind, shown, why), items in whole.items():
        holders = list({id(one): one for one, _ in items}.values())
        keys = [printable(key) for key in dict.fromkeys(key for _, key in items if key)]
        about = f" ({_some(keys, page)})" if keys else ""
        few = why != ASKED and len(holders) <= NAMED
        whose = ", ".join(map(_name, holders)) if few else counted_kind(len(holders), kind)
        alike.setdefault((f"{whose}{about}", why), []).append(printable(shown))
    lines = [f"{', '.join(names)} of {whose}: {safe(worded(why))}" for (whose, why), names in alike.items()]
    if len(lines) > _MOST:
        lines = [*lines[: _MOST - 1], f"{len(lines) - _MOST + 1:,} more (JSON output lists them all)"]
    return lines


def counted_kind(number: int, kind: ResourceKind) -> str:
    """Return `1 instance` or `12 instances`."""
    word = short(kind).replace("access", "grants")
    return f"{number:,} {word if number != 1 else word.removesuffix('s')}"


def _some(words: Sequence[str], page: Page) -> str:
    return ", ".join(words[:NAMED]) + (f", {page.ellipsis}" if len(words) > NAMED else "")


def _section(sheet: Sheet, title: str, lines: Sequence[str], page: Page) -> None:
    if not lines:
        return
    sheet.line()
    sheet.line(title)
    for line in lines[: _MOST - 1] if len(lines) > _MOST else lines:
        sheet.say(line, 2, hang=2)
    if len(lines) > _MOST:
        sheet.say(f"{page.ellipsis} and {len(lines) - _MOST + 1:,} more (JSON output lists them all)", 2)


def _name(one: Described) -> str:
    return printable(plain(one.name, _LONGEST))


def _who(one: Described) -> str:
    return f"{one.kind.system}/{one.kind.name} {safe(one.live.id)} ({_name(one)})"


def _address(one: Described, connection: str) -> Address:
    return Address(one.kind.system, one.kind.name, one.name, connection)
