"""Files as they are handed in: kind by content, zips with tricks, and the quick look before an upload is answered."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sysinfo_reading import FULL, MOSCOW, REFERENCE, REPORTS, read, searches

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.parse import parse_report
from smart.sysinfo.unpack import FileKind, Limits, open_report, quick_check, sniff

CP1251 = (REPORTS / "full-windows-1251.xml").read_bytes()
LARGE = searches(*[f"запрос номер {number}" for number in range(4000)])
REPEATING = searches(*["одно и то же"] * 60_000)
STATUS = b'date: Thu, 16 Apr 2026 10:08:51 GMT\n# Sysinfo metrics\nkserver_main_page{service="kodweb",path="/docs"} 0\n'


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def streamed(data: bytes) -> bytes:
    """A zip written to a pipe: the sizes stand after the data."""

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("r.xml", "w") as member:
        member.write(data)
    return pipe.getvalue()


def zip64(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("r.xml", "w", force_zip64=True) as member:
        member.write(data)
    return buffer.getvalue()


def directory_at(packed: bytes) -> int:
    return packed.rindex(b"PK\x01\x02")


def patched(packed: bytes, offset: int, form: str, value: int) -> bytes:
    """The zip with another number in its directory entry."""
    changed = bytearray(packed)
    struct.pack_into(form, changed, directory_at(packed) + offset, value)
    return bytes(changed)


def flipped(packed: bytes, place: int) -> bytes:
    return packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]


def take(path, limits=Limits()):  # noqa: B008 - frozen
    with open_report(path, limits) as stream:
        return parse_report(stream, REFERENCE, MOSCOW, lambda *_: None)


@pytest.fixture
def save(tmp_path):
    def write(data: bytes):
        path = tmp_path / "file"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param(FULL[:64], FileKind.XML, id="report"),
        pytest.param(CP1251[:64], FileKind.XML, id="windows-1251"),
        pytest.param(b"\xef\xbb\xbf" + FULL[:64], FileKind.XML, id="byte order mark"),
        pytest.param("\ufeff<?xml".encode("utf-16-le"), FileKind.XML, id="UTF-16 LE"),
        pytest.param("\ufeff<?xml".encode("utf-16-be"), FileKind.XML, id="UTF-16 BE"),
        pytest.param(b"\r\n  <sysinfo ", FileKind.XML, id="blanks before"),
        pytest.param(b"<!-- saved --><sysinfo", FileKind.XML, id="comment first"),
        pytest.param(b"<!DOCTYPE sysinfo>", FileKind.XML, id="DOCTYPE, refused later with its reason"),
        pytest.param("<Отчёт>".encode(), FileKind.XML, id="Russian root"),
        pytest.param(zipped(("r.xml", FULL))[:64], FileKind.ZIP, id="zip"),
        pytest.param(zipped(), FileKind.ZIP, id="empty zip"),
        pytest.param(STATUS, FileKind.STATUS, id="status with a date"),
        pytest.param(b"DATE: Thu, 16 Apr 2026 10:08:51 GMT\r\n", FileKind.STATUS, id="date in capitals"),
        pytest.param(b"# HELP x y\n", FileKind.STATUS, id="comment of Prometheus"),
        pytest.param(b'kserver_main_page{path="/docs"} 0', FileKind.STATUS, id="metric with labels"),
        pytest.param(b"up 1\n", FileKind.STATUS, id="metric without labels"),
        pytest.param(b"", FileKind.UNKNOWN, id="nothing"),
        pytest.param(b"<!DOCTYPE HTML><html>", FileKind.UNKNOWN, id="web page"),
        pytest.param(b"<HTML><HEAD>", FileKind.UNKNOWN, id="old web page"),
        pytest.param(b"\x1f\x8b\x08", FileKind.UNKNOWN, id="gzip"),
        pytest.param(b"MZ\x90\0", FileKind.UNKNOWN, id="program"),
        pytest.param(b"\0" * 64, FileKind.UNKNOWN, id="zeros"),
        pytest.param("просто текст".encode(), FileKind.UNKNOWN, id="Russian text"),
        pytest.param(b"just words here", FileKind.UNKNOWN, id="words"),
    ],
)
def test_kind_is_told_by_content(head, kind):
    assert sniff(head) is kind


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(FULL, id="XML"),
        pytest.param(zipped(("sysinfo.xml", FULL)), id="zip"),
        pytest.param(zipped(("отчёт.xml", FULL)), id="Russian name"),
        pytest.param(zipped(("no extension", FULL)), id="no extension"),
        pytest.param(zipped(("r.xml", FULL), method=zipfile.ZIP_STORED), id="stored"),
        pytest.param(zipped(("r.xml", FULL), comment="сделано в PK".encode()), id="comment"),
        pytest.param(streamed(FULL), id="written to a pipe"),
        pytest.param(zip64(FULL), id="zip64"),
        pytest.param(zipped(("r.xml", CP1251)), id="windows-1251 in a zip"),
    ],
)
def test_report_is_read_from_xml_and_from_zip(save, data):
    path = save(data)
    quick_check(path, sniff(data[:64]), Limits())
    assert take(path) == read(FULL)[0]


PACKED = zipped(("r.xml", LARGE))
STORED = zipped(("r.xml", FULL), method=zipfile.ZIP_STORED)
OTHER_NAME = PACKED.replace(b"r.xml", b"q.xml", 1)

BAD_ZIPS = [
    pytest.param(zipped(("../x.xml", FULL)), "с путём", id="../x"),
    pytest.param(zipped(("a/x.xml", FULL)), "с путём", id="folder"),
    pytest.param(zipped(("/x.xml", FULL)), "с путём", id="absolute"),
    pytest.param(zipped(("..\\x.xml", FULL)), "с путём", id="backslash"),
    pytest.param(zipped(("C:x.xml", FULL)), "с путём", id="drive"),
    pytest.param(zipped(("..", FULL)), "с путём", id="dots"),
    pytest.param(PACKED.replace(b"r.xml", b"r\0xml"), "с путём", id="null byte"),
    pytest.param(zipped(("folder/", b"")), "с путём", id="folder only"),
    pytest.param(zipped(("a.xml", FULL), ("b.xml", FULL)), "записей: 2", id="two members"),
    pytest.param(zipped(("folder/", b""), ("folder/a.xml", FULL)), "записей: 2", id="folder and member"),
    pytest.param(zipped(), "записей: 0", id="no member"),
    pytest.param(patched(PACKED, 8, "<H", 1), "паролем", id="encrypted"),
    pytest.param(zipped(("r.xml", FULL), method=zipfile.ZIP_LZMA), "не поддерживается", id="lzma"),
    pytest.param(patched(PACKED, 10, "<H", 9), "не поддерживается", id="deflate64"),
    pytest.param(zipped(("r.zip", PACKED)), "внутри архива", id="zip in zip"),
    pytest.param(zipped(("r.gz", b"\x1f\x8b\x08" + FULL)), "внутри архива", id="gzip in zip"),
    pytest.param(PACKED[: len(PACKED) // 2], "не до конца", id="half a zip"),
    pytest.param(PACKED[:-3], "не до конца", id="last bytes missing"),
    pytest.param(PACKED + b"tail", "лишние данные", id="data after the end"),
    pytest.param(PACKED + PACKED, "строение", id="two zips in one file"),
    pytest.param(PACKED[: directory_at(PACKED)] + b"x" * 500 + PACKED[directory_at(PACKED) :], "строение",
                 id="data between"),
    pytest.param(patched(PACKED, 20, "<L", 100), "строение", id="packed size that lies"),
    pytest.param(patched(PACKED, 42, "<L", 5), "", id="member that is elsewhere"),
    *[
        pytest.param(flipped(PACKED, place), "", id=f"bit {place - len(PACKED)}")
        for place in range(len(PACKED) - 12, len(PACKED) - 2)
    ],
    pytest.param(OTHER_NAME, "испорчен", id="two names"),
    pytest.param(b"PK\x03\x04" + b"\0" * 200, "не до конца", id="beginning only"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "says"), BAD_ZIPS)
def test_strange_zip_is_refused_before_and_after_the_upload(save, data, says):
    path = save(data)
    for check in (lambda: quick_check(path, FileKind.ZIP, Limits()), lambda: take(path)):
        with pytest.raises(ReportRejected) as caught:
            check()
        assert caught.value.reason is RejectReason.BAD_ZIP
        assert says in caught.value.text


def directory_of(members: int, *, with_zip64: bool) -> bytes:
    """A zip whose end tells of one member and whose directory has so many."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    entry = struct.pack("<4s4B4H3L5H2L", b"PK\x01\x02", 20, 0, 20, *[0] * 15)
    size, offset = len(entry) * members, len(local)
    large = b""
    if with_zip64:
        large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, offset)
        large += struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
        size = offset = 0xFFFFFFFF
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, offset, 0)
    return local + entry * members + large + end


