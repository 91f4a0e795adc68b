"""A good inventory to spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from inventory_cases import DATA


@pytest.fixture
def inventory(tmp_path, monkeypatch):
    """`inventory/` in the current directory: dealers.yml, north.yml, other.yml and files of secrets."""
    monkeypatch.chdir(tmp_path)
    directory = Path("inventory")
    (directory / "secrets").mkdir(parents=True)
    for name, mode, content in (("good", 0o600, "s3same\n"), ("open", 0o644, "x\n"), ("empty", 0o600, "")):
        path = directory / "secrets" / name
        path.write_text(content)
        path.chmod(mode)
    for name in ("dealers", "north", "other"):
        shutil.copy(DATA / f"good-{name}.yml", directory / f"{name}.yml")
    return directory


@pytest.fixture
def edit(inventory):
    """Replaces text in a file of the inventory."""

    def replace(file: str, old: str, new: str) -> None:
        path = inventory / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    return replace
