"""`trueup import` with a folder to write to, and a Den that holds something of everything."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import httpx
from commands import inside
from den_calls import INSTANCES, account, instance, made, target
from world import World

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
PASSWORD = "correct horse battery staple"
PROJECT = "68063653fc2e1fb859700001"


class Bench:
    """A sandbox, a client of its Den, and the command with a folder to write to."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.out = folder / "out"
        den = world.sandbox.ready["den"]
        self.http = httpx.Client(base_url=den["url"], headers={"x-api-key": den["apiKey"]}, timeout=30)
        (folder / "none.yaml").write_text("")
        self.base = ["-f", str(folder / "none.yaml"), "--state", str(world.folder)]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return inside("import", *words, *self.base, **{"COLUMNS": "400", **environment})

    def den(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("den", "-o", str(self.out), *words)

    def plan(self) -> str:
        done = inside("plan", "-f", str(self.out), "--state", str(self.world.folder), "--detailed-exitcode")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def texts(self) -> dict[str, str]:
        return {str(path.relative_to(self.out)): path.read_text() for path in sorted(self.out.rglob("*.yaml"))}


def seed(bench: Bench) -> dict[str, Any]:
    """Something of everything, with secrets in the free values."""
    owner = account(bench.http, "2001")
    config = {
        "branch": "main",
        "deep": {"token": TOKEN, "kept": "no", "empty": {}, "list": [1, "1e3", None, {"a": "b: c"}]},
        "url": f"https://user:{PASSWORD.replace(' ', '-')}@example.test/x",
        "tokens": [TOKEN],
        "password": PASSWORD,
        "number": 1e16,
        "small": 1e-7,
        "text": "one\ntwo\n",
        "odd": " \n x",
        "ref": {"valueFrom": {"env": "HOME"}},
        "big": 2**60,
        "": "nameless",
        "true": True,
        "plain": None,
    }
    one = instance(bench.http, owner, "everything", remoteId="acme/everything", config=config)
    bench.http.post(f"{INSTANCES}/{one['id']}/auto-import", json={"autoImportNewPlugins": False})
    bench.http.post(f"{INSTANCES}/{one['id']}/disable")
    two = instance(bench.http, owner, "Bare")
    bench.http.post(f"{INSTANCES}/{two['id']}/archive")
    aim = target(bench.http, one, "acme/everything", secret=TOKEN)
    mapping = {"mappingKind": "path", "selector": "skills/**", "objectType": "skill", "config": {"apiKey": PASSWORD}}
    made(bench.http.post(f"/v1/connector-targets/{aim['id']}/mappings", json=mapping))
    bench.http.post(f"{INSTANCES}/{one['id']}/access", json={"orgWide": True, "role": "viewer"})
    return one
