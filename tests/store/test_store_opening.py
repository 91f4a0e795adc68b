"""Opening a store: migrations, several processes at once, and errors that show no password."""

from __future__ import annotations

import multiprocessing
import traceback

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from store_samples import NOW, inventory_of, put, search

from servers_postgres import PASSWORD
from servers_processes import free_port
from smart.errors import StoreError
from smart.store import Store
from smart.store.database import make_engine, parse_url
from smart.store.migrate import HEAD, current_revision, migrate
from smart.store.tables import metadata
from smart.sysinfo.report import Records

SPAWN = multiprocessing.get_context("spawn")


def open_in_process(url: str, start, results) -> None:
    start.wait()
    try:
        store = Store.open(url)
        store.sync_clients(inventory_of("plant7", "other"), NOW)
        results.put(store.client_id("DEALER", "plant7"))
        store.close()
    except BaseException as error:
        results.put(f"{error!r}")


def test_the_migrations_make_exactly_the_tables(store):
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_go_down_and_up_again(store_url):
    engine = make_engine(parse_url(store_url))
    migrate(engine)
    migrate(engine, "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    with engine.connect() as connection:
        assert current_revision(connection) == HEAD
    engine.dispose()


def test_bulk_tables_of_sqlite_are_kept_by_their_key(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/a.db")
    with store.reading() as connection:
        made = dict(tuple(row) for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master"))
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()
    for name in ("user_hour", "search_event", "rejection"):
        assert "WITHOUT ROWID" in made[name]


def test_four_processes_open_an_empty_store_at_once(store_url):
    start, results = SPAWN.Event(), SPAWN.Queue()
    processes = [SPAWN.Process(target=open_in_process, args=(store_url, start, results)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert len(set(found)) == 1
    assert isinstance(found[0], int), found


def test_opening_again_changes_nothing(store, store_url, plant):
    put(store, plant)
    again = Store.open(store_url)
    assert again.client_state(plant, NOW) == store.client_state(plant, NOW)
    again.close()


def test_a_store_of_a_newer_version_is_refused(store, store_url):
    engine = make_engine(parse_url(store_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(StoreError, match=r"schema 9999.*newer version"):
        Store.open(store_url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://smart:s3cret@127.0.0.1:{port}/smart",
        "postgresql://smart:s3cret@127.0.0.1:{port}/smart?connect_timeout=2",
        "postgresql://127.0.0.1:{port}/smart?user=smart&password=s3cret",
        "postgresql://smart:s3cret@no-such-host.invalid/smart",
        "mysql://smart:s3cret@127.0.0.1/smart",
        "smart:s3cret",
        "sqlite://",
        "sqlite:////no/such/directory/smart.db",
    ],
)
def test_an_address_that_cannot_be_opened_is_told_without_its_password(url):
    with pytest.raises(StoreError) as caught:
        Store.open(url.format(port=free_port()))
    assert "s3cret" not in "".join(traceback.format_exception(caught.value, chain=True)).replace(url, "")
    assert str(caught.value)


def test_a_wrong_password_is_told_without_it(postgres):
    url, wrong = postgres.new_database(), "wr" + "0" * 9 + "ng"
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        Store.open(url.replace(PASSWORD, wrong))
    assert wrong not in "".join(traceback.format_exception(caught.value))
    postgres.drop_database(url)


def test_a_file_that_is_no_database_is_a_store_error(tmp_path):
    (tmp_path / "a.db").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(f"sqlite:///{tmp_path}/a.db")


def lose_connection(store, plant, disconnect):
    with store.report_transaction(plant, received=1, digest=b"", size=1, way="") as writer:
        writer.add(Records.SEARCHES, [search(NOW)])
        disconnect()
        writer.add(Records.SEARCHES, [search(NOW)])


def test_a_database_that_goes_away_is_a_store_error_and_comes_back(postgres):
    url = postgres.new_database()
    store = Store.open(url)
    store.sync_clients(inventory_of("plant7"), NOW)
    plant = store.client_id("DEALER", "plant7")
    postgres.disconnect(url)
    assert put(store, plant).newest  # a lost connection is found out before it is used
    with pytest.raises(StoreError):
        lose_connection(store, plant, lambda: postgres.disconnect(url))
    assert PASSWORD not in repr(store)
    store.close()
    postgres.drop_database(url)
