"""The figures that trueup is held to, each measured beside its floor in one run: `script/bench NAME`."""
