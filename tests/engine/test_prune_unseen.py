"""Nothing is removed while a part of the manifests may be missing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from commands import inside, parsed
from world import INSTANCES, World


def manifests(*names: str) -> str:
    instance = "\n---\napiVersion: den.trueup.dev/v1\nkind: ConnectorInstance\nmetadata: {{name: {0}}}\n" + (
        "spec: {{connectorAccount: acme, remoteId: {0}, name: {0}}}\n"
    )
    account = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
    return account + "spec: {remoteId: acme, displayName: acme}\n" + "".join(instance.format(name) for name in names)


@pytest.fixture
def folder(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a repository, whose manifests declare one instance less than the last apply."""
    place = tmp_path / "repository"
    (place / ".git").mkdir(parents=True)
    monkeypatch.chdir(place)
    for name in ("TRUEUP_STACK", "TRUEUP_FILE", "TRUEUP_STATE"):
        monkeypatch.delenv(name, raising=False)
    (place / "a.yaml").write_text(manifests("one", "two"))
    assert inside("apply", "--auto-approve").returncode == 0
    (place / "a.yaml").write_text(manifests("one"))
    return place


def refused(world: World, why: str) -> None:
    """Check that a prune is refused for that reason, and that a run without it is not."""
    before = world.rows(INSTANCES)
    for words in (("plan",), ("apply", "--auto-approve")):
        done = inside(*words, "--prune")
        assert done.returncode == 3, done.stdout + done.stderr
        assert "manifests may be missing" in " ".join(done.stdout.split())
        assert why in " ".join(done.stdout.split())
    assert parsed(inside("plan", "--prune", "-o", "json"))["unsafe"]
    assert world.rows(INSTANCES) == before
    assert inside("plan").returncode == 0
    assert inside("apply", "--auto-approve").returncode == 0
    assert inside("plan", "--prune", "-f", "a.yaml").returncode == 0


def allowed() -> None:
    done = inside("plan", "--prune", "-o", "json")
    assert (done.returncode, parsed(done)["summary"]["delete"]) == (0, 1)


def test_a_submodule_that_is_not_checked_out(folder: Path, world: World) -> None:
    (folder / ".gitmodules").write_text('[submodule "x"]\n\tpath = connectors/x\n\turl = ../x\n')
    (folder / "connectors" / "x").mkdir(parents=True)
    refused(world, "connectors/x (a Git submodule that is not checked out)")
    (folder / "connectors" / "x" / ".git").write_text("gitdir: ../../.git/modules/x\n")
    allowed()


def test_a_link_to_a_folder_that_is_not_there(folder: Path, world: World) -> None:
    (folder / "shared").symlink_to("../elsewhere/manifests")
    refused(world, 'shared (a link to "../elsewhere/manifests", which is not there)')
    (folder / ".gitignore").write_text("shared\n")
    allowed()
    (folder / "shared").unlink()
    (folder / "logo.png").symlink_to("../logo.png")
    allowed()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Refuse to read a file or folder as the kernel does; root, for whom permissions do not count, included."""
    real: dict[str, Callable[..., Any]] = {"open": os.open, "listdir": os.listdir}

    def refuse(name: str) -> Callable[..., Any]:
        def call(where: Any, *more: Any, **named: Any) -> Any:
            if os.path.abspath(where) == str(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), where)
            return real[name](where, *more, **named)

        return call

    with patch.object(os, "open", refuse("open")), patch.object(os, "listdir", refuse("listdir")):
        yield


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_git_ignores_and_cannot_be_read(kind: str, folder: Path, world: World) -> None:
    (folder / ".gitignore").write_text("gen*\n")
    path = folder / ("gen.yaml" if kind == "file" else "gen")
    path.write_text("") if kind == "file" else path.mkdir()
    with locked(path):
        refused(world, f"{path.name} (this")


def test_nothing_is_refused_where_nothing_goes(folder: Path) -> None:
    (folder / "shared").symlink_to("../elsewhere/manifests")
    (folder / "a.yaml").write_text(manifests("one", "two"))
    assert inside("plan", "--prune").returncode == 0


def test_a_file_of_ours_that_does_not_parse_stops_every_command(folder: Path, world: World) -> None:
    (folder / "b.yaml").write_text("{{ if .x }}\n# den.trueup.dev/v1\n")
    before = world.rows(INSTANCES)
    for ignored in ("", "b.yaml\n"):
        (folder / ".gitignore").write_text(ignored)
        for words in (
            ("validate",),
            ("plan",),
            ("plan", "--prune"),
            ("apply", "--prune", "--auto-approve"),
            ("drift",),
        ):
            done = inside(*words)
            assert (done.returncode, "b.yaml:1:" in done.stderr) == (1, True), words
    assert world.rows(INSTANCES) == before
