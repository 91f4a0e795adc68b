"""The small parts of a report that have tables of their own: volumes, errors, versions; and the number of a change."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from smart.store.database import storable
from smart.store.merges import run
from smart.store.tables import change_counter, client, db_error, operup_file
from smart.sysinfo.report import Report

# An older report that comes late widens the span in which a thing was seen and changes nothing else.
_OPERUP = """
INSERT INTO operup_file (client_id, filename, volume, updated, first_seen, last_seen, present)
VALUES (:client, :filename, :volume, :updated, :moment, :moment, :newest)
ON CONFLICT (client_id, filename) DO UPDATE SET
    first_seen = LEAST(operup_file.first_seen, excluded.first_seen),
    last_seen = GREATEST(operup_file.last_seen, excluded.last_seen),
    volume = CASE WHEN excluded.present THEN excluded.volume ELSE operup_file.volume END,
    updated = CASE WHEN excluded.present THEN excluded.updated ELSE operup_file.updated END,
    present = operup_file.present OR excluded.present
"""
_ERRORS = """
INSERT INTO db_error (client_id, filename, code, message_crc, volume, name, message, first_seen, last_seen, present)
VALUES (:client, :filename, :code, :message_crc, :volume, :name, :message, :moment, :moment, :newest)
ON CONFLICT (client_id, filename, code, message_crc) DO UPDATE SET
    first_seen = LEAST(db_error.first_seen, excluded.first_seen),
    last_seen = GREATEST(db_error.last_seen, excluded.last_seen),
    volume = CASE WHEN excluded.present THEN excluded.volume ELSE db_error.volume END,
    name = CASE WHEN excluded.present THEN excluded.name ELSE db_error.name END,
    present = db_error.present OR excluded.present
"""
_VERSIONS = """
INSERT INTO component_version (client_id, component, version, first_seen, last_seen)
VALUES (:client, :component, :version, :moment, :moment)
ON CONFLICT (client_id, component, version) DO UPDATE SET
    first_seen = LEAST(component_version.first_seen, excluded.first_seen),
    last_seen = GREATEST(component_version.last_seen, excluded.last_seen)
"""


def store_parts(connection: Connection, client_id: int, told: Report, moment: int, newest: bool) -> None:
    """OperUp files, database errors, versions; from the newest report also who the client says it is.

    `moment` is when the report speaks of these things.
    """
    common = {"client": client_id, "moment": moment, "newest": newest}
    if told.volumes is not None:
        for table, statement, rows in ((operup_file, _OPERUP, _operups(told)), (db_error, _ERRORS, _errors(told))):
            if newest:
                gone = sa.update(table).where(table.c.client_id == client_id, table.c.present)
                connection.execute(gone.values(present=False))
            _each(connection, statement, common, rows)
    versions = {"product": told.product, "sysinfo": told.version} | told.components
    rows = [{"component": name, "version": version} for name, version in sorted(versions.items()) if version]
    _each(connection, _VERSIONS, common, rows)
    if newest:
        itself = sa.update(client).where(client.c.id == client_id)
        connection.execute(itself.values(owner=storable(told.owner), regnum=storable(told.regnum)))


def raise_version(connection: Connection, client_id: int) -> int:
    """Marks the client as changed. Must come last: until the commit all other changes wait for the counter's row.

    That wait is what readers rely on: numbers become visible in their order, so whoever has seen one missed none below.
    """
    raised = sa.update(change_counter).values(value=change_counter.c.value + 1).returning(change_counter.c.value)
    version = int(connection.execute(raised).scalar_one())
    connection.execute(sa.update(client).where(client.c.id == client_id).values(version=version))
    return version


def _operups(told: Report) -> list[dict[str, Any]]:
    files: dict[str, dict[str, Any]] = {}
    for volume in told.volumes or ():
        for operup in volume.operup:
            files[operup.file] = {"filename": operup.file, "volume": volume.number, "updated": operup.updated}
    return list(files.values())


def _errors(told: Report) -> list[dict[str, Any]]:
    return [
        {
            "filename": volume.file,
            "code": error.code,
            "message_crc": zlib.crc32(error.message.encode("utf-8", "replace")),
            "volume": volume.number,
            "name": volume.name,
            "message": error.message,
        }
        for volume in told.volumes or ()
        for error in volume.errors
    ]


def _each(connection: Connection, statement: str, common: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        run(connection, statement, {**common, **{name: storable(value) for name, value in row.items()}})
