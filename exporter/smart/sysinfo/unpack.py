"""From a file as received to the XML in it: kind by content, zip without extraction, bombs and tricks refused."""

from __future__ import annotations

import errno
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, BinaryIO, cast

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.xml_errors import EMPTY_FILE
from smart.sysinfo.xml_head import check_head, check_tail

HEAD_BYTES = 1 << 16
TAIL_BYTES = 1 << 12

_SAVE_AGAIN = "Сохраните отчёт на установке ещё раз и повторите отправку"
_DAMAGED = f"архив zip испорчен или передан не до конца. {_SAVE_AGAIN}"
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_STATUS = re.compile(rb"(?i:date:)|#|[A-Za-z_:][A-Za-z0-9_:]*(?:\{|[ \t]+[-+0-9.NI])")
_XML = re.compile(rb"<(?:\?xml|!--|[A-Za-z_:\x80-\xff])")
_HTML = re.compile(rb"(?i)<(?:!doctype\s+html|html|head|body|title)\b")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_LONGEST_DESCRIPTOR = 24  # bytes between the member's data and the directory: sizes once more
_LONGEST_DIRECTORY = 46 + 3 * 0xFFFF  # bytes of one member with the longest name, extra fields and comment
_RATIO_FREE_BYTES = 1 << 20  # small files may be as regular as they like
_ENCRYPTED = 0x1 | 0x40  # flag bits of a zip member


class FileKind(StrEnum):
    """What a file handed in is, by its first bytes."""

    ZIP = "zip"
    XML = "xml"
    STATUS = "status"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a report may unpack."""

    unpacked_bytes: int = 512 << 20
    ratio: int = 200  # unpacked to packed, once more than 1 MiB has been unpacked


def sniff(head: bytes) -> FileKind:
    """What the file that begins with `head` (64 bytes or more, or all of it) is; its name says nothing certain."""
    if head.startswith(_ZIP_MARKS):
        return FileKind.ZIP
    plain = _plain(head)
    if _HTML.match(plain):
        return FileKind.UNKNOWN
    if _XML.match(plain) or plain.startswith(b"<!"):
        return FileKind.XML
    return FileKind.STATUS if _STATUS.match(plain) else FileKind.UNKNOWN


def _plain(head: bytes) -> bytes:
    """The beginning without byte order mark, blanks and the second bytes of UTF-16."""
    for bom in _BOMS:
        if head.startswith(bom):
            head = head[len(bom) :]
            return (head if bom == _BOMS[0] else head.replace(b"\0", b"")).lstrip()
    return head.lstrip()


def quick_check(path: Path, kind: FileKind, limits: Limits) -> None:
    """Is the file worth keeping? The cheap checks made before an upload is answered; parsing finds the rest.

    XML: the beginning up to the root element and the closing root tag at the end. Zip: its directory and the same
    beginning unpacked. Status text: nothing more than `sniff` saw. Raises ReportRejected.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if kind is FileKind.ZIP:
            with _open_member(file, size, limits) as member:
                check_head(member.read(HEAD_BYTES), is_whole=False)
            return
        head = file.read(HEAD_BYTES)
        _refuse_unknown(head, kind)
        if kind is FileKind.XML:
            _refuse_large(size, limits)
            root = check_head(head, is_whole=size <= HEAD_BYTES)
            if size > HEAD_BYTES:
                file.seek(-TAIL_BYTES, io.SEEK_END)
                check_tail(file.read(), root, size)


