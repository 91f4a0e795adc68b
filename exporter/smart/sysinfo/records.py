"""From the raw texts of one record to the tuple of its values, and what is said when one of them is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from operator import itemgetter
from typing import Any, NoReturn

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.fields import FieldType
from smart.sysinfo.layout import FieldRule, KindRule, Place
from smart.sysinfo.values import BIGGEST, EXPECTED, Converter, column_of

OWN_TEXT = "text()"
_SHOWN = 80  # characters of a wrong value that a complaint repeats


def shorten(value: str) -> str:
    """A value as a complaint shows it: printable, in one line, not longer than _SHOWN characters."""
    plain = "".join(sign if sign.isprintable() else "\ufffd" for sign in value[: _SHOWN + 1])
    return plain if len(plain) <= _SHOWN else plain[: _SHOWN - 1] + "…"


def raw_key(rule: KindRule, field: FieldRule) -> str:
    """The key of a field among the raw values: the attribute's name for what the record's own element carries."""
    place = field.place
    if place is None:
        return f"absent {field.name}"  # a space: no attribute is called so
    if place.path == rule.path and place.attribute is not None:
        return place.attribute
    if place.path == rule.path and place.text:
        return OWN_TEXT
    return str(place)


class RecordReader:
    """One kind of record being read.

    A raw record is a dictionary: the attributes of its element, beside them what its children gave (`inner`) and what
    the elements around it gave (`outer`), both by the places of the profile, and its own text. Kinds of few records
    are converted one by one; bulk kinds gather in `raws` and are converted column by column, where C code does the
    work, after each piece of the file.
    """

    def __init__(self, rule: KindRule, zone: tzinfo) -> None:
        self.kind = rule.kind
        self.raw: dict[str, str] = {}
        self.inner: dict[str, str] = {}
        self.outer: dict[str, str] = {}
        self.line = 0  # where the open element began; 0: not noted
        self.raws: list[dict[str, str]] = []
        self.marks: list[int] = []  # where each of them is: byte of the file, or the negative of a line
        self.is_open = False  # the last of `raws` still waits for its text
        self._fields = [(field, raw_key(rule, field), _converter(field, zone)) for field in rule.fields]
        self._defaults = {key: _empty(field) for field, key, _ in self._fields if not field.required}
        # What the layout never reports stands among the outer values from the beginning.
        self.outer.update({key: _empty(field) for field, key, _ in self._fields if field.place is None})
        self._get: Callable[[dict[str, str]], tuple[str, ...]] = itemgetter(*(key for _, key, _ in self._fields))
        self._columns = [column_of(convert) for _, _, convert in self._fields]

    def build(self, raw: dict[str, str]) -> tuple[Any, ...]:
        """The values of one record in the order of its fields. Raises ReportRejected, without a line."""
        whole = {**self._defaults, **raw}
        try:
            return tuple(convert(whole[key]) for _, key, convert in self._fields)
        except (KeyError, ValueError, OverflowError):
            self._explain(whole)

    def take(self, line_of: Callable[[int], int]) -> list[Sequence[Any]]:
        """The gathered records as one column a field; they are forgotten here.

        Raises ReportRejected; `line_of` tells the line of a byte of the file.
        """
        open_raws, open_marks = (self.raws[-1:], self.marks[-1:]) if self.is_open else ([], [])
        raws = self.raws[: len(self.raws) - len(open_raws)]
        try:
            columns = self._convert(raws) if raws else []
        except (KeyError, ValueError, OverflowError):
            for raw, mark in zip(raws, self.marks, strict=False):
                try:
                    self.build(raw)
                except ReportRejected as rejected:
                    rejected.line = -mark if mark < 0 else line_of(mark)
                    raise
            raise
        self.raws[:], self.marks[:] = open_raws, open_marks
        return columns

    def _convert(self, raws: list[dict[str, str]]) -> list[Sequence[Any]]:
        try:
            columns = zip(*map(self._get, raws), strict=True)
        except KeyError:
            defaults = self._defaults  # dearer, so only when something is missing
            columns = zip(*(self._get({**defaults, **raw}) for raw in raws), strict=True)
        return [convert(column) for convert, column in zip(self._columns, columns, strict=True)]

    def _explain(self, raw: dict[str, str]) -> NoReturn:
        """Say which field is at fault."""
        for field, key, convert in self._fields:
            value = raw.get(key)
            if value is None:
                if field.required and field.place is not None:
                    raise ReportRejected(
                        RejectReason.WRONG_LAYOUT, f"не указано: {describe(field.place)}{_hint(field)}"
                    )
                continue
            try:
                convert(value)
            except (ValueError, OverflowError):
                where = describe(field.place) if field.place else field.name
                raise ReportRejected(
                    RejectReason.BAD_VALUE, f"{where}: «{shorten(value)}», а ожидается {_expected(field)}"
                ) from None
        raise AssertionError("every field is good on its own")  # a defect: the edge of the file logs it


def describe(place: Place) -> str:
    """A place in words: атрибут «requests» элемента <users/user/activity>."""
    element = f"элемента <{'/'.join(place.path)}>" if place.path else "корневого элемента"
    if place.attribute is not None:
        return f"атрибут «{place.attribute}» {element}"
    return f"текст {element}" if place.text else f"наличие {element}"


def _expected(field: FieldRule) -> str:
    if field.type is FieldType.INTEGER:
        return f"целое число от {field.minimum} до {BIGGEST}"
    if field.longest:
        return f"значение не длиннее {field.longest} знаков"
    if field.type is FieldType.BOOLEAN:
        return "одно из слов: " + ", ".join(sorted(field.true | (field.false or frozenset())))
    return EXPECTED[field.type] if field.format is None else f"в виде {field.format}"


def _hint(field: FieldRule) -> str:
    return f" (ожидается {EXPECTED[field.type]})" if field.type is not FieldType.TEXT else ""


def _empty(field: FieldRule) -> str:
    """The raw text that is converted to the default."""
    return field.default or "" if field.type is FieldType.TEXT else ""


def _converter(field: FieldRule, zone: tzinfo) -> Converter:
    convert = field.converter(zone)
    if field.place is not None and field.place.text and field.type is not FieldType.TEXT:
        return lambda value: convert(value.strip())  # a pretty-printed number; words of people stay as they are
    return convert
