"""A first look at a report's XML: its beginning up to the root element, and the closing tag at its end."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.parsers import expat

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.xml_errors import BOM, check_encoding, dtd, rejection_of


class _Found(Exception):
    pass


def check_head(head: bytes, *, is_whole: bool) -> tuple[str, str]:
    """(root element, encoding) of the XML that begins with `head`; if that is all of it, it must be well-formed.

    Raises ReportRejected.
    """
    if not head:
        raise ReportRejected(RejectReason.EMPTY, "файл пуст: сохраните отчёт на установке и отправьте снова")
    parser = expat.ParserCreate("UTF-8" if head.startswith(BOM) else None)
    declared = "UTF-8"
    root = ""

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        nonlocal declared
        check_encoding(encoding, parser.CurrentLineNumber)
        declared = (encoding or declared) if not head.startswith(BOM) else declared

    def refuse(*_: object) -> NoReturn:
        raise dtd(parser.CurrentLineNumber)

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal root
        root = root or name
        if not is_whole:
            raise _Found

    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    try:
        parser.Parse(head, is_whole)
    except _Found:
        pass
    except expat.ExpatError as error:
        index = parser.ErrorByteIndex
        raise rejection_of(error, head[index] if 0 <= index < len(head) else -1, declared) from None
    except (UnicodeDecodeError, LookupError):
        raise ReportRejected(RejectReason.BAD_ENCODING, f"текст не в кодировке {declared}", 1) from None
    if not root:
        raise ReportRejected(
            RejectReason.WRONG_LAYOUT,
            f"в начале файла ({len(head) >> 10} КиБ) нет корневого элемента отчёта: это не отчёт sysinfo",
            parser.CurrentLineNumber,
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        declared = "utf-16-le" if head.startswith(b"\xff") else "utf-16-be"
    return root, declared


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