@contextmanager
def open_report(path: Path, limits: Limits) -> Iterator[BinaryIO]:
    """The XML of a report, as a stream: the file itself or the one member of a zip. Raises ReportRejected.

    What is wrong with a zip may come to light only while it is read (a wrong checksum, a bomb): then `read` raises.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        kind = sniff(head)
        if kind is FileKind.ZIP:
            with _open_member(file, size, limits) as member:
                yield cast(BinaryIO, member)
            return
        _refuse_unknown(head, kind if kind is FileKind.XML else FileKind.UNKNOWN)
        _refuse_large(size, limits)
        yield file


def _refuse_large(size: int, limits: Limits) -> None:
    if size > limits.unpacked_bytes:
        raise ReportRejected(RejectReason.BOMB, f"отчёт больше {limits.unpacked_bytes >> 20} МиБ: таких не принимаем")


def _refuse_unknown(head: bytes, kind: FileKind) -> None:
    """Say what came instead of a report."""
    if not head:
        raise ReportRejected(RejectReason.EMPTY, EMPTY_FILE)
    if kind is not FileKind.UNKNOWN:
        return
    what = "это не отчёт: ни XML, ни zip"
    if _HTML.match(_plain(head)):
        what = "вместо отчёта сохранена веб-страница: проверьте адрес установки, логин и пароль в задании"
    elif head.startswith((b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ")):
        what = "архив не того вида: нужен zip с одним файлом XML или сам XML"
    elif not head.strip(b"\0"):
        what = "файл состоит из нулей: диск был переполнен или запись прервана"
    raise ReportRejected(RejectReason.NOT_A_REPORT, f"{what}. {_SAVE_AGAIN}")


def _bad_zip(text: str) -> ReportRejected:
    return ReportRejected(RejectReason.BAD_ZIP, text)


@contextmanager
def _open_member(file: BinaryIO, size: int, limits: Limits) -> Iterator[_Member]:
    """The one member of a zip whose structure has been checked."""
    with ExitStack() as stack:
        try:
            wary = _Wary(file)
            archive = stack.enter_context(zipfile.ZipFile(cast(IO[bytes], wary)))
            wary.most = size
            info = _only_member(archive)
            _check_structure(file, size, archive, info)
            if info.file_size > limits.unpacked_bytes:
                raise _bomb(limits)
            unpacked = stack.enter_context(archive.open(info))
        except (zipfile.BadZipFile, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            # zipfile also tells of what it cannot do (a password, a method) by the last three.
            raise _bad_zip(_DAMAGED) from error
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise _bad_zip(_DAMAGED) from error  # zipfile sought a place before the beginning of the file
        yield _Member(unpacked, info, limits)


class _Wary:
    """A zip as zipfile reads it, its directory up to `most` bytes: one of a million members would take half a minute
    and a gigabyte before they could be counted.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.most = _LONGEST_DIRECTORY
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """As the file's. Raises ReportRejected."""
        if size > self.most:
            raise _bad_zip(
                f"в архиве должен быть ровно один файл XML, а оглавление архива занимает байт: {size}. {_SAVE_AGAIN}"
            )
        return self._file.read(size)


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The member, if it is the only one and nothing about it is strange."""
    members = archive.infolist()
    if len(members) != 1:
        raise _bad_zip(f"в архиве должен быть ровно один файл XML, а в нём записей: {len(members)}. {_SAVE_AGAIN}")
    info = members[0]
    name = info.orig_filename
    if name in ("", ".", "..") or re.search(r"[/\\:\0]", name):
        raise _bad_zip(
            "файл в архиве записан с путём или недопустимым именем: в архиве должен лежать один файл XML без папок. "
            "Отправляйте архив таким, каким его отдала установка"
        )
    if info.flag_bits & _ENCRYPTED:
        raise _bad_zip("архив закрыт паролем: отправьте отчёт без пароля")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _bad_zip("способ сжатия не поддерживается: нужен обычный zip (deflate)")
    return info


def _check_structure(file: BinaryIO, size: int, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Is the file nothing but member, directory, end? Data before, between or after hides something or is rubbish."""
    end = size - len(archive.comment) - 22
    file.seek(max(end, 0))
    ending = file.read(12)
    if not ending.startswith(b"PK\x05\x06"):
        raise _bad_zip(f"после конца архива есть лишние данные. {_SAVE_AGAIN}")
    counts = set(struct.unpack_from("<2H", ending, 8))  # of this disk, of all disks; the entries read are one
    file.seek(0)
    fields = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    flags, name_length, extra_length = fields[2], fields[9], fields[10]
    gap = archive.start_dir - (_LOCAL_HEADER.size + name_length + extra_length + info.compress_size)
    is_whole = info.header_offset == 0 and 0 <= gap <= _LONGEST_DESCRIPTOR and counts <= {1, 0xFFFF}  # zip64: 65535
    if not is_whole or (flags ^ info.flag_bits) & _ENCRYPTED:
        raise _bad_zip(f"строение архива нарушено: оглавление не соответствует содержимому. {_SAVE_AGAIN}")


def _bomb(limits: Limits) -> ReportRejected:
    return ReportRejected(
        RejectReason.BOMB,
        f"архив распаковывается больше чем в {limits.unpacked_bytes >> 20} МиБ или сжат больше чем в {limits.ratio} "
        "раз: это не отчёт установки, файл не принят",
    )


class _Member(io.RawIOBase):
    """The member of a zip being unpacked, with an eye on how much comes out."""

    def __init__(self, unpacked: IO[bytes], info: zipfile.ZipInfo, limits: Limits) -> None:
        self._unpacked = unpacked
        self._told = info.file_size
        # The packed size is true: the structure has been checked against the size of the file.
        self._most = min(limits.unpacked_bytes, max(info.compress_size * limits.ratio, _RATIO_FREE_BYTES))
        self._limits = limits
        self._count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` unpacked bytes; less than that only at the end. Raises ReportRejected."""
        wanted = size if 0 <= size <= self._most else self._most + 1
        try:
            data = self._unpacked.read(wanted)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise _bad_zip(f"архив испорчен: содержимое не сходится с контрольной суммой. {_SAVE_AGAIN}") from error
        if not self._count and data:
            self._refuse_nested(data)
        self._count += len(data)
        if not data and wanted and self._count != self._told:
            raise _bad_zip(f"архив испорчен: содержимое короче, чем записано в оглавлении. {_SAVE_AGAIN}")
        if self._count > self._most:
            raise _bomb(self._limits)
        return data

    @staticmethod
    def _refuse_nested(data: bytes) -> None:
        kind = sniff(data[:HEAD_BYTES])
        if kind is FileKind.ZIP or data.startswith(b"\x1f\x8b"):
            raise _bad_zip("архив лежит внутри архива: отправьте внутренний архив")
        _refuse_unknown(data, kind if kind is FileKind.XML else FileKind.UNKNOWN)
