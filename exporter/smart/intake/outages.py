"""Tells an outage of the store or the disk, which passes, from a defect, which a file would meet each time."""

from __future__ import annotations

import errno

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# Classes of SQLSTATE: connection, rollback (deadlock), resources, lock, operator's intervention, system error.
POSTGRESQL_CLASSES = ("08", "40", "53", "55", "57", "58")
SQLITE_LASTING = ("SQLITE_ERROR", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS)


def is_outage(error: BaseException) -> bool:
    """May the same file be taken later, without a change to it or to SMART?"""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, OperationalError):
        return _is_operational_outage(error.orig)
    if type(error).__module__.split(".")[0] in ("psycopg", "sqlite3") and type(error).__name__ == "OperationalError":
        return _is_operational_outage(error)
    return isinstance(error, OSError) and error.errno in DISK_ERRORS


def _is_operational_outage(cause: BaseException | None) -> bool:
    state = getattr(cause, "sqlstate", None)
    if state:
        return str(state)[:2] in POSTGRESQL_CLASSES
    return getattr(cause, "sqlite_errorname", "") not in SQLITE_LASTING
