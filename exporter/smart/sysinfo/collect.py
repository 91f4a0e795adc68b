"""Takes the records of one report as they are read: the small ones into its Report, the bulk in batches to a sink."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.machine import Emit
from smart.sysinfo.records import RecordReader
from smart.sysinfo.report import Alarm, Catalog, OperUp, Protection, Records, Report, Volume, VolumeError

Sink = Callable[[Records, list[tuple[Any, ...]]], None]

BATCH_ROWS = 5000  # at most, in one call of the sink
MOST_SMALL = 100_000  # records of the kinds that are not handed on in batches
_BATCH_BYTES = 2 << 20  # of the file, after which records are handed on, however few: their texts may be long
_TEXT, _CATALOG, _TYPE, _SOURCE = -1, 2, 3, 4  # fields of a search as read, before its digest is added


def digests(columns: Sequence[Sequence[Any]]) -> list[int]:
    """Search.digest of the searches in these columns: CRC-32 of the NUL-joined text, catalog, type, source in UTF-8."""
    parts = zip(columns[_TEXT], columns[_CATALOG], columns[_TYPE], columns[_SOURCE], strict=True)
    return list(map(zlib.crc32, map(str.encode, map("\0".join, parts))))


class Collector:
    """What has been read of one report."""

    def __init__(self, sink: Sink) -> None:
        self.report = Report()
        self._sink = sink
        self._rows: dict[Records, list[tuple[Any, ...]]] = {kind: [] for kind in Records}
        self._unsent = 0  # bytes of the file since the last time that all rows were handed on
        self._volume_errors: list[VolumeError] = []
        self._operup: list[OperUp] = []
        self._catalogs: list[Catalog] = []
        self._volumes: list[Volume] = []
        self._warnings: list[Alarm] = []
        self._small = 0
        self.emits: dict[str, Emit] = {
            "report": self._report,
            "protection": self._protection,
            "components": self._few(self._component),
            "warnings": self._few(lambda values: self._warnings.append(Alarm(*values))),
            "catalogs": self._few(lambda values: self._catalogs.append(Catalog(*values))),
            "volumes": self._few(self._volume),
            "volume_errors": self._few(lambda values: self._volume_errors.append(VolumeError(*values))),
            "operup": self._few(lambda values: self._operup.append(OperUp(*values))),
        }

    def _few(self, emit: Emit) -> Emit:
        """The same for records that stay in memory until the report ends: there must not be too many."""

        def counted(values: tuple[Any, ...]) -> None:
            self._small += 1
            if self._small > MOST_SMALL:
                raise ReportRejected(
                    RejectReason.WRONG_LAYOUT,
                    f"томов БД, их ошибок, файлов OperUp, компонентов и предупреждений вместе больше {MOST_SMALL}: "
                    "в отчётах установок столько не бывает",
                )
            emit(values)

        return counted

    def _report(self, values: tuple[Any, ...]) -> None:
        names = (
            "version",
            "created",
            "product",
            "os",
            "started",
            "address",
            "regnum",
            "owner",
            "seats",
            "valid_until",
            "supported",
            "maintenance",
            "need_support",
            "spp_ok",
            "seats_used",
        )
        for name, value in zip(names, values, strict=True):
            setattr(self.report, name, value)

    def _protection(self, values: tuple[Any, ...]) -> None:
        if self.report.protection is not None:
            raise ReportRejected(RejectReason.WRONG_LAYOUT, "сведения о ключе защиты указаны дважды")
        self.report.protection = Protection(*values)

    def _component(self, values: tuple[Any, ...]) -> None:
        name, version = values
        self.report.components[name] = version

    def _volume(self, values: tuple[Any, ...]) -> None:
        number, name, file, update, licence_valid_until = values
        errors, operup = self._volume_errors, self._operup
        self._volumes.append(Volume(number, name, file, update, licence_valid_until, errors, operup))
        self._volume_errors, self._operup = [], []

    def take(self, readers: Mapping[str, RecordReader], line_of: Callable[[int], int], size: int) -> None:
        """Take what the readers gathered in a piece of `size` bytes. Raises ReportRejected for a wrong value."""
        for kind, rows in self._rows.items():
            reader = readers.get(kind)
            if reader is None or not reader.raws:
                continue
            columns = reader.take(line_of)
            if columns and kind is Records.SEARCHES:
                columns.insert(2, digests(columns))
            rows += zip(*columns, strict=True)
        self._unsent += size
        self._flush(1 if self._unsent >= _BATCH_BYTES else BATCH_ROWS)

    def _flush(self, least: int) -> None:
        """Hand on what has gathered of each kind that has at least so many rows."""
        if least == 1:
            self._unsent = 0
        for kind, rows in self._rows.items():
            while len(rows) >= least:
                batch = rows[:BATCH_ROWS]
                del rows[:BATCH_ROWS]
                self.report.counts[kind] = self.report.counts.get(kind, 0) + len(batch)
                self._sink(kind, batch)

    def finish(self, sections: set[str]) -> Report:
        """The report, when its last element has been read. `sections`: the kinds that it reports, perhaps empty."""
        self._flush(1)
        report = self.report
        report.warnings = self._warnings if "warnings" in sections else None
        report.catalogs = self._catalogs if "catalogs" in sections else None
        report.volumes = self._volumes if "volumes" in sections else None
        report.has_users = Records.USERS in sections
        report.has_sessions = Records.SESSIONS in sections
        report.has_rejections = Records.REJECTIONS in sections
        report.has_searches = Records.SEARCHES in sections
        report.has_kassist = Records.KASSIST in sections
        for kind in Records:
            report.counts.setdefault(kind, 0)
        return report
