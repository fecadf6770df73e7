"""The tables of reasons in docs/errors.md, from the catalogues: `script/generate` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trueup.core.reasons import ReasonFormatter
from trueup.report.catalogue import WORDS
from trueup.report.reasons import COMMAND
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trueup.core.reasons import Wording

PAGE: Final = Path(__file__).parents[1] / "docs" / "errors.md"
_BEGIN: Final = "<!-- made by script/generate from the catalogues of reasons -->\n"
_BUILT_IN: Final = ("den", "wexa")


class _Fact:
    """A fact in the reference: its name in place of a value."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Placeholders(ReasonFormatter):
    """Fills the words of reasons with the names of their facts."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return an option or a term as the command says it; of a fact its name."""
        if field_name.startswith(("door.", "option[")):
            return super().get_field(field_name, args, {"door": COMMAND, "option": COMMAND})
        return _Fact(field_name), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return a placeholder: `*count* resources`."""
        if not isinstance(value, _Fact):
            return super().format_field(value, format_spec)
        if "|" in format_spec:
            return format_spec.rpartition("|")[2]
        is_noun = format_spec != "clause" and format_spec.replace(" ", "").isalpha() and not format_spec.startswith(" ")
        noun = format_spec if is_noun else ""
        return f"*{value.name}*" + (f" {noun}s" if noun else "")


def section() -> str:
    """Return the tables: those of trueup, and those of each system that comes with it."""
    parts = [_table(WORDS)]
    parts += [f"### Of {SYSTEMS[name].title}\n\n{_table(SYSTEMS[name].reasons)}" for name in _BUILT_IN]
    return "\n".join(parts)


def shown(text: str) -> str:
    """Return the words of a reason as a cell of a table."""
    return _Placeholders(str).vformat(text, (), {}).strip().replace("|", "\\|")


def page(text: str) -> str:
    """Return the page with its last section made anew."""
    return text.partition(_BEGIN)[0] + _BEGIN + "\n" + section()


def _table(catalogue: Mapping[str, Wording]) -> str:
    rows = [
        f"| `{code}` | {shown(words.text)} | {shown(words.remedy) or words.advice} |"
        for code, words in sorted(catalogue.items())
    ]
    return "\n".join(["| code | cause | remedy |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    print(page(PAGE.read_text()), end="")
