"""A leading `~` is the home folder in every option and variable that holds a path, with or without a shell."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from commands import inside
from world import World

from trueup.core.errors import UsageError
from trueup.core.paths import home
from trueup.engine.options import Options
from trueup.ledger.place import ledger_place
from trueup.manifest import load

MANIFEST = """\
apiVersion: den.trueup.dev/v1
kind: Connection
metadata: {name: default}
spec: {url: sandbox}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: newcomer}
spec: {remoteId: "77", displayName: newcomer}
"""


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder; the current folder is a different, empty one."""
    folder = tmp_path / "home"
    folder.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(folder))
    for name in ("TRUEUP_LEDGER", "TRUEUP_STATE", "TRUEUP_FILE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_a_tilde_is_the_home_folder(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = pwd.getpwuid(os.getuid())
    assert home("~") == str(at_home)
    assert home("~/a/b") == f"{at_home}/a/b"
    assert home(f"~{user.pw_name}/a") == f"{user.pw_dir}/a"
    for same in ("a", "./~", "./~/a", "a~b", "", "-"):
        assert home(same) == same
    monkeypatch.setenv("TRUEUP_LEDGER", "~/l.db")
    assert ledger_place(Path("state")) == at_home / "l.db"
    assert Options(state=Path("~/state")).state == at_home / "state"


def test_the_home_of_nobody_is_refused_unless_a_file_has_that_name(at_home: Path) -> None:
    with pytest.raises(UsageError, match="nobody-of-that-name") as caught:
        home("~nobody-of-that-name/x")
    assert './~nobody-of-that-name/x"' in caught.value.hint
    Path("~lock.yaml").write_text(MANIFEST)
    assert home("~lock.yaml") == "~lock.yaml"
    assert len(load(["~lock.yaml"]).resources) == 1


def test_manifests_are_found_there(at_home: Path) -> None:
    (at_home / "one.yaml").write_text(MANIFEST)
    for path in ("~/one.yaml", "~", "~/*.yaml"):
        assert len(load([path]).resources) == 1
    assert inside("validate", "--file=~/one.yaml").returncode == 0
    assert inside("validate", TRUEUP_FILE="~/one.yaml:~/o*.yaml").returncode == 0


def test_no_folder_called_tilde_appears(world: World, at_home: Path) -> None:
    den = world.sandbox.ready["den"]
    there = f"url: {den['url']}, apiKey: {{valueFrom: {{env: KEY}}}}"
    (at_home / "one.yaml").write_text(MANIFEST.replace("url: sandbox", there))
    shared = {"KEY": den["apiKey"], "TRUEUP_STATE": "~/state"}
    assert inside("apply", "-f", "~/one.yaml", "--auto-approve", **shared).returncode == 0
    assert (at_home / "state" / "ledger.db").is_file()
    assert inside("plan", "-f", "~/one.yaml", "--out", "~/plan.json", **shared, TRUEUP_LEDGER="~/l.db").returncode == 0
    assert inside("show", "~/plan.json", **shared, TRUEUP_LEDGER="~/l.db").returncode == 0
    assert inside("apply", "~/plan.json", **shared, TRUEUP_LEDGER="~/l.db").returncode == 0
    assert (at_home / "l.db").is_file()
    done = inside("import", "den", "-f", "~/one.yaml", "-o", "~/conn", **shared)
    assert done.returncode == 0, done.stderr
    assert (at_home / "conn" / "den").is_dir()
    assert os.listdir() == []
    refused = inside("plan", "-f", "~/one.yaml", **shared | {"TRUEUP_STATE": "~nobody-of-that-name/x"})
    assert refused.returncode == 1
    assert "nobody-of-that-name" in refused.stderr
    assert os.listdir() == []
