"""The plan of the house, held by a walk over every module's imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("pages", "core", "data", "models")
MAY_IMPORT = {
    "pages": {"pages", "core", "data", "models"},
    "core": {"core", "data", "models"},
    "data": {"data"},
    "models": {"models"},
}
HEAVY = {"torch", "shap", "umap", "lifelines", "sklearn", "pandas", "numba", "igraph", "rdata", "kaleido", "captum"}


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if not top_level_only else runs_at_import(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def runs_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the module is imported: not function bodies, not `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from runs_at_import(child)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_look_down_only(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports(path)} & set(ROOMS)
    assert ours <= MAY_IMPORT[room], f"{name_of(path)} imports {ours - MAY_IMPORT[room]}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_streamlit_lives_in_pages(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] != "pages":
        assert not any(name.split(".")[0] == "streamlit" for name in imports(path))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_libraries_are_imported_inside_functions(path: Path) -> None:
    heavy = {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
    assert not heavy, f"{name_of(path)} imports {heavy} at module level"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_nothing_unpickles(path: Path) -> None:
    names = set(imports(path))
    assert not names & {"pickle", "joblib", "dill", "cloudpickle", "shelve"}
    text = path.read_text(encoding="utf-8")
    assert "torch.load(" not in text
    assert "allow_pickle=True" not in text


def test_no_script_directly_in_pages() -> None:
    """A script there could be opened without app.py having run."""
    assert [path.name for path in (ROOT / "pages").glob("*.py")] in ([], ["__init__.py"])


def test_no_catch_all_modules_and_no_long_files() -> None:
    for path in modules():
        assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}, name_of(path)
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit = 750 if path.name == "schema.py" else 360  # the schema is one declarative table
        assert lines <= limit, f"{name_of(path)} has {lines} lines: split it by noun"


@pytest.mark.parametrize("path", sorted((ROOT / "pages").rglob("*.py")), ids=name_of)
def test_pages_ask_and_show_only(path: Path) -> None:
    """No SQL, no Plotly call and no number crunching in a page."""
    if not path.exists() or path.parent.name == "shared":
        return
    names = {name.split(".")[0] for name in imports(path)}
    assert not names & {"duckdb", "plotly", "numpy", "scipy", "sklearn", "lifelines", "torch", "pandas"}, name_of(path)
    assert "SELECT " not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_library_code_does_not_assert_or_swallow(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Assert), f"{name_of(path)}:{node.lineno} asserts"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{name_of(path)}:{node.lineno} has a bare except"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_at_most_three_positional_parameters(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
            plain = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in {"self", "cls"}]
            assert len(plain) <= 3, (
                f"{name_of(path)}:{node.lineno} {node.name} takes {len(plain)} positional parameters"
            )


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_module_and_public_function_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not tree.body:
        return
    assert ast.get_docstring(tree), f"{name_of(path)} has no docstring"
    if path.relative_to(ROOT).parts[0] == "pages":
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name_of(path)}:{node.lineno} {node.name} has no docstring"


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine, no workshop words, no study file in the repository."""
    banned = ("/wo" + "rk/", "/ro" + "ot/", ".lib" + "rary", "shared/" + "mirror", "pypi" + ".org")
    for path in (*modules(), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "Makefile"):
        text = path.read_text(encoding="utf-8")
        for word in banned:
            assert word not in text, f"{name_of(path)} contains {word}"
