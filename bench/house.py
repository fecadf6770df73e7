"""The source itself, in counts: who names a system, layers and cycles, dialect words, casts, names defined twice."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import grimp
from tools.words import UNUSED

from bench.figure import Figure

GOAL: Final = 0
ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "provider" / "trueup"
_SYSTEMS: Final = ("den", "wexa")
_OF_A_SYSTEM: Final = ("systems", "sandbox")
_NAMED: Final = re.compile(r"(?<![a-z])(?:den|wexa)(?![a-z])|(?<![A-Za-z])(?:Den|Wexa)(?![a-z])")


def measure() -> list[Figure]:
    """Return a figure for each count, and last how many of them miss their goals."""
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
    trees = {name: ast.parse(text) for name, text in sources.items()}
    ours = {name: text for name, text in sources.items() if not name.startswith("sandbox/")}
    elsewhere = {name: tree for name, tree in trees.items() if name.split("/")[0] not in _OF_A_SYSTEM}
    named = Counter({name: sum(1 for _ in _places(tree)) for name, tree in elsewhere.items()})
    graph = grimp.build_graph("trueup", cache_dir=None)
    edges = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    groups = _components(edges)
    circles = [sorted(group) for group in groups if len(group) > 1]
    top = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    twice = [name for name, count in Counter(_public_classes(trees)).items() if count > 1]
    docs = [text for tree in trees.values() for text in _docstrings(tree)]
    casts = sum(len(re.findall(r"\bcast\(", text)) for text in ours.values())
    words = sum(len(UNUSED.findall(text)) for text in sources.values())
    lines = sum(text.count("\n") for text in ours.values())
    counts = [
        _count("places that name a system", named.total(), 0, _most(named)),
        _count("top-level names", len(top - {"__init__"}), 16),
        _count("import layers", len(_layers()), 10),
        _count("longest import chain", _longest(edges, groups), 14),
        _count("import cycles", len(circles), 0, "; ".join(" ".join(one) for one in circles)),
        _count('docstrings that begin with "What"', sum(text.startswith("What ") for text in docs), 0),
        _count("dialect words", words, 20),
        _count("casts", casts, 10),
        _count("public classes defined twice", len(twice), 0, " ".join(sorted(twice))),
        _count("lines without sandbox", lines, 23_400),
    ]
    missed = [one.bench.partition(": ")[2] for one in counts if not one.met]
    return [*counts, Figure("house", len(missed), 0, GOAL, "counts", "figure", ", ".join(missed))]


def _count(name: str, figure: int, goal: int, detail: str = "") -> Figure:
    return Figure(f"house: {name}", figure, 0, goal, "count", "figure", detail)


def _places(tree: ast.AST) -> Iterator[int]:
    """The lines of code that name a system: imports, names and texts, docstrings aside."""
    prose = {id(node) for node in _docstring_nodes(tree)}
    lines: set[int] = set()
    for node in ast.walk(tree):
        words: list[str] = []
        if isinstance(node, ast.ImportFrom):
            words = [part for part in (node.module or "").split(".") if part in _SYSTEMS]
        elif isinstance(node, ast.Name):
            words = [part for part in node.id.lower().split("_") if part in _SYSTEMS]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            words = _NAMED.findall(node.value)
        if words:
            lines.add(getattr(node, "lineno", 0))
    yield from lines


def _docstring_nodes(tree: ast.AST) -> Iterator[ast.Constant]:
    """The texts that stand alone: docstrings of modules, classes and functions, and those of attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value


def _docstrings(tree: ast.AST) -> Iterator[str]:
    yield from (str(node.value) for node in _docstring_nodes(tree))


def _public_classes(trees: dict[str, ast.Module]) -> Iterator[str]:
    for tree in trees.values():
        yield from (node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")


def _layers() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found: list[str] = next(one["layers"] for one in contracts if one["type"] == "layers")
    return found


def _most(named: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in named.most_common() if count)


def _components(edges: dict[str, set[str]]) -> list[set[str]]:
    """The modules by circle, a module that is in none by itself."""
    reach = {name: _reached(name, edges) for name in edges}
    groups: list[set[str]] = []
    placed: set[str] = set()
    for name in edges:
        if name not in placed:
            group = {name} | {other for other in reach[name] if name in reach[other]}
            groups.append(group)
            placed |= group
    return groups


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for other in edges[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def _longest(edges: dict[str, set[str]], groups: list[set[str]]) -> int:
    """The modules of the longest chain of imports; a circle counts as one."""
    of = {name: number for number, group in enumerate(groups) for name in group}

    @cache
    def depth(number: int) -> int:
        below = {of[other] for name in groups[number] for other in edges[name]} - {number}
        return 1 + max(map(depth, below), default=0)

    return max(map(depth, range(len(groups))))
