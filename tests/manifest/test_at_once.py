"""Every fault at once: of one document, of the documents around it, and how they are counted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from faulty import CONNECTION, faults_of, instance

from trueup.core.errors import ManifestError
from trueup.manifest import load


def test_all_faults_of_a_document_come_at_once() -> None:
    text = instance("  status: enabled\n  brnach: 1\n  config: {a: no}\n  id: x\n", name="{name: 1.0}")

    assert [(fault.line, fault.code) for fault in faults_of(text)] == [
        (8, "E103"),
        (11, "E104"),
        (12, "E101"),
        (13, "E113"),
        (14, "E133"),
    ]


def test_a_kind_that_is_nearly_one_is_checked_as_that_one() -> None:
    text = instance("  status: enabled\n  brnach: 1\n", kind="kind: connectorinstance")

    assert [(fault.line, fault.code) for fault in faults_of(text)] == [(7, "E107"), (11, "E104"), (12, "E101")]


def test_a_credential_of_a_kind_that_is_nearly_a_connection_is_not_shown() -> None:
    found = faults_of(CONNECTION.replace("kind: Connection", "kind: Conection") + "  apiKey: hunter2\n")

    assert [fault.code for fault in found] == ["E107", "E140"]
    assert "hunter2" not in repr(found)


def test_a_kind_like_no_other_says_nothing_of_its_spec() -> None:
    assert [fault.code for fault in faults_of(instance("  brnach: 1\n", kind="kind: Zzz"))] == ["E107"]


def test_a_syntax_error_does_not_hide_the_documents_around_it() -> None:
    text = f"{instance('  status: enabled')}\n---\na: 'open\n---\n{instance('  status: disable')}\n"

    places = [(fault.line, fault.code) for fault in faults_of(text) if fault.code in ("E104", "E110")]

    assert places == [(11, "E104"), (14, "E110"), (25, "E104")]


def test_the_files_and_faults_are_counted() -> None:
    with pytest.raises(ManifestError) as caught:
        load(["-"], stdin=io.StringIO(instance("  status: x\n  zzz: 1\n")))

    assert caught.value.message == "2 errors in 1 of 1 file. Nothing was sent."
    assert caught.value.exit_code == 1


def test_without_a_file_none_is_counted(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        load([tmp_path])

    assert (len(caught.value.faults), caught.value.files) == (1, 0)
    assert caught.value.message == "No manifest was found. Nothing was sent."


def test_files_without_a_document_are_known(tmp_path: Path) -> None:
    (tmp_path / "comment.yaml").write_text("# nothing yet\n")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "one.yaml").write_text(CONNECTION + "  url: sandbox\n")

    assert load([tmp_path]).blank == [str(tmp_path / "comment.yaml"), str(tmp_path / "empty.yaml")]
