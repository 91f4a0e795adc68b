"""A first look at a report's XML: its beginning up to the root element, and the closing tag at its end."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.parsers import expat

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.xml_errors import BOM, EMPTY_FILE, bad_encoding, check_encoding, dtd, rejection_of


class _Found(Exception):
    pass


def check_head(head: bytes, *, is_whole: bool) -> tuple[str, str]:
    """(root element, encoding) of the XML that begins with `head`; if that is all of it, it must be well-formed.

    Raises ReportRejected.
    """
    if not head:
        raise ReportRejected(RejectReason.EMPTY, EMPTY_FILE)
    has_bom = head.startswith(BOM)
    parser = expat.ParserCreate("UTF-8" if has_bom else None)
    found = {"encoding": "UTF-8", "root": ""}
    _set_handlers(parser, found, has_bom=has_bom, is_whole=is_whole)
    try:
        parser.Parse(head, is_whole)
    except _Found:
        pass
    except expat.ExpatError as error:
        index = parser.ErrorByteIndex
        raise rejection_of(error, head[index] if 0 <= index < len(head) else -1, found["encoding"]) from None
    except (UnicodeDecodeError, LookupError):
        raise bad_encoding(found["encoding"], parser.CurrentLineNumber) from None
    if not found["root"]:
        raise ReportRejected(
            RejectReason.WRONG_LAYOUT,
            f"в начале файла ({len(head) >> 10} КиБ) нет корневого элемента отчёта: это не отчёт sysinfo",
            parser.CurrentLineNumber,
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        found["encoding"] = "utf-16-le" if head.startswith(b"\xff") else "utf-16-be"
    return found["root"], found["encoding"]


def _set_handlers(parser: expat.XMLParserType, found: dict[str, str], *, has_bom: bool, is_whole: bool) -> None:
    """Note encoding and root element in `found`, refuse a DOCTYPE, stop at the root unless all is there."""

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        check_encoding(encoding, parser.CurrentLineNumber)
        if encoding and not has_bom:
            found["encoding"] = encoding

    def refuse(*_: object) -> NoReturn:
        raise dtd(parser.CurrentLineNumber)

    def start(name: str, _attributes: dict[str, str]) -> None:
        found["root"] = found["root"] or name
        if not is_whole:
            raise _Found

    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start


def check_tail(tail: bytes, root: tuple[str, str], size: int) -> None:
    """Does the file end with the closing tag of its root (and comments)? Raises ReportRejected."""
    name, encoding = root
    text = tail[len(tail) % 2 :].decode(encoding, "replace") if "16" in encoding else tail.decode(encoding, "replace")
    if not re.search(rf"</{re.escape(name)}\s*>", text):
        raise ReportRejected(
            RejectReason.BROKEN_XML,
            f"файл оборван: в конце нет закрывающего тега </{name[:80]}> (получено байт: {size}). Отчёт сохранён или "
            "передан не до конца: сохраните его ещё раз и повторите отправку",
        )
