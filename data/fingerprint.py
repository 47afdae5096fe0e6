"""Fingerprints: what decides whether something that was computed before is still right.

A study's tables depend on its files and on the code that reads them; the database depends on its studies and on
the code that enriches them. Both are hashed here, without importing the code.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("core", "data", "models")
DIGITS = 16
CONTENTS_TABLES = frozenset({"data/sources/__init__.py"})
"""Modules that name every study; following them would make each study depend on all the others."""

_DOTTED = re.compile(r"^(?:core|data|models)(?:\.\w+)+$")


def digest(parts: Iterable[str]) -> str:
    """Hash of texts in order, as 16 hexadecimal digits."""
    found = hashlib.sha256()
    for part in parts:
        found.update(hashlib.sha256(part.encode()).digest())
    return found.hexdigest()[:DIGITS]


def file_of(module: str, root: Path = ROOT) -> Path | None:
    """The file of one of our own modules, or None where `module` is not ours or is no module."""
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def sources_of(*modules: str, root: Path = ROOT) -> list[Path]:
    """Files that the code of `modules` reaches through imports, inside this project, sorted.

    Imports inside functions count, and so do the module names that a contents table holds as text. A name that
    `from package import name` takes counts as a module where it is one.
    """
    todo, seen = list(modules), set[Path]()
    while todo:
        path = file_of(todo.pop(), root)
        if path is None or path in seen or str(path.relative_to(root)) in CONTENTS_TABLES:
            continue
        seen.add(path)
        todo.extend(_names(ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(seen)


def code(*modules: str, root: Path = ROOT) -> str:
    """Hash of the code that `modules` reach: see `sources_of`."""
    paths = sources_of(*modules, root=root)
    return digest(f"{path.relative_to(root)}\n{path.read_text(encoding='utf-8')}" for path in paths)


def _names(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in ROOMS)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.match(node.value):
            yield node.value
