"""Starts a sandbox, with a proxy in front of it at which an apply can be killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from bench import crashes
from sandboxes import running


@contextlib.contextmanager
def tried(folder: Path, files: tuple[Path, Path], den: Mapping[str, Any] | None = None) -> Iterator[crashes.Trial]:
    """A trial of the manifests before and after, the former applied; `den` are switches of the sandbox's Den."""
    with running("--preset", "demo") as sandbox:
        upstreams = {system: sandbox.ready[system]["url"] for system in ("den", "wexa")}
        keys = {system: sandbox.ready[system]["apiKey"] for system in ("den", "wexa")}
        with (
            crashes.proxied(upstreams) as proxy,
            httpx.Client(base_url=sandbox.ready["control"], timeout=60) as control,
        ):
            assert control.put("/den", json=dict(den or {})).is_success
            trial = crashes.Trial(control, proxy, keys, folder, *files)
            trial.prepare()
            yield trial
