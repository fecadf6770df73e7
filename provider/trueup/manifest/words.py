"""Human sentences: what is wrong with a value, and what would be right. Nothing here quotes a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from trueup.core.changes import Path, dotted
from trueup.core.fields import GROWS
from trueup.core.texts import BLANKS
from trueup.manifest.scalars import Odd, made_of
from trueup.manifest.text import printable, quoted

HOW_TO_REFER: Final = (
    "Write {valueFrom: {env: NAME}}, {valueFrom: {file: PATH}} or {valueFrom: {exec: [PROGRAM, ARGUMENT]}} instead."
)
_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "null",
}
_SYNONYMS: Final = (
    ("active", "enabled enable on ready running"),
    ("disabled", "disable off inactive paused stopped"),
    ("inactive", "disabled disable off paused stopped"),
    ("archived", "archive deleted removed"),
)
_ID_FORM: Final = re.compile(r"\^([a-z]+_)\[0-9a-z\]\{(\d+)\}\$")
_FORMS: Final = {
    "^[0-9a-f]{24}$": "24 hexadecimal digits",
    "^[A-Za-z_][A-Za-z0-9_]*$": "the name of an environment variable: letters, digits and underscores",
    "^[^\\u0000]+$": "a text without the character NUL",
    r"@|^\s*om_[0-9a-z]{26}\s*$": "an e-mail address or the id of a member: om_ and 26 digits or small letters",
}
SEEN: Final = ("name", "displayName")
"""The fields with a name that people see."""
NO_CONTROL: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*\\n?$"
"""The form of such a name: on one line; the line end of a YAML block is trimmed away."""
_SIZES: Final = ("min", "max", "exclusiveM")
_FIRST: Final = ("type", "minLength", "maxLength")
CANDIDATES: Final = 2000
"""Names that are compared with one that is not known."""


class Said(NamedTuple):
    """A fault in words."""

    code: str
    message: str
    hint: str


_REFERENCE: Final = ("env", "file", "exec", "command", "timeout")


def name_of(path: Path) -> str:
    """`status`, `config.branch`, `metadata.name`: as people say it; what stands below valueFrom may be a secret."""
    if "valueFrom" in path:
        kept = path.index("valueFrom") + 1
        path = (*path[:kept], *(part for part in path[kept:] if isinstance(part, int) or part in _REFERENCE))
    return printable(dotted(path[1:] if len(path) > 1 and path[0] == "spec" else path)) or "the document"


def near(word: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant."""
    return _near(word, tuple(options))


@lru_cache(maxsize=1024)
def _near(word: str, options: tuple[str, ...]) -> str | None:
    folded = word.casefold().strip()
    for option in options:
        if option.casefold() == folded:
            return option
    for option, synonyms in _SYNONYMS:
        if folded in synonyms.split() and option in options:
            return option
    if len(options) > CANDIDATES:  # comparing is slow, and of so many one that begins alike is good enough
        options = tuple(option for option in options if option[:3] == word[:3])[:CANDIDATES]
    found = difflib.get_close_matches(word[:253], options, 1)
    return found[0] if found else None


def did_you_mean(word: str, options: Sequence[str], *, known: str = "Known are") -> str:
    """`did you mean "active"?`, or the list of what is known."""
    meant = near(word, options)
    if meant is not None:
        return f"did you mean {quoted(meant)}?"
    return listed(options, known=known)


def listed(options: Sequence[str], *, known: str) -> str:
    """The first of what is known."""
    if not options:
        return "There is none."
    shown = ", ".join(printable(option) for option in options[:10])
    return f"{known} {shown}{', …' if len(options) > 10 else ''}."


def form_of(pattern: str) -> tuple[str, bool]:
    """A pattern in words, and whether it is the form of an id."""
    if found := _ID_FORM.fullmatch(pattern):
        return f"{found[1]} and {found[2]} digits or small letters", True
    return _FORMS.get(pattern, f"the form {pattern}"), pattern == "^[0-9a-f]{24}$"


def wrong_type(path: Path, expected: str | list[str], value: Any, raw: str, *, secret: bool) -> Said:
    """A value of another type than its field has; `raw` is how a plain scalar is written."""
    types = [expected] if isinstance(expected, str) else expected
    must = f"{name_of(path)} must be {' or '.join(_TYPES[one] for one in types)}"
    hint = _right_type(types[0], value, raw, secret=secret)
    if secret:
        return Said("E103", must, hint)
    if isinstance(value, Odd):
        return Said("E113", f"{must}, but {_what_is_odd(value, types[0])}", hint)
    return Said("E103", f"{must}, but {_what_it_is(value, raw)}", hint)