@pytest.mark.parametrize("with_zip64", [False, True], ids=["zip", "zip64"])
def test_a_directory_of_a_million_members_is_not_even_read(save, with_zip64):
    path = save(directory_of(1_000_000, with_zip64=with_zip64))
    tracemalloc.start()
    for check in (lambda: quick_check(path, FileKind.ZIP, Limits()), lambda: take(path)):
        with pytest.raises(ReportRejected) as caught:
            check()
        assert caught.value.reason is RejectReason.BAD_ZIP
        assert "оглавление архива занимает байт: 46000000" in caught.value.text
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(patched(PACKED, 16, "<L", 1), id="checksum"),
        pytest.param(patched(PACKED, 24, "<L", len(LARGE) - 50), id="unpacked size that is less"),
        pytest.param(patched(PACKED, 24, "<L", len(LARGE) + 50), id="unpacked size that is more"),
        pytest.param(PACKED[:20_000] + b"\xff" * 64 + PACKED[20_064:], id="data"),
        pytest.param(STORED.replace(b"Chrome 130", b"Chrome 131"), id="one byte of a stored member"),
    ],
)
def test_damaged_zip_is_refused_while_it_is_read(save, data):
    with pytest.raises(ReportRejected) as caught:
        take(save(data))
    assert caught.value.reason in (RejectReason.BAD_ZIP, RejectReason.BROKEN_XML)


