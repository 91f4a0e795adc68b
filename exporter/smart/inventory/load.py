"""A directory of YAML files -> Inventory, or every mistake in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from smart.errors import InventoryError
from smart.inventory.build import UTC, BranchDraft, DealerDraft, build_branch, build_dealers
from smart.inventory.crosscheck import check_branches, check_dealers
from smart.inventory.model import Inventory
from smart.yamlfile.fields import read_fields
from smart.yamlfile.problems import Problems, named

DEALERS_FILE = "dealers.yml"


def load_inventory(directory: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Inventory:
    """The inventory of a directory: dealers.yml and one *.yml or *.yaml file a branch, no subdirectories.

    Names that begin with a dot (editors' lock files) are not looked at. Raises InventoryError with all mistakes.
    """
    problems = Problems()
    dealers: list[DealerDraft] = []
    branches: list[BranchDraft] = []
    now = clock()
    for path in _files(directory, problems):
        fields = read_fields(path, problems)
        if fields is None:
            continue
        if path.name == DEALERS_FILE:
            dealers = build_dealers(fields)
        else:
            branches.append(build_branch(fields, now))
    check_dealers(dealers)
    check_branches(dealers, branches)
    if problems.found:
        raise InventoryError(problems.found)
    return Inventory(
        MappingProxyType({draft.dealer.name: draft.dealer for draft in dealers}),
        tuple(draft.branch for draft in branches),
    )


def _files(directory: Path, problems: Problems) -> list[Path]:
    """The YAML files of the directory by name; notes what is missing."""
    where = named(directory)
    try:
        names = sorted(
            path.name
            for path in directory.iterdir()
            if path.suffix.lower() in (".yml", ".yaml") and path.name[0] != "."
        )
    except (OSError, ValueError) as error:
        problems.add(where, 0, "", f"cannot be listed: {getattr(error, 'strerror', None) or 'bad name'}")
        return []
    if DEALERS_FILE not in names:
        message = f"there is no {DEALERS_FILE}, which declares the dealers and the hashes of their upload tokens"
        problems.add(where, 0, "", message)
    if not [name for name in names if name != DEALERS_FILE]:
        problems.add(where, 0, "", f"there is no file of a branch (any *.yml beside {DEALERS_FILE})")
    return [directory / name for name in names]
