"""What Pulumi runs for this folder: `python provider ENGINE_ADDRESS`, by PulumiPlugin.yaml.

Not every language host of Pulumi heeds the virtual environment that is named there. Whichever Python this is run with,
one that has trueup takes over: the environment that script/bootstrap makes beside this folder.
"""

import importlib.util
import os
import sys
from pathlib import Path

if importlib.util.find_spec("grpc") is None or importlib.util.find_spec("trueup") is None:
    here = Path(__file__).resolve().parent
    ours = here.parent / ".venv" / "bin" / "python"
    if not ours.exists() or Path(sys.prefix) == ours.parent.parent:
        sys.exit("trueup is not installed for this Python. Run script/bootstrap, or: pip install trueup")
    os.execv(ours, [str(ours), str(here), *sys.argv[1:]])  # noqa: S606 - the same program, by another Python

from trueup.plugin.serve import main

main()
