"""Sandboxes that several test modules share: one process a worker, put back into its first state for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import database as database
from postgres import postgresql as postgresql
from postgres import where as where
from sandboxes import Running, running
from world import World

from trueup.core import reasons, redaction


@pytest.fixture(autouse=True)
def _secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process redacts the secrets of one run; here many tests share a process, and each has a redactor of its own."""
    monkeypatch.setattr(redaction, "process", redaction.Redactor())


@pytest.fixture(autouse=True)
def _no_words_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that used `import trueup` has the words of a Python program; a test has them only if it does so."""
    monkeypatch.setattr(reasons, "_python", [])


def _kept(preset: str) -> Iterator[tuple[Running, Any]]:
    with running("--preset", preset) as sandbox:
        yield sandbox, sandbox.control.get("/state").json()


@pytest.fixture(scope="session")
def _demo() -> Iterator[tuple[Running, Any]]:
    yield from _kept("demo")


@pytest.fixture(scope="session")
def _thousand() -> Iterator[tuple[Running, Any]]:
    yield from _kept("thousand")


def _restored(
    kept: tuple[Running, Any], folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> World:
    sandbox, state = kept
    sandbox.calm()
    assert sandbox.control.put("/state", json=state).status_code == 200
    made = World(sandbox, folder / ".trueup", monkeypatch)
    if version := getattr(request, "param", None):
        made.den(version=version)
    return made


@pytest.fixture
def world(
    _demo: tuple[Running, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> World:
    """The sandbox of the preset `demo`: two undeclared instances, three connectors of Wexa.

    A test marked with `world.both_versions` runs once with each version of Den.
    """
    return _restored(_demo, tmp_path, monkeypatch, request)


@pytest.fixture
def thousand(
    _thousand: tuple[Running, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> World:
    """The sandbox of the preset `thousand`: 1,000 active instances of the account `acme`."""
    return _restored(_thousand, tmp_path, monkeypatch, request)
