"""Which files are read, and what is said of those that cannot be."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from trueup.core.errors import Fault, ManifestError
from trueup.manifest import files, load


def account(name: str) -> str:
    """A document that declares an account."""
    return (
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\n"
        f"metadata: {{name: {name}}}\nspec: {{remoteId: {name}, displayName: {name}}}\n"
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with manifests in it and below it."""
    for name in ("b.yaml", "a.yml", "sub/c.yaml", "sub/deep/d.yaml", ".hidden/e.yaml", ".f.yaml", "g.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(account(path.stem.strip(".")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str | Path) -> list[str]:
    """The names of what the paths declare."""
    return [one.address.name for one in load(paths).resources]


def fault(*paths: str | Path) -> Fault:
    """The only fault of the paths."""
    with pytest.raises(ManifestError) as caught:
        load(paths)
    (found,) = caught.value.faults
    assert found.hint
    return found


def test_a_folder_is_walked_in_the_order_of_names_without_what_is_hidden(folder: Path) -> None:
    assert names(".") == ["a", "b", "c", "d"]
    assert load().files == ["a.yml", "b.yaml", "sub/c.yaml", "sub/deep/d.yaml"]
    assert load(["sub"]).files == ["sub/c.yaml", "sub/deep/d.yaml"]
    assert load([folder / "sub"]).files == [f"{folder}/sub/c.yaml", f"{folder}/sub/deep/d.yaml"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.yaml", ["b"]),
        ("*", ["a", "b", "c", "d"]),
        ("sub/*", ["c", "d"]),
        ("**/*.yaml", ["b", "c", "d"]),
        ("[ab].y*", ["a", "b"]),
        ("s?b/deep/d.yaml", ["d"]),
    ],
)
def test_globs(folder: Path, pattern: str, expected: list[str]) -> None:
    assert sorted(names(pattern)) == expected


def test_a_file_that_is_named_may_have_any_name(folder: Path) -> None:
    assert names("g.txt") == ["g"]
    assert names(".f.yaml", ".hidden") == ["f", "e"]
    (folder / "[x].yaml").write_text(account("x"))
    assert names("[x].yaml") == ["x"]


def test_a_file_that_is_reached_twice_counts_once(folder: Path) -> None:
    (folder / "sub" / "link.yaml").symlink_to("../b.yaml")

    assert names("b.yaml", ".", folder / "b.yaml", "./sub/../b.yaml", "*.yaml") == ["b", "a", "c", "d"]


def test_links_within_the_folder_are_followed_once_even_in_a_circle(folder: Path) -> None:
    (folder / "sub" / "deep" / "up").symlink_to("../..")
    (folder / "hidden").symlink_to(".hidden")

    assert sorted(names(".")) == ["a", "b", "c", "d", "e"]


def test_a_folder_as_a_cluster_mounts_it(folder: Path) -> None:
    mount = folder / "mount"
    (mount / "..2026_01_01").mkdir(parents=True)
    (mount / "..2026_01_01" / "x.yaml").write_text(account("x"))
    (mount / "..data").symlink_to("..2026_01_01")
    (mount / "x.yaml").symlink_to("..data/x.yaml")

    assert names("mount") == ["x"]


@pytest.mark.parametrize("paths", [["sub"], ["sub/*"], ["sub/*.yaml"]])
@pytest.mark.parametrize("target", ["../b.yaml", ".."])
def test_a_link_out_of_the_folder_is_refused(folder: Path, paths: list[str], target: str) -> None:
    (folder / "sub" / "out.yaml").symlink_to(target)

    found = fault(*paths)

    assert (found.code, found.file) == ("E125", "sub/out.yaml")
    assert "out of the folder" in found.message


def test_a_link_that_is_named_is_followed(folder: Path) -> None:
    (folder / "sub" / "out.yaml").symlink_to("../b.yaml")
    (folder / "way").symlink_to("sub/deep")

    assert names("sub/out.yaml", "way") == ["b", "d"]


def test_a_link_to_nowhere(folder: Path) -> None:
    (folder / "lost.yaml").symlink_to("nowhere.yaml")

    found = fault(".")

    assert (found.code, found.file) == ("E120", "lost.yaml")
    assert '"nowhere.yaml"' in found.message


def test_what_is_not_there(folder: Path) -> None:
    (folder / "empty").mkdir()

    assert (fault("nothing.yaml").code, fault("nothing.yaml").file) == ("E120", "nothing.yaml")
    assert "no such file" in fault("nothing.yaml").message
    assert "this folder holds no YAML file" in fault("empty").message
    assert "this glob matches no YAML file" in fault("*.json").message
    assert "this glob matches no YAML file" in fault("*.txt").message


