"""Data flows one way: every package imports only what stands to its left in the picture of docs/architecture.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "exporter" / "smart"
ANYWHERE = {"errors", "own_metrics", "yamlfile"}

# first part of a module's path below smart -> the parts it may import besides itself and ANYWHERE
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "own_metrics": set(),
    "yamlfile": set(),
    "inventory": set(),
    "sysinfo": set(),
    "checks": {"inventory", "sysinfo"},
    "store": {"checks", "inventory", "sysinfo"},
    "intake": {"inventory", "sysinfo", "checks", "store"},
    "exposition": {"inventory", "checks", "store"},
    "render": {"inventory", "checks"},
    "web": {"inventory", "sysinfo", "checks", "store", "intake", "exposition", "render"},
    "simulate": {"inventory", "render", "sysinfo"},
    "parsefile": {"inventory", "sysinfo", "store", "intake", "exposition"},
    "serve": {"inventory", "sysinfo", "checks", "store", "intake", "exposition", "render", "web"},
    "options": {"render", "store"},
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)


def imported_parts(path: Path, package: Path = PACKAGE) -> set[str]:
    """First parts below `smart` that a module imports, also inside functions and under TYPE_CHECKING."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module or ""]
            if node.module == "smart":
                names = [f"smart.{alias.name}" for alias in node.names]
        else:
            continue
        parts |= {name.split(".")[1] for name in names if name.startswith("smart.") and "__" not in name}
    return parts


def violations(package: Path = PACKAGE) -> list[str]:
    """Imports that go against the flow, as `module imports part`."""
    found = []
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package)
        part = module.parts[0].removesuffix(".py")
        if part in ("__init__", "__main__"):
            continue
        forbidden = imported_parts(path) - {part} - ANYWHERE - MAY_IMPORT.get(part, set())
        found += [f"{module} imports {name}" for name in sorted(forbidden)]
    return found


def test_imports_follow_the_flow_of_data() -> None:
    assert violations() == []


def test_every_part_of_the_package_has_a_place_in_the_flow() -> None:
    parts = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    parts = {part for part in parts if not part.startswith("__")} - {"profiles", "signatures.yml"}
    assert sorted(parts - MAY_IMPORT.keys()) == []


def test_an_import_against_the_flow_is_found(tmp_path: Path) -> None:
    (tmp_path / "sysinfo").mkdir()
    (tmp_path / "sysinfo" / "parse.py").write_text("def f():\n    from smart.store import store\n", "utf-8")
    assert violations(tmp_path) == ["sysinfo/parse.py imports store"]


@pytest.mark.parametrize("limit", [300])
def test_modules_stay_short(limit: int) -> None:
    """A module over the limit knows too much; tables of data are exempt by living in YAML or being named here."""
    tables = {"checks/registry.py", "store/tables.py"}
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > limit
        and str(path.relative_to(PACKAGE)) not in tables
        and "migrations" not in path.parts
    }
    assert long == {}
