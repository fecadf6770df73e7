"""List words that the project does not use in its prose, with their places; exit with 1 if there are any."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
UNUSED: Final = re.compile(r"\b(?:whoever|somebody|nobody|begun|told|manner|realm)s?\b", re.IGNORECASE)
"""Words of a private dialect. Say the user, another run, no one; started; reported, returned; way; tenant."""
_STORED: Final = "realm"
"""The name of a column of the ledger, which stays."""
_PATHS: Final = ("provider/trueup/**/*.py", "docs/**/*.md", "*.md", "changelog.d/*.md", "examples/**/*.yaml")


def unused_words() -> Iterator[tuple[str, int, str]]:
    """Yield file, line and word of each use."""
    for path in sorted(path for pattern in _PATHS for path in ROOT.glob(pattern)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for word in UNUSED.findall(line):
                if word != _STORED:
                    yield path.relative_to(ROOT).as_posix(), number, word


def main() -> int:
    """Print the uses and return the exit code."""
    found = list(unused_words())
    for file, number, word in found:
        print(f"{file}:{number}: {word}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