def odd(path: Path, value: Odd) -> Said:
    """An Odd where any value may stand."""
    text = quoted(value.text)
    if value.code == "E118":
        return Said("E118", f"{name_of(path)} is {value.made}: {printable(value.text[:40])}", f"Quote it: {text}.")
    newer = f"as {value.core}" if value.core else "does not"
    shown = printable(value.text[:40])
    message = f"{name_of(path)} is doubtful: YAML 1.1 reads {shown} as {value.made}, YAML 1.2 {newer}"
    other = f"Write {value.instead}, or quote it: {text}." if value.instead else f"Quote it: {text}."
    return Said("E113", message, other)


def _what_is_odd(value: Odd, expected: str) -> str:
    shown = printable(value.text[:40])
    if value.code == "E118":
        return f"{shown} is {value.made}"
    if value.tag == "str" and expected == "string":  # only the newer reading is in the way
        return f"YAML 1.2 reads {shown} as {value.core}"
    return f"YAML 1.1 reads {shown} as {value.made}"


def _what_it_is(value: Any, raw: str) -> str:
    if value is None:
        return "YAML reads an empty value as null" if not raw else f"YAML reads {printable(raw)} as null"
    if isinstance(value, bool | int | float):
        return f"YAML reads {printable(raw[:40])} as {made_of(raw)}" if raw else f"it is {value!r}"
    if isinstance(value, str):
        return f"it is the text {quoted(value)}"
    return "it is a mapping" if isinstance(value, dict) else "it is a list"


def _right_type(expected: str, value: Any, raw: str, *, secret: bool) -> str:
    if expected == "string":
        return _right_text(value, raw, secret=secret)
    if expected == "boolean":
        if isinstance(value, Odd) and value.tag == "bool":
            return f"Write {value.instead}: true and false are the only booleans here."
        quoted_word = isinstance(value, str) and value in ("true", "false")
        return "Remove the quotes." if quoted_word else "Write true or false."
    if expected in ("integer", "number"):
        if isinstance(value, Odd) and value.instead and not secret:
            return f"Write {value.instead}."
        if isinstance(value, str) and not secret:
            try:
                return f"Write {float(value)!r}." if raw else "Remove the quotes."
            except ValueError:
                pass
        return "Write a whole number, without quotes." if expected == "integer" else "Write a number, without quotes."
    if expected == "object":
        if value is None:
            return "Write {} when it is to be empty, or leave the key out."
        return 'Write lines "key: value" below it.'
    return "Write a list, such as [one, two]."


def _right_text(value: Any, raw: str, *, secret: bool) -> str:
    if value is None:
        return (
            "Quote it if the word itself is meant, or leave the key out." if raw else "Give it, or leave the key out."
        )
    if isinstance(value, dict) and "valueFrom" in value:
        return "Write the text itself; valueFrom is for secrets."
    if isinstance(value, dict | list):
        return 'Write one text, and quote it when it begins with a bracket or holds ": ".'
    written = value.text if isinstance(value, Odd) else raw
    return f"Quote it: {quoted(written)}." if written and not secret else "Quote it."


def wrong_form(path: Path, pattern: str, value: str, *, secret: bool) -> Said:
    """A text that does not match the pattern of its field."""
    name = name_of(path)
    if path == ("metadata", "name"):
        return _wrong_name(value)
    if pattern == r"\S":
        return Said("E105", f"{name} is blank", "Give it at least one character that can be seen.")
    if pattern == NO_CONTROL:
        return Said("E105", f"{name} {quoted(value)} holds a control character", "Remove it.")
    form, is_id = form_of(pattern)
    said = name if secret else f"{name} {quoted(value)}"
    if is_id:
        return Said("E133", f"{said} is not an id of that kind", f"Write {form}.")
    return Said("E105", f"{said} is not {form}", f"Write {form}.")


def _wrong_name(value: str) -> Said:
    if not value.strip().strip(BLANKS):
        return Said("E109", "metadata.name is blank", "Give it a name.")
    if value != (tidy := value.strip().strip(BLANKS)):
        return Said("E109", f"metadata.name {quoted(value)} has blanks at an end", f"Write {quoted(tidy)}.")
    if "/" in value:
        hint = f"Write {quoted(value.replace('/', '-'))}; a slash stands between the parts of an address."
        return Said("E109", f"metadata.name {quoted(value)} holds a slash", hint)
    return Said("E109", f"metadata.name {quoted(value)} holds a control character", "Remove it.")