def test_zip_bomb_is_refused_by_its_ratio(save):
    data = zipped(("r.xml", b'<sysinfo created="2026-11-20">' + b" " * (64 << 20) + b"</sysinfo>"))
    assert len(data) < 100_000
    path = save(data)
    quick_check(path, FileKind.ZIP, Limits())
    with pytest.raises(ReportRejected) as caught:
        take(path)
    assert caught.value.reason is RejectReason.BOMB


def test_zip_that_tells_a_size_beyond_the_limit_is_refused_at_once(save):
    for data in (PACKED, patched(PACKED, 24, "<L", 0xF0000000)):
        path = save(data)
        for check in (quick_check, lambda path, _kind, limits: take(path, limits)):
            with pytest.raises(ReportRejected) as caught:
                check(path, FileKind.ZIP, Limits(unpacked_bytes=100_000))
            assert caught.value.reason is RejectReason.BOMB


def test_zip_that_tells_a_small_size_unpacks_no_further(save):
    data = patched(zipped(("r.xml", REPEATING)), 24, "<L", 1000)
    with pytest.raises(ReportRejected) as caught:
        take(save(data))
    assert caught.value.reason in (RejectReason.BAD_ZIP, RejectReason.BROKEN_XML)


def test_regular_report_is_no_bomb(save):
    data = zipped(("r.xml", LARGE))
    assert len(LARGE) < len(data) * 200
    assert take(save(data), Limits(ratio=200)) == read(LARGE)[0]


