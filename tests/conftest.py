"""Options of all tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites the expected files of tests/golden; look at the diff before it is committed."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is rendered now")
