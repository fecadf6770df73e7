"""The plan that the README shows, as it really is: `python tools/readme.py` pastes it in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
TRUEUP: Final = Path(sys.executable).with_name("trueup")
_BLOCK: Final = re.compile(r"(?<=```\n)\$ cd (\S+)\n\$ (\S+/trueup plan[^\n]*)\n(.*?)(?=```)", re.DOTALL)


def shown() -> tuple[str, str, str]:
    """The folder and the command in the README, and the output below them."""
    found = _BLOCK.search(README.read_text(encoding="utf-8"))
    assert found is not None, "README.md shows no plan"
    folder, command, output = found.groups()
    return folder, command, output


def real() -> str:
    """What that command prints when nothing was applied yet, at a width of 100."""
    inside, command, _ = shown()
    _, *arguments = command.split()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TRUEUP_")}
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"COLUMNS": "100", "NO_COLOR": "1", "TRUEUP_STATE": folder, "PYTHONUTF8": "1"}
        done = subprocess.run(
            [TRUEUP, *arguments],
            cwd=ROOT / inside,
            env=environment,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=True,
        )
    return done.stdout


def timeless(text: str) -> str:
    """The text without what depends on the moment."""
    return re.sub(r"\d+(\.\d+)? s\b", "N s", text)


def main() -> None:
    """Pastes it in, unless only times differ."""
    folder, command, output = shown()
    now = real()
    if timeless(now) != timeless(output):
        text = README.read_text(encoding="utf-8")
        README.write_text(_BLOCK.sub(lambda _: f"$ cd {folder}\n$ {command}\n{now}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