def test_xml_beyond_the_limit_is_refused(save):
    path = save(LARGE)
    for check in (quick_check, lambda path, _kind, limits: take(path, limits)):
        with pytest.raises(ReportRejected) as caught:
            check(path, FileKind.XML, Limits(unpacked_bytes=len(LARGE) - 1))
        assert caught.value.reason is RejectReason.BOMB


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        pytest.param(b"", RejectReason.EMPTY, "пуст", id="empty"),
        pytest.param(b"<html>login</html>", RejectReason.NOT_A_REPORT, "веб-страница", id="web page"),
        pytest.param(b"\x1f\x8b\x08\0" * 9, RejectReason.NOT_A_REPORT, "zip с одним файлом", id="gzip"),
        pytest.param(b"\0" * 9000, RejectReason.NOT_A_REPORT, "нулей", id="zeros"),
        pytest.param(bytes(range(256)) * 9, RejectReason.NOT_A_REPORT, "ни XML, ни zip", id="rubbish"),
    ],
)
def test_what_is_no_report_is_told(save, data, reason, says):
    path = save(data)
    for check in (lambda: quick_check(path, sniff(data[:64]), Limits()), lambda: take(path)):
        with pytest.raises(ReportRejected) as caught:
            check()
        assert caught.value.reason is reason
        assert says in caught.value.text


def test_status_text_is_no_report_but_may_be_uploaded(save):
    path = save(STATUS)
    quick_check(path, FileKind.STATUS, Limits())
    with pytest.raises(ReportRejected, match="это не отчёт"):
        take(path)


@pytest.mark.parametrize("pack", [lambda data: data, lambda data: zipped(("r.xml", data))], ids=["XML", "zip"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(LARGE.replace(b"<sysinfo", b"<!DOCTYPE sysinfo []><sysinfo", 1), RejectReason.DTD, id="DOCTYPE"),
        pytest.param(LARGE.replace(b"UTF-8", b"EBCDIC", 1), RejectReason.BAD_ENCODING, id="encoding"),
        pytest.param(b'<?xml version="1.0"?>' + b" " * 70_000 + b"<sysinfo/>", RejectReason.WRONG_LAYOUT,
                     id="no root soon"),
        pytest.param(LARGE.replace(b"<sysinfo", b"<!-- -- --><sysinfo", 1), RejectReason.BROKEN_XML, id="broken"),
    ],
)  # fmt: skip
def test_quick_look_refuses_a_bad_beginning(save, pack, data, reason):
    packed = pack(data)
    kind = FileKind.ZIP if packed.startswith(b"PK") else FileKind.XML
    with pytest.raises(ReportRejected) as caught:
        quick_check(save(packed), kind, Limits())
    assert caught.value.reason is reason


@pytest.mark.parametrize("part", range(1, 20))
@pytest.mark.parametrize("data", [FULL, LARGE], ids=["small", "large"])
def test_quick_look_refuses_a_truncated_report(save, data, part):
    with pytest.raises(ReportRejected) as caught:
        quick_check(save(data[: len(data) * part // 20]), FileKind.XML, Limits())
    assert caught.value.reason is RejectReason.BROKEN_XML
    assert "оборван" in caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LARGE, id="large"),
        pytest.param(LARGE + b"\r\n<!-- end -->\n", id="comment after"),
        pytest.param(LARGE.replace(b"</sysinfo>", b"</sysinfo \n>"), id="blank in the tag"),
        pytest.param(LARGE.decode().replace("UTF-8", "UTF-16").encode("utf-16"), id="UTF-16"),
        pytest.param(LARGE.decode().replace("UTF-8", "windows-1251").encode("cp1251"), id="windows-1251"),
        pytest.param(b"\xef\xbb\xbf" + LARGE, id="byte order mark"),
        pytest.param(LARGE.replace(b"sysinfo", "Отчёт".encode()), id="Russian root"),
    ],
)
def test_quick_look_lets_good_reports_pass(save, data):
    quick_check(save(data), sniff(data[:64]), Limits())


@given(st.binary(max_size=300), st.sampled_from(list(FileKind)))
@settings(max_examples=200, deadline=None)
def test_quick_look_at_arbitrary_bytes_refuses_or_passes(tmp_path_factory, data, kind):
    path = tmp_path_factory.getbasetemp() / "arbitrary"
    path.write_bytes(b"PK\x03\x04" + data if kind is FileKind.ZIP else data)
    try:
        quick_check(path, kind, Limits())
    except ReportRejected:
        return
    assert kind in (FileKind.STATUS, FileKind.XML)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_zip_with_arbitrary_damage_is_read_right_or_refused(tmp_path_factory, data):
    packed = bytearray(STORED)
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(packed)
    try:
        report = take(path)
    except ReportRejected:
        return
    assert report == read(FULL)[0]