@pytest.mark.parametrize("paths", [["pipe.yaml"], ["."], ["*.yaml"]])
def test_a_pipe_is_refused_and_never_waited_for(folder: Path, paths: list[str]) -> None:
    os.mkfifo(folder / "pipe.yaml")

    assert (fault(*paths).code, fault(*paths).file) == ("E121", "pipe.yaml")


def test_a_device_is_refused() -> None:
    assert fault("/dev/zero").code == "E121"


def test_what_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may read everything, so the system's answer is made here
    def refuse(path: str, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    really_open, really_list = os.open, os.listdir
    monkeypatch.setattr(os, "open", lambda path, *rest: (refuse if path == "b.yaml" else really_open)(path, *rest))
    monkeypatch.setattr(os, "listdir", lambda path: (refuse if path == "sub" else really_list)(path))
    with pytest.raises(ManifestError) as caught:
        load()

    assert [(one.file, one.code) for one in caught.value.faults] == [("b.yaml", "E122"), ("sub", "E122")]
    assert all("Permission denied" in one.message for one in caught.value.faults)


def test_a_file_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "b.yaml").write_bytes(b"#" * 2000)
    with (folder / "sparse.yaml").open("wb") as file:
        file.truncate(files.LARGEST + 1)

    assert fault("sparse.yaml").code == "E123"
    assert "64 MiB" in fault("sparse.yaml").message
    monkeypatch.setattr(files, "LARGEST", 1999)
    assert fault("b.yaml").code == "E123"
    monkeypatch.setattr(files, "LARGEST", 2000)
    assert names("b.yaml") == []


def test_standard_input_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 10)
    with pytest.raises(ManifestError) as caught:
        load(["-"], stdin=io.BytesIO(b"#" * 11))

    assert [(one.file, one.code) for one in caught.value.faults] == [("<stdin>", "E123")]


@pytest.mark.parametrize(
    ("raw", "place", "message"),
    [
        (b"a: \xff\n", (1, 4), "0xFF is not UTF-8"),
        ("ä: 1\nöö: ".encode() + b"\xe4\n", (2, 5), "0xE4 is not UTF-8"),
        ("a: 1".encode("utf-16"), (1, 1), "UTF-16"),
        (b"a: 1\nb: \0\n", (2, 4), "NUL"),
    ],
)
def test_what_is_not_utf_8_text(folder: Path, raw: bytes, place: tuple[int, int], message: str) -> None:
    (folder / "b.yaml").write_bytes(raw)
    found = fault("b.yaml")

    assert (found.code, (found.line, found.column)) == ("E124", place)
    assert message in found.message


def test_a_byte_order_mark_moves_nothing(folder: Path) -> None:
    (folder / "b.yaml").write_bytes(b"\xef\xbb\xbf" + account("b").replace("kind", "kinds").encode())

    with pytest.raises(ManifestError) as caught:
        load(["b.yaml"])

    assert [(one.line, one.column) for one in caught.value.faults] == [(1, 1)]


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(account("in").encode())))

    manifest = load(["-", "-"])

    assert [one.address.name for one in manifest.resources] == ["in"]
    assert manifest.files == ["<stdin>"]


def test_faults_of_all_files_come_at_once_and_sorted(folder: Path) -> None:
    (folder / "b.yaml").write_text("a: b: c  # den.trueup.dev/v1\n")
    (folder / "a.yml").write_bytes(b"# den.trueup.dev/v1\n\xff")
    (folder / "sub" / "c.yaml").write_text(account("c").replace("displayName", "dispalyName"))

    with pytest.raises(ManifestError) as caught:
        load([".", "missing.yaml"])

    assert [(one.file, one.code) for one in caught.value.faults] == [
        ("a.yml", "E124"),
        ("b.yaml", "E110"),
        ("missing.yaml", "E120"),
        ("sub/c.yaml", "E101"),
    ]
    assert caught.value.message == "4 errors in 4 of 5 files. Nothing was sent."


def test_names_of_files_are_harmless(folder: Path) -> None:
    (folder / "\x1b[31m.yaml").write_text("a: b: c\n")

    assert fault("\x1b[31m.yaml").file == "\\x1b[31m.yaml"
    (folder / os.fsdecode(b"\xff.yaml")).write_text(account("x"))
    assert "\\udcff.yaml" in load([os.fsdecode(b"\xff.yaml")]).files
