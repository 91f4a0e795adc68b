"""A report's bytes -> Report and its records, streaming: expat, a profile, batches. No clock, network or store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.collect import Collector, Sink
from smart.sysinfo.layout import Profile, choose_profile
from smart.sysinfo.machine import Machine
from smart.sysinfo.report import Report
from smart.sysinfo.xml_errors import (
    ANY_BYTE,
    BOM,
    EMPTY_FILE,
    HonestyCheck,
    bad_encoding,
    check_encoding,
    dtd,
    rejection_of,
)

_PIECE_BYTES = 1 << 17  # read and parsed at a time; from 32 KiB to 1 MiB measured the same
_LONGEST_TOKEN = 1 << 20  # bytes: expat reads an unfinished tag anew with each piece, so its length has an end
_BEHIND = 8  # bytes of the piece before that a wrong sequence of bytes may begin in


class _Reading:
    """One file going through expat."""

    def __init__(self, stream: BinaryIO, profiles: Sequence[Profile], zone: tzinfo, collector: Collector) -> None:
        self._stream = stream
        self._profiles = profiles
        self._zone = zone
        self._collector = collector
        self._machine: Machine | None = None
        self._declared = "UTF-8"
        self._honesty: HonestyCheck | None = None
        self._piece = stream.read(_PIECE_BYTES)
        self._before = b""  # the piece before
        self._start = 0  # byte of the file where the piece begins
        self._line = 1  # and its line
        if not self._piece:
            raise ReportRejected(RejectReason.EMPTY, EMPTY_FILE)
        self._has_bom = self._piece.startswith(BOM)
        # A byte order mark is surer than the declaration, which editors leave as it was when they save as UTF-8.
        self._parser = expat.ParserCreate("UTF-8" if self._has_bom else None)
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._refuse_dtd
        self._parser.EntityDeclHandler = self._refuse_dtd
        self._parser.ExternalEntityRefHandler = self._refuse_dtd
        self._parser.StartElementHandler = self._root

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        name = check_encoding(encoding, self._parser.CurrentLineNumber)
        if not self._has_bom:
            self._declared = encoding or self._declared
            self._honesty = HonestyCheck() if name in ANY_BYTE else None

    def _refuse_dtd(self, *_: object) -> NoReturn:
        raise dtd(self._parser.CurrentLineNumber)

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        profile = choose_profile(self._profiles, name.rpartition(":")[2], self._parser.CurrentLineNumber)
        self._machine = Machine(self._parser, profile, self._zone, self._collector.emits)
        self._machine.run(attributes)

    def read(self) -> set[str]:
        """Read the file to its end; the kinds it reports. Raises ReportRejected."""
        position = stuck = 0
        while self._piece:
            self._parse()
            stuck += len(self._piece)
            # -1 after a piece that an expat with deferred parsing (2.6, security updates of older ones) only put by
            if self._parser.CurrentByteIndex > position:
                position, stuck = self._parser.CurrentByteIndex, 0
            elif stuck > _LONGEST_TOKEN:
                raise ReportRejected(
                    RejectReason.BROKEN_XML,
                    "тег, значение атрибута или комментарий длиннее 1 МиБ: похоже, потеряна закрывающая кавычка "
                    "или скобка. Сохраните отчёт ещё раз и повторите отправку",
                    self._parser.CurrentLineNumber,
                )
            self._hand_on()
            self._start += len(self._piece)
            self._line += self._piece.count(b"\n")
            self._before, self._piece = self._piece, self._stream.read(_PIECE_BYTES)
        self._parse()
        self._hand_on()  # what an expat with deferred parsing kept to itself until the end
        if self._machine is None:
            raise AssertionError("expat accepts no document without an element")
        return self._machine.sections

    def _hand_on(self) -> None:
        """What the machine gathered goes to the collector."""
        if self._machine is not None:
            self._collector.take(self._machine.readers, self._line_of, len(self._piece))
            self._machine.trim_texts()

    def _line_of(self, index: int) -> int:
        """The line of a byte of this piece or the one before; of an older one (a long text) that piece's first line."""
        line = self._line - self._before.count(b"\n")
        offset = max(index - (self._start - len(self._before)), 0)
        return line + (self._before + self._piece).count(b"\n", 0, offset)

    def _parse(self) -> None:
        """One piece through expat, an empty one being the end; its errors as rejections with a line."""
        parser, piece = self._parser, self._piece
        try:
            parser.Parse(piece, not piece)
        except expat.ExpatError as error:
            seen = self._before[-_BEHIND:] + piece
            index = parser.ErrorByteIndex - self._start + len(seen) - len(piece)
            raise rejection_of(error, seen[index] if 0 <= index < len(seen) else -1, self._declared) from None
        except (UnicodeDecodeError, LookupError):
            raise bad_encoding(self._declared, parser.CurrentLineNumber) from None
        except ReportRejected as rejected:
            rejected.line = rejected.line or parser.CurrentLineNumber
            raise
        if self._honesty is not None:
            going_on, line = self._honesty.look(piece)
            if line:
                raise bad_encoding(self._declared, line)
            if not going_on:
                self._honesty = None


def parse_report(stream: BinaryIO, profile: Profile | Sequence[Profile], zone: tzinfo, sink: Sink) -> Report:
    """What the report in `stream` says; its bulk records go to `sink` in batches of at most 5,000 rows of one kind.

    Source: XML as unpack.open_report gives it. Of several profiles the one for the report's root element is used.
    Shape: rows are plain tuples in the column order of the NamedTuples in report.py (`Search._make(row)` names them).
    `zone` is the client's; values.to_unix says what happens to times in hours that come twice or never.
    A text longer than 2^20 characters is cut there and ends with a note of its whole length; a longer attribute is
    refused. Raises ReportRejected, with a line; batches handed on before belong to a report that is refused, so the
    sink must be ready to undo them. What the sink raises passes through.
    """
    profiles = (profile,) if isinstance(profile, Profile) else tuple(profile)
    collector = Collector(sink)
    return collector.finish(_Reading(stream, profiles, zone, collector).read())
