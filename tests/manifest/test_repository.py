"""A repository with manifests, files of other tools, and near misses of manifests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from commands import inside, parsed

from trueup.core.errors import Fault, ManifestError
from trueup.core.values import ConnectionId
from trueup.manifest import Manifest, files, load, load_connections, walk


def account(name: str) -> str:
    return (
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\n"
        f"metadata: {{name: {name}}}\nspec: {{remoteId: {name}, displayName: {name}}}\n"
    )


def write(path: str, content: str | bytes) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def names(*paths: str) -> list[str]:
    return [one.address.name for one in load(paths or (".",)).resources]


def faults(*paths: str) -> list[Fault]:
    with pytest.raises(ManifestError) as caught:
        load(paths or (".",))
    return caught.value.faults


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one manifest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / ".git").mkdir()
    write("connectors/a.yaml", account("a"))
    return tmp_path


OTHERS: dict[str, str | bytes] = {
    "docker-compose.yml": "services:\n  web: {image: nginx, connection: fast}\n",
    "mkdocs.yml": "site_name: x\nmarkdown_extensions:\n- x: !!python/name:material.extensions.emoji.twemoji\n",
    "k8s.yaml": "apiVersion: apps/v1\nkind: Deployment\nspec: {}\n---\napiVersion: v1\nkind: Service\n",
    "strimzi.yaml": "apiVersion: kafka.strimzi.io/v1beta2\nkind: Connector\nmetadata: {name: x}\nspec: {remoteId: x}\n",
    "helm.yaml": "{{- if .Values.x }}\napiVersion: v1\nkind: {{ .Kind }}\nspec: {x: {{ .y }}}\n{{- end }}\n",
    "values.yaml": "status: active\nname: x\nconnection: y\nconfig: {branch: main}\n",
    "broken.yaml": "a: [1\nb: : :\n---\n\tc\n",
    "cloudformation.yaml": "Resources:\n  X: !Ref Y\n  Z: !Sub '${A}'\n",
    "latin.yaml": b"name: caf\xe9\n",
    "utf16.yaml": "name: x\n".encode("utf-16"),
    "nul.yaml": b"a: \0\n",
    "list.yml": "- hosts: all\n  tasks: []\n",
    "scalar.yaml": "hello\n",
    "openapi.yaml": "openapi: 3.1.0\ninfo: {title: x}\npaths: {}\ncomponents: {schemas: {X: {kind: string}}}\n",
    "data.json": "{",
    "kustomization.yaml": "resources: [a.yaml]\n",
    "collection.yaml": "kind: Collection\nname: x\n",
    "dates.yaml": "when: 2026-01-01\nok: yes\nno: 010\n? [a]\n: b\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_files_of_other_tools_are_passed_over_and_counted(name: str, repository: Path) -> None:
    write(name, OTHERS[name])
    write(f"deep/{name}", OTHERS[name])
    found = load()
    assert [one.address.name for one in found.resources] == ["a"]
    assert found.files == ["connectors/a.yaml"]
    assert found.skipped == ([] if name.endswith(".json") else sorted([name, f"deep/{name}"]))
    assert found.digest == load(["connectors"]).digest
    assert names("**/*.y*ml") == ["a"]


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "data.json"])
def test_a_file_that_is_named_must_be_ours(name: str, repository: Path) -> None:
    write(name, OTHERS[name])
    assert all(one.file == name for one in faults(name))
    assert len(faults(name, ".")) >= 1


def test_all_of_them_in_one_line(repository: Path) -> None:
    for name, content in OTHERS.items():
        write(name, content)
    count = len(OTHERS) - 1
    done = inside("validate")
    assert (done.returncode, done.stdout) == (0, "Valid: 1 resource and 0 connections in 1 file. Nothing was sent.\n")
    assert done.stderr == f"Skipped {count} files without trueup documents; -v lists them.\n"
    listed = inside("validate", "-v")
    assert listed.stderr.splitlines()[0] == f"Skipped {count} files without trueup documents:"
    assert "  mkdocs.yml" in listed.stderr.splitlines()
    assert len(parsed(inside("validate", "-o", "json"))["skipped"]) == count
    assert inside("validate", "-f", "connectors").stderr == ""


def test_a_file_may_hold_documents_of_both(repository: Path) -> None:
    write("both.yaml", f"{OTHERS['k8s.yaml']!s}---\n{account('b')}---\n# nothing\n---\nservices: !x {{}}\n")
    found = load()
    assert [one.address.name for one in found.resources] == ["b", "a"]
    assert found.skipped == []


ACCOUNT = account("b")
NEAR = {
    "another version": (ACCOUNT.replace("dev/v1", "dev/v2"), "E106", 'did you mean "den.trueup.dev/v1"?'),
    "a letter": (ACCOUNT.replace("trueup", "truup"), "E106", 'did you mean "den.trueup.dev/v1"?'),
    "a capital": (ACCOUNT.replace("den.", "Den."), "E106", 'did you mean "den.trueup.dev/v1"?'),
    "another domain": (ACCOUNT.replace("trueup.dev", "trueup.io"), "E106", 'did you mean "den.trueup.dev/v1"?'),
    "a kind": (ACCOUNT.replace("Account", "Acount"), "E107", 'did you mean "ConnectorAccount"?'),
    "no apiVersion": (ACCOUNT.partition("\n")[2], "E102", "Add apiVersion: den.trueup.dev/v1."),
    "no apiVersion, a kind": (ACCOUNT.replace("Account", "Acount").partition("\n")[2], "E102", "Add apiVersion"),
    "apiVersion misspelt": (ACCOUNT.replace("apiVersion", "apiVerison"), "E102", "Add apiVersion"),
    "misspelt twice": (ACCOUNT.replace("apiVersion: den.trueup", "apiVerison: den.truup"), "E102", "Add apiVersion"),
    "our fields alone": ("metadata: {name: b}\nspec: {connectorAccount: a}\n", "E102", "those of a ConnectorInstance"),
    "without spec": ("metadata: {name: b}\nconnectorAccount: a\n", "E102", "those of a ConnectorInstance"),
    "a core version": (ACCOUNT.replace("den.trueup.dev/v1", "v1"), "E106", "Known are den.trueup.dev/v1"),
    "another system": (ACCOUNT.replace("den.", "foo."), "E106", "den.trueup.dev/v1"),
    "an unknown kind": (ACCOUNT.replace("ConnectorAccount", "Widget"), "E107", "Known are"),
    "a list of ours": (
        "apiVersion: v1\nkind: List\nitems:\n- " + ACCOUNT.replace("\n", "\n  "), "E106", "a document of its own"
    ),
    "ours in a list": ("- " + ACCOUNT.replace("\n", "\n  "), "E108", "Begin each document with"),
}  # fmt: skip


@pytest.mark.parametrize("case", NEAR)
@pytest.mark.parametrize("path", [".", "*", "b.yaml"])
def test_a_near_miss_is_an_error_with_a_suggestion(case: str, path: str, repository: Path) -> None:
    text, code, hint = NEAR[case]
    write("b.yaml", f"{OTHERS['kustomization.yaml']!s}---\n{text}" if path != "b.yaml" else text)
    found = faults(path)
    assert {one.file for one in found} == {"b.yaml"}
    assert code in [one.code for one in found]
    assert hint in " ".join(one.hint for one in found)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{{ if x }}\n# den.trueup.dev/v1\n", "E112"),
        (f"{account('b')}\n  - : [\n", "E110"),
        ("apiVersion: den.truup.dev/v1\nkind: [\n", "E110"),
        (account("b").encode() + b"# \xff\n", "E124"),
        (account("b").encode("utf-16"), "E124"),
        (account("b").encode("utf-16-le"), "E124"),
        (account("b").encode() + b"\0", "E124"),
    ],
)
def test_a_file_of_ours_that_cannot_be_read_is_an_error(content: str | bytes, code: str, repository: Path) -> None:
    write("b.yaml", content)
    assert [(one.file, one.code) for one in faults()] == [("b.yaml", code)]
    write(".gitignore", "b.yaml\n")
    if "truup" not in str(content):
        assert [(one.file, one.code) for one in faults()] == [("b.yaml", code)]


def test_a_large_file_is_ours_when_it_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 300)
    write("big.yaml", "# x\n" * 500)
    assert load().skipped == ["big.yaml"]
    write("big.yaml", "# x\n" * 500 + account("b"))
    assert [(one.file, one.code) for one in faults()] == [("big.yaml", "E123")]


@pytest.mark.parametrize("folder", ["node_modules/p", "env", ".hidden", "tools/venv/lib", "a/.cache/b"])
def test_what_was_installed_or_is_hidden_is_not_entered(folder: str, repository: Path) -> None:
    write("env/pyvenv.cfg", "")
    write("tools/venv/pyvenv.cfg", "")
    write(f"{folder}/x.yaml", account("x"))
    write(f"{folder}/y.yaml", "a: [")
    assert load().skipped == []
    assert names() == ["a"]
    assert names("*") == ["a"]
    assert names("**/*.yaml") == ["a"]
    assert names(f"{folder}/x.yaml") == ["x"]
    assert names(folder) == ["x"]
    assert names(f"{folder}/x*.yaml") == ["x"]


def ignored(path: str, folder: Path) -> bool:
    """Return whether Git itself ignores the path."""
    done = subprocess.run(["git", "check-ignore", "-q", "--no-index", path], cwd=folder, check=False)
    return done.returncode == 0


def test_what_git_ignores_is_looked_at_for_what_is_plainly_ours_alone(repository: Path) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    write(".gitignore", "/gen/\n*.tmp.yaml\n!kept.tmp.yaml\nbuild/\n")
    write("sub/.gitignore", "*.yaml\n!fine.yaml\n/deep/\n")
    write(".git/info/exclude", "mine.yaml\n")
    near = "kind: ConnectorAccount\n"
    paths = ["gen/x.yaml", "x.tmp.yaml", "kept.tmp.yaml", "sub/x.yaml", "sub/fine.yaml", "sub/deep/fine.yaml"]
    paths += ["a/build/x.yaml", "mine.yaml", "a/mine.yaml", "gen/kept.tmp.yaml", "build.yaml", "a/gen/x.yaml"]
    for path in paths:
        write(path, near)
    expected = sorted(path for path in paths if not ignored(path, repository))
    assert sorted(one.file for one in faults()) == expected
    assert expected == ["a/gen/x.yaml", "build.yaml", "kept.tmp.yaml", "sub/fine.yaml"]
    assert sorted(one.file for one in faults("**/*.yaml")) == expected
    for number, path in enumerate(paths):
        write(path, account(f"b{number}"))
    assert sorted(names()) == sorted(["a", *(f"b{number}" for number in range(len(paths)))])


def test_rules_of_the_person_and_of_another_repository_inside(repository: Path) -> None:
    write("nobody/.gitconfig", "[user]\n\tname = x\n[core]\n\texcludesFile = ~/rules\n")
    write("nobody/rules", "mine.yaml\n")
    write(".gitignore", "other.yaml\nnobody/\n")
    write("module/.git", "gitdir: ../.git/modules/module\n")
    for path in ("mine.yaml", "other.yaml", "module/other.yaml", "module/mine.yaml"):
        write(path, "kind: ConnectorAccount\n")
    assert [one.file for one in faults()] == ["module/other.yaml"]


def test_a_folder_that_is_named_is_read_although_it_is_ignored(repository: Path) -> None:
    write(".gitignore", "gen/\n")
    write("gen/x.yaml", "kind: ConnectorAccount\n")
    assert names() == ["a"]
    assert [one.file for one in faults("gen")] == ["gen/x.yaml"]


def test_lines_that_are_no_rules_are_passed_over(repository: Path) -> None:
    write(".gitignore", b"!\n[\n\xff\xfe\ngen/\n***\n")
    write("gen/x.yaml", "kind: ConnectorAccount\n")
    assert names() == ["a"]


def test_links_out_of_the_folder_and_in_circles(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write(str(outside / "x.yaml"), "a: [\n")
    (repository / "far").symlink_to(outside)
    (repository / "far.yaml").symlink_to(outside / "x.yaml")
    (repository / "loop").symlink_to(".")
    (repository / "self.yaml").symlink_to("self.yaml")
    os.unlink("self.yaml")
    assert names() == ["a"]
    write(str(outside / "deep/y.yaml"), account("y"))
    assert [(one.file, one.code) for one in faults()] == [("far", "E125")]
    write(".gitignore", "far\n")
    assert [(one.file, one.code) for one in faults()] == [("far", "E125")]


def test_what_is_behind_a_link_is_looked_at_within_bounds(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    for number in range(5):
        write(str(outside / f"{number}.yaml"), "a: 1\n")
    (repository / "far").symlink_to(outside)
    assert names() == ["a"]
    monkeypatch.setattr(walk, "_BEHIND_LINK", 4)
    assert [(one.file, one.code) for one in faults()] == [("far", "E125")]


@pytest.mark.parametrize("path", [".", "*.yml"])
def test_a_folder_of_others_alone_is_an_error(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("docker-compose.yml", OTHERS["docker-compose.yml"])
    write("mkdocs.yml", OTHERS["mkdocs.yml"])
    (found,) = faults(path)
    assert (found.code, found.file) == ("E120", path)
    assert "2 YAML files, and none with a trueup document" in found.message
    assert inside("plan").returncode == 1
    manifest, broken = load_connections((), ConnectionId("den", "default"))
    assert (manifest.connections, broken) == ({}, 0)


def test_another_tools_change_leaves_a_saved_plan_as_it_is(repository: Path) -> None:
    write("docker-compose.yml", "a: 1\n")
    before: Manifest = load()
    write("docker-compose.yml", "a: 2\n")
    write("mkdocs.yml", "a: 2\n")
    assert load().digest == before.digest
    write("docker-compose.yml", account("b"))
    assert load().digest != before.digest


def test_what_is_ours_in_json_is_read_as_a_file_that_is_named(repository: Path) -> None:
    document = {"apiVersion": "den.trueup.dev/v1", "kind": "ConnectorAccount", "metadata": {"name": "j"}}
    write("j.json", json.dumps({**document, "spec": {"remoteId": "j", "displayName": "j"}}))
    assert names() == ["a"]
    assert names("j.json") == ["j"]


def test_what_is_ours_counts_however_often_it_is_reached(repository: Path) -> None:
    write("docker-compose.yml", "services: {}\n")
    (repository / "link").symlink_to("connectors")
    orders = (["connectors", "."], [".", "connectors"], ["connectors/a.yaml", "**/*"], ["link", "connectors", "."])
    digests = {load(paths).digest for paths in orders}
    assert len(digests) == 1
    assert [names(*paths) for paths in orders] == [["a"]] * len(orders)
    assert [one.file for one in faults("connectors", "docker*")] == ["docker*"]


@pytest.mark.parametrize(
    "text", ["a: 1\n", "# https://trueup.dev/\na: 1\n", "kind: ConfigMap\ndata:\n  x: |\n    den.trueup.dev/v1\n"]
)
@pytest.mark.parametrize("rule", ["", "x.yaml\n"])
def test_a_folder_where_nothing_is_declared_is_an_error(rule: str, text: str, repository: Path) -> None:
    write("other/x.yaml", text)
    write(".gitignore", rule)
    assert [(one.file, one.code) for one in faults("other")] == [("other", "E120")]
    assert load().skipped == ([] if rule else ["other/x.yaml"])


def test_rules_with_folders_that_are_taken_back(repository: Path) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    rules = ["*\n!*/\n!*.yml\n", "gen/**\n!gen/kept.yaml\n", "[!x].yaml\n", "\ufeffx.yaml\r\n", "a\u2028b.yaml\n"]
    paths = [
        "x.yaml",
        "y.yaml",
        "\u00e9.yaml",
        "sub/x.yaml",
        "sub/z.yml",
        "gen/kept.yaml",
        "gen/x.yaml",
        "a\u2028b.yaml",
    ]
    for path in paths:
        write(path, "kind: ConnectorAccount\n")
    for rule in rules:
        write(".gitignore", rule)
        expected = sorted(path for path in paths if not ignored(path, repository))
        assert sorted(one.file for one in faults()) == [
            ascii(path)[1:-1].replace("\\xe9", "\u00e9") for path in expected
        ]


def test_the_settings_of_git_name_rules_as_well(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    subprocess.run(["git", "init", "-q"], check=True)
    write(
        "nobody/.gitconfig",
        '[core]\n\texcludesFile = ~/first ; no\n\texcludesFile = "~/rules"\n[x]\nexcludesfile = y\n',
    )
    write("nobody/first", "one.yaml\n")
    write("nobody/rules", "two.yaml\n")
    for path in ("one.yaml", "two.yaml", "three.yaml"):
        write(path, "kind: ConnectorAccount\n")
    assert [one.file for one in faults()] == ["one.yaml", "three.yaml"]
    subprocess.run(["git", "config", "core.excludesFile", str(repository / "own")], check=True)
    write("own", "three.yaml\n")
    assert [one.file for one in faults()] == ["one.yaml", "two.yaml"]


def test_other_checkouts_of_the_repository_are_not_entered(repository: Path) -> None:
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["add", "connectors"], ["commit", "-qm", "x"], ["worktree", "add", "-q", "trees/b"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    assert names() == names("**/*.yaml") == ["a"]
    assert names("trees/b") == ["a"]
    os.chdir("trees/b")
    assert names() == ["a"]


def test_a_name_that_is_no_text(repository: Path) -> None:
    folder = os.fsencode(repository) + b"/caf\xe9"
    os.mkdir(folder)
    with open(folder + b"/\xff.yaml", "w") as file:
        file.write("kind: ConnectorAccount\n")
    with open(folder + b"/\xfe.yaml", "w") as file:
        file.write("a: 1\n")
    (found,) = faults()
    assert found.file == "caf\\udce9/\\udcff.yaml"
    assert inside("validate").returncode == 1
    write(".gitignore", b"\xff.yaml\n")
    assert load().skipped == ["caf\\udce9/\\udcfe.yaml"]
    assert inside("validate", "-v").returncode == 0


def test_a_link_to_everything_is_looked_at_within_bounds(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "root").symlink_to("/")
    monkeypatch.setattr(walk, "_BEHIND_LINK", 100)
    assert [(one.file, one.code) for one in faults()] == [("root", "E125")]
