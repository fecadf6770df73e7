"""trueup keeps SaaS connectors in the state that a team declared.

    import trueup

    plan = trueup.plan("connectors/")            # a Plan: steps, cost, summary()
    report = trueup.apply("connectors/")         # plans, applies, looks again
    assert not trueup.drift("connectors/").has_drift

`trueup.aio` has the same as coroutines. A `trueup.Session` does several things in a row over
the same connections, ledger and embedded servers. Nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.core.version import __version__

if TYPE_CHECKING:
    from trueup.api import Options, Session, apply, drift, load, plan
    from trueup.engine import loop as aio

__all__ = ["Options", "Session", "__version__", "aio", "apply", "drift", "load", "plan"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from functools import partial
    from importlib import import_module

    from trueup.core.reasons import speak_python
    from trueup.report.reasons import PYTHON, parts

    speak_python(partial(parts, door=PYTHON))
    return import_module("trueup.engine.loop") if name == "aio" else getattr(import_module("trueup.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
