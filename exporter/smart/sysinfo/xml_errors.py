"""What a broken file usually means, in words that tell a technician what to do; and the encodings a report may have."""

from __future__ import annotations

import codecs
from xml.parsers import expat

from smart.errors import RejectReason, ReportRejected

BOM = b"\xef\xbb\xbf"

EMPTY_FILE = "файл пуст: установка не отдала отчёт, или он не сохранился. Сохраните его ещё раз и повторите отправку"

_CUT = "Файл оборван: отчёт сохранён или передан не до конца. Сохраните отчёт ещё раз и повторите отправку"
_BROKEN = "Файл испорчен: сохраните отчёт на установке ещё раз и повторите отправку"
_HAND = "Похоже, файл правили вручную или он испорчен при передаче: сохраните отчёт ещё раз"
_BAD_BYTES = (
    "байты не соответствуют кодировке, которую объявляет файл ({declared}). Скорее всего, файл пересохранили "
    "в другой программе: отправьте отчёт так, как его отдала установка"
)

# Code of expat -> what happened, what it usually means.
_MEANINGS: dict[int, tuple[str, str]] = {
    expat.errors.codes[text]: meaning
    for text, meaning in {
        expat.errors.XML_ERROR_NO_ELEMENTS: ("документ не закончен", _CUT),
        expat.errors.XML_ERROR_UNCLOSED_TOKEN: ("тег или комментарий не закончен", _CUT),
        expat.errors.XML_ERROR_PARTIAL_CHAR: ("последний знак не закончен", _CUT),
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION: ("раздел CDATA не закончен", _CUT),
        expat.errors.XML_ERROR_INVALID_TOKEN: ("недопустимый знак", _BROKEN),
        expat.errors.XML_ERROR_SYNTAX: ("нарушен синтаксис XML", _BROKEN),
        expat.errors.XML_ERROR_TAG_MISMATCH: ("закрывающий тег не соответствует открывающему", _HAND),
        expat.errors.XML_ERROR_DUPLICATE_ATTRIBUTE: ("атрибут указан дважды в одном элементе", _HAND),
        expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: (
            "после конца отчёта есть ещё текст",
            "Похоже, два отчёта записаны в один файл: отправьте один",
        ),
        expat.errors.XML_ERROR_UNDEFINED_ENTITY: ("неизвестная сущность (знак &)", _HAND),
        expat.errors.XML_ERROR_BAD_CHAR_REF: ("ссылка на недопустимый знак", _HAND),
        expat.errors.XML_ERROR_MISPLACED_XML_PI: (
            "объявление <?xml …?> стоит не в начале файла",
            "Похоже, перед отчётом есть лишние строки или два отчёта записаны в один файл",
        ),
        expat.errors.XML_ERROR_XML_DECL: ("объявление <?xml …?> записано неверно", _HAND),
    }.items()
}
_ENCODING_CODES = frozenset(
    expat.errors.codes[text]
    for text in (expat.errors.XML_ERROR_UNKNOWN_ENCODING, expat.errors.XML_ERROR_INCORRECT_ENCODING)
)
_INVALID_TOKEN = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]
ANY_BYTE = frozenset({"cp1251", "iso8859-1", "cp866", "koi8-r"})  # encodings in which any byte stands for something
_READABLE = ANY_BYTE | {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii"}


def check_encoding(encoding: str | None, line: int) -> str:
    """The encoding that the XML declaration names; raises ReportRejected for one that is not read."""
    try:
        name = codecs.lookup(encoding or "utf-8").name
    except LookupError:
        name = ""
    if name not in _READABLE:
        raise ReportRejected(
            RejectReason.BAD_ENCODING,
            f"кодировка «{(encoding or '')[:40]}» не поддерживается: отчёт должен быть в UTF-8 или windows-1251",
            line,
        )
    return name


def rejection_of(error: expat.ExpatError, bad_byte: int, declared: str) -> ReportRejected:
    """The rejection for an error of expat; `bad_byte` is the byte it stopped at, -1 when not known."""
    line, column = error.lineno, error.offset + 1
    if error.code in _ENCODING_CODES or (error.code == _INVALID_TOKEN and bad_byte >= 0x80):
        text = _BAD_BYTES.format(declared=declared)
        return ReportRejected(RejectReason.BAD_ENCODING, text, line)
    what, meaning = _MEANINGS.get(error.code, (f"ошибка XML: {expat.ErrorString(error.code)}", _BROKEN))
    return ReportRejected(RejectReason.BROKEN_XML, f"это не XML: {what} (позиция {column}). {meaning}", line)


def dtd(line: int) -> ReportRejected:
    """The rejection of a document with a DOCTYPE, which is the only place where entities are declared."""
    return ReportRejected(
        RejectReason.DTD,
        "в файле есть DOCTYPE или объявление сущностей: в отчётах sysinfo их не бывает, такие файлы не принимаются "
        "(возможно, вместо отчёта сохранена веб-страница)",
        line,
    )


def bad_encoding(declared: str, line: int) -> ReportRejected:
    """The rejection when the bytes are not what the declaration says."""
    text = _BAD_BYTES.format(declared=declared)
    return ReportRejected(RejectReason.BAD_ENCODING, text, line)


class HonestyCheck:
    """Is a file that calls itself windows-1251 or the like really UTF-8? There any byte is a letter: expat cannot tell.

    Looked at from the first Cyrillic letters on until it is decided: Russian words in windows-1251 are never valid
    UTF-8, while eight letters in a row that are valid UTF-8 are no accident.
    """

    _ENOUGH = 8  # letters of more than one byte

    def __init__(self) -> None:
        self._letters = 0
        self._rest = b""
        self._line = 1

    def look(self, data: bytes) -> tuple[bool, int]:
        """(go on looking?, line of the lie or 0)."""
        data = self._rest + data
        if data.isascii():
            self._rest = b""
            self._line += data.count(b"\n")
            return True, 0
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(data)
        except UnicodeDecodeError:
            return False, 0
        self._rest = decoder.getstate()[0]
        before = self._letters
        self._letters += sum(1 for sign in text if sign > "\x7f") if before < self._ENOUGH else 0
        if self._letters < self._ENOUGH:
            self._line += text.count("\n")
            return True, 0
        first = next(index for index, sign in enumerate(text) if sign > "\x7f")
        return False, self._line + text.count("\n", 0, first)
