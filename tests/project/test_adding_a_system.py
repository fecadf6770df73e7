"""What docs/adding-a-system.md builds is built as it stands on the page, and works."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from repository import ROOT
from waiting import wait_until

PAGE = (ROOT / "docs" / "adding-a-system.md").read_text()
BLOCKS = re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
"""File and text of each block that names its file."""
(CONSOLE,) = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SETTINGS = dict(re.findall(r"([A-Z_]+)=(\S+)", re.findall(r"^export (.*)$", PAGE, re.MULTILINE)[0]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the page, installed in their folder as pip would do it."""
    root = tmp_path_factory.mktemp("page")
    for name, text in BLOCKS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    info = root / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in rows.items())
        for group, rows in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(points))
    return root


@pytest.fixture(scope="module")
def environment(folder: Path) -> Iterator[dict[str, str]]:
    """The variables of the page, and its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
    with subprocess.Popen(
        [sys.executable, "shelf_server.py", str(port)], cwd=folder, stderr=subprocess.DEVNULL
    ) as server:
        wait_until(lambda: _answers(url))
        yield {**clean, "COLUMNS": "120", "PYTHONPATH": str(folder), **SETTINGS, "TRUEUP_SHELF_URL": url}
        server.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/me").status_code == 401
    except httpx.TransportError:
        return False


def run(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trueup", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_its_commands_print_what_the_page_says(folder: Path, environment: dict[str, str]) -> None:
    for part in CONSOLE.split("$ trueup ")[1:]:
        command, *lines = part.splitlines()
        done = run(command.split(), folder, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        for line in lines:
            assert line in done.stdout, (command, done.stdout, done.stderr)
        assert SETTINGS["SHELF_CODE"] not in done.stdout + done.stderr


def test_drift_is_healed_and_the_keys_of_others_are_kept(folder: Path, environment: dict[str, str]) -> None:
    manifests = ["-f", "library", "--auto-approve"]
    assert run(["apply", *manifests], folder, environment).returncode == 0
    with httpx.Client(
        base_url=environment["TRUEUP_SHELF_URL"], headers={"x-token": SETTINGS["TRUEUP_SHELF_API_KEY"]}
    ) as api:
        (shelf,) = api.get("/shelves").json()["items"]
        (book,) = api.get(f"/shelves/{shelf['id']}/books").json()["items"]
        (patron,) = api.get("/v0/members").json()["data"]
        api.patch(f"/shelves/{shelf['id']}", json={"colour": "red"})
        api.patch(f"/books/{book['id']}", json={"labels": {"loan": "no", "theirs": 1}})
        api.put(f"/v0/members/{patron['id']}", json={"full_name": "Eve", "mail": patron["mail"]})
        assert run(["drift", "-f", "library"], folder, environment).returncode == 2
        done = run(["apply", *manifests], folder, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert api.get(f"/shelves/{shelf['id']}").json()["colour"] == "blue"
        (book,) = api.get(f"/shelves/{shelf['id']}/books").json()["items"]
        assert book["labels"] == {"loan": "yes", "theirs": 1}
        assert api.get("/v0/members").json()["data"][0]["full_name"] == "Ada"


def test_what_is_no_longer_declared_is_pruned(folder: Path, environment: dict[str, str]) -> None:
    staff = "apiVersion: shelf.trueup.dev/v1\nkind: Patron\nmetadata: {name: Bo}\nspec: {mail: bo@staff.example.com}\n"
    (folder / "staff.yaml").write_text(staff)
    everything = ["-f", "library", "-f", "staff.yaml"]
    assert run(["apply", *everything, "--auto-approve"], folder, environment).returncode == 0
    (folder / "less").mkdir()
    first, *_ = (folder / "library" / "library.yaml").read_text().split("---\n")
    (folder / "less" / "library.yaml").write_text(first)
    done = run(["apply", "-f", "less", "--prune", "--auto-approve"], folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 removed" in done.stdout
    assert "bo@staff.example.com works here" in done.stdout
    left = run(["books", "poems", "-o", "json"], folder, environment)
    assert json.loads(left.stdout) == {"books": []}


def test_a_token_that_is_refused_is_reported_without_it(folder: Path, environment: dict[str, str]) -> None:
    done = run(["plan", "-f", "library"], folder, {**environment, "TRUEUP_SHELF_API_KEY": "another-token"})
    assert done.returncode == 1
    assert 'Shelf refused the API key of connection "default"' in done.stderr
    assert "another-token" not in done.stderr


def test_a_system_without_an_embedded_server_says_so(folder: Path, environment: dict[str, str]) -> None:
    done = run(["plan", "-f", "library"], folder, {**environment, "TRUEUP_SHELF_URL": "sandbox"})
    assert done.returncode == 1
    assert "TRUEUP_SHELF_URL: Shelf has no embedded server. Give the URL of a Shelf." in done.stderr
    package = json.loads(run(["schema", "pulumi"], folder, environment).stdout)
    assert "sandbox" not in package["config"]["variables"]["shelfUrl"]["description"]
