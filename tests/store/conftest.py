"""A store on either database."""

from __future__ import annotations

import pytest
from store_samples import inventory_of

from smart.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The address of a new, empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/smart.db"
        return
    server = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    yield opened
    opened.close()


@pytest.fixture
def plant(store):
    """The number of a client of a new store, in UTC+7."""
    store.sync_clients(inventory_of("plant7"), 1_000)
    return store.client_id("DEALER", "plant7")
