"""Exit codes that are no error's own."""

from typing import Final

DIFFERENCES: Final = 2
INTERRUPTED: Final = 130
