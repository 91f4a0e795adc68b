"""Options and servers of all tests."""

from __future__ import annotations

import pytest

from servers_postgres import PostgresServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites the expected files of tests/golden; look at the diff before it is committed."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is rendered now")


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of the session; each test makes databases of its own in it."""
    server = PostgresServer()
    yield server
    server.stop()