def wrong_size(path: Path, keyword: str, limit: Any, value: Any, *, secret: bool) -> Said:
    """A value that is too short, too long, too small or too large."""
    name = name_of(path)
    code = "E109" if path == ("metadata", "name") else "E105"
    if keyword in ("minLength", "minItems", "minProperties"):
        return Said(code, f"{name} is empty", "Give it, or leave the key out." if code == "E105" else "Give it a name.")
    if keyword == "maxLength":
        return Said(code, f"{name} has {len(value)} characters", f"Use at most {limit}.")
    if keyword == "maxProperties":
        return Said(
            code, f"{name} has {len(value)} keys", f"Give {'exactly one' if limit == 1 else f'at most {limit}'}."
        )
    bounds = {
        "minimum": f"at least {limit}",
        "maximum": f"at most {limit}",
        "exclusiveMinimum": f"more than {limit}",
        "exclusiveMaximum": f"less than {limit}",
    }
    bound = bounds.get(keyword, f"{keyword} {limit}")
    said = f"{name} is out of range" if secret else f"{name} is {value!r}"
    return Said(code, said, f"Write {bound}.")


def wrong_value(path: Path, keyword: str, limit: Any, value: Any, *, secret: bool) -> Said:
    """A value that contradicts a keyword of its schema other than its type and its words."""
    if keyword == "pattern":
        return wrong_form(path, limit, value, secret=secret)
    if keyword.startswith(_SIZES):
        return wrong_size(path, keyword, limit, value, secret=secret)
    message = f"{name_of(path)} is not what its schema allows ({keyword})"
    return Said("E105", message, "See the reference page of this kind.")


def gravity(error: Any) -> int:
    """Return the rank of an error of jsonschema: a value's first one is reported, and the others mostly follow."""
    return _FIRST.index(error.validator) if error.validator in _FIRST else len(_FIRST)


def missing(required: Iterable[str], properties: Collection[str], value: Collection[str]) -> Iterator[str]:
    """Yield the required keys that a mapping lacks, unless an unknown key of it is nearly that key."""
    meant = {near(key, properties) for key in value if key not in properties}
    return (key for key in required if key not in value and key not in meant)


def key_hint(key: str, known: Sequence[str], given: Collection[str]) -> str:
    """Return the hint for an unknown key: a similar one, unless that is given too, or what is known."""
    if near(key, known) in given:
        return listed(known, known="Known keys are")
    return did_you_mean(key, known, known="Known keys are")


def misplaced(path: Path, hint: str) -> Said:
    """A key that is declared elsewhere."""
    return Said("E152", f"{path[-1]} does not belong inside {name_of(path[:-1])}", hint)


def exactly_one(whose: str, names: Sequence[str], given: Sequence[str], apart: str) -> Said:
    """None of the keys of which one must be given, or several; `apart` is what to write for several."""
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    has = f"has {' and '.join(given)}" if given else "has none"
    hint = f"Remove {given[-1]}, or {apart}." if given else f"Add one of {listed}."
    return Said("E105" if given else "E102", f"{whose} needs exactly one of {listed}, and this {has}", hint)


def literal(path: Path, why: str) -> Said:
    """A literal secret, and why it was taken for one."""
    if why == "url":
        hint = "Leave user and password out of the URL; where a secret may stand, give the whole by {valueFrom: …}."
        return Said("E140", f"{name_of(path)} holds a literal secret: a URL with a password", hint)
    reasons = {"name": "its name says so", "form": "it has the form of a key or a token"}
    return Said("E140", f"{name_of(path)} is a literal secret: {reasons[why]}", HOW_TO_REFER)


def may_be_newer(schema: dict[str, Any], value: Any) -> bool:
    """Return whether a word that an enum lacks may be one of a newer server: it is no near miss of those it has."""
    return GROWS in schema and isinstance(value, str) and bool(value.strip()) and not near(value, schema["enum"])


def newer(path: Path, options: list[Any], value: Any) -> Said:
    """Return the warning about such a word."""
    message = f"{name_of(path)} {quoted(value)} is none of {', '.join(map(str, options))}"
    return Said("E104", message, "It is sent as it is; a newer server may know it.")


def not_one_of(path: Path, options: list[Any], value: Any) -> Said:
    """A value that is none of those its field knows."""
    listed = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in options)
    if isinstance(value, str):
        message = f"{name_of(path)} {quoted(value)} is not one of {listed}"
        return Said("E104", message, did_you_mean(value, list(map(str, options)), known="Write one of"))
    return Said("E104", f"{name_of(path)} is not one of {listed}", f"Write one of {listed}.")
