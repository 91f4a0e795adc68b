"""What a worker process does with one file: unpack, parse, store, compute, all in one transaction.

It is imported by the worker processes (process.py), so it imports no web server.
"""

from __future__ import annotations

import errno
import hashlib
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from smart.checks import read_facts
from smart.checks.base import Facts
from smart.checks.signatures import Signatures, built_in
from smart.errors import RejectReason, ReportRejected, StoreError
from smart.intake.spool import SpoolFile
from smart.inventory.model import Client
from smart.store import Store
from smart.sysinfo.parse import parse_report
from smart.sysinfo.profile import Profile
from smart.sysinfo.unpack import Limits, open_report

OUTAGES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS)
TOO_MUCH = "для чтения отчёта не хватило памяти, отведённой одному файлу: это не отчёт установки, файл не принят"
DEFECT = "сбой программы SMART при разборе файла; подробности в журнале сервера"


class Verdict(StrEnum):
    """What became of a file. A closed set: it becomes a label value."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # the store had it
    REJECTED = "rejected"  # the file is at fault
    FAILED = "failed"  # SMART is at fault
    UNAVAILABLE = "unavailable"  # the store is, for now: the file stays and is tried again


@dataclass(frozen=True, slots=True)
class Result:
    """What a worker says of a file."""

    outcome: Verdict
    reason: RejectReason | None = None
    text: str = ""  # why it is refused, in Russian; of an outage, what the store said
    seconds: float = 0.0
    size: int = 0  # bytes as handed in
    digest: bytes = b""  # SHA-256 of these
    counts: Mapping[str, int] = field(default_factory=dict)  # new records by kind
    newest: bool = False  # it speaks of a later moment than everything before
    trace: str = ""  # traceback of a defect, for the log
    worn_out: bool = False  # the process ran out of memory, whose pieces stay taken: another one shall go on


@dataclass(frozen=True, slots=True)
class Reading:
    """How reports are read: the same for every file."""

    limits: Limits
    profiles: Sequence[Profile]  # report layouts; the root element chooses
    signatures: Signatures = field(default_factory=built_in)  # what the errors of volumes mean


def process(file: SpoolFile, client: Client, database_url: str, reading: Reading) -> Result:
    """Take one report from the spool into the store; all of it or nothing. Never raises."""
    started = time.monotonic()
    digest, size = b"", 0
    try:
        digest, size = _digest(file)
        store = open_store(database_url)
        verdict, counts, newest = _store(file, client, store, reading, (digest, size))
        result = Result(verdict, counts=counts, newest=newest)
    except ReportRejected as error:
        result = Result(Verdict.REJECTED, error.reason, str(error))
    except MemoryError:  # the limit of this process, see process.py
        result = Result(Verdict.REJECTED, RejectReason.BOMB, TOO_MUCH, worn_out=True)
    except Exception as error:  # the edge of a file: a defect sets one file aside, the next one is taken
        if isinstance(error, StoreError) or (isinstance(error, OSError) and error.errno in OUTAGES):
            forget_store()
            result = Result(Verdict.UNAVAILABLE, text=f"{type(error).__name__}: {error}")
        else:
            result = Result(Verdict.FAILED, RejectReason.FAILED, DEFECT, trace=traceback.format_exc())
    return replace(result, seconds=time.monotonic() - started, size=size, digest=digest)


def _digest(file: SpoolFile) -> tuple[bytes, int]:
    with file.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest(), stream.tell()


def _store(
    file: SpoolFile, client: Client, store: Store, reading: Reading, identity: tuple[bytes, int]
) -> tuple[Verdict, Mapping[str, int], bool]:
    client_id = store.client_id(file.dealer, file.client)
    if client_id is None:
        raise StoreError(f"{file.client} is in the inventory, but not in the store yet")
    digest, size = identity
    transaction = store.report_transaction(
        client_id,
        received=file.received,
        digest=digest,
        size=size,
        way=file.way,
        keep_cards=client.keep_cards,
        keep_query_text=client.keep_query_text,
    )
    with open_report(file.path, reading.limits) as stream, transaction as writer:
        report = parse_report(stream, reading.profiles, client.zone, writer.add)
        effective = min(report.created, file.received)
        usage = writer.usage(effective, client.zone, client.service_login)
        samples = read_facts(Facts(client, report, usage, file.received, reading.signatures.classify))
        month = datetime.fromtimestamp(effective, client.zone).strftime("%Y-%m")
        saved = writer.finish(report, samples, month)
    counts = {str(kind): count for kind, count in saved.new.items()}
    return Verdict.DUPLICATE if saved.duplicate else Verdict.STORED, counts, saved.newest


@lru_cache(maxsize=1)
def open_store(database_url: str) -> Store:
    """The store of this process, opened with the first file."""
    return Store.open(database_url)


def forget_store() -> None:
    """After an outage the next file opens the store anew; the old one closes when nothing holds it any more."""
    open_store.cache_clear()
