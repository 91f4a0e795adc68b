"""From what a report writes to what is stored: numbers, instants, dates, words. Strict: a doubt is a ValueError.

Every converter is a callable from str that is called by C code for each field of each record, so most are the
`__getitem__` of a dictionary that remembers what it has converted. An empty text is converted to what the profile
gives for a missing value, when the field is not required.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from smart.sysinfo.fields import FieldType

Converter = Callable[[str], Any]

_REMEMBERED = 20_000  # values a table keeps: more than hours in two years; a hostile report cannot fill the memory
_LONGEST_NUMBER = 20  # characters, leading zeros included
BIGGEST = 10**10  # above any 32-bit counter, yet the sum of all a store holds stays below 2^63
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_SECONDS_OF_HOUR = {f":{second // 60:02}:{second % 60:02}": second for second in range(3600)}
_FIRST_YEAR = 1970

EXPECTED = {
    FieldType.TEXT: "текст",
    FieldType.INTEGER: "целое число",
    FieldType.INSTANT: "дата и время вида 2026-11-20T10:55:03",
    FieldType.HOUR: "начало часа вида 2026-11-20T10:00:00",
    FieldType.DATE: "дата вида 2026-12-31",
    FieldType.BOOLEAN: "одно из слов, которые задаёт профиль",
    FieldType.PRESENCE: "элемент",
}


class Table(dict[str, Any]):
    """Remembers conversions; `table.__getitem__` converts at the price of a look-up when the value was seen before."""

    def __init__(self, convert: Converter) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: str) -> Any:
        converted = self._convert(value)
        if len(self) < _REMEMBERED:
            self[value] = converted
        return converted


def integer(minimum: int) -> Converter:
    """Whole numbers from `minimum` to BIGGEST, ASCII digits only: no spaces, no 1e3, no digits of other scripts."""

    def convert(value: str) -> int:
        if len(value) > _LONGEST_NUMBER or not _INTEGER.fullmatch(value):
            raise ValueError(value)
        number = int(value)
        if not minimum <= number <= BIGGEST:
            raise ValueError(value)
        return number

    return Table(convert).__getitem__


def calendar_date(pattern: str | None) -> Converter:
    """Dates -> YYYY-MM-DD. An instant is taken too, its time of day is left out (terms are days)."""

    def convert(value: str) -> str:
        if pattern:
            return datetime.strptime(value, pattern).date().isoformat()
        found = _INSTANT.fullmatch(value)
        if not found:
            raise ValueError(value)
        return date.fromisoformat(found[1]).isoformat()

    return Table(convert).__getitem__


def boolean(true: frozenset[str], false: frozenset[str] | None) -> Converter:
    """Words in any case -> True or False; without words for False every other word is False."""

    def convert(value: str) -> bool:
        word = value.strip().casefold()
        if word in true:
            return True
        if false is not None and word not in false:
            raise ValueError(value)
        return False

    return Table(convert).__getitem__


def to_unix(local: datetime, zone: tzinfo) -> int:
    """Unix seconds of a time, by its own zone or else by `zone`.

    A local time that comes twice (clocks put back) is its first coming. One that never was (clocks put forward) is
    read by the offset before the change, as if the clock had not been changed yet: 02:30 is what became 03:30.
    """
    offset = (local if local.tzinfo else local.replace(tzinfo=zone)).utcoffset() or timedelta()
    # Subtracted as numbers: the year 9999 (licences without an end) has no room for a shift of the calendar.
    return int(local.replace(tzinfo=UTC).timestamp()) - int(offset.total_seconds())


def read_time(value: str, pattern: str | None) -> datetime:
    """A time as written, with the zone it carries or none. A date alone is its midnight; fractions are cut off."""
    if pattern:
        parsed = datetime.strptime(value, pattern).replace(microsecond=0)
    else:
        found = _INSTANT.fullmatch(value)
        if not found:
            raise ValueError(value)
        day, hour, minute, second, zone = found.groups()
        parsed = datetime.fromisoformat(f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone or ''}")
    if parsed.year < _FIRST_YEAR:
        raise ValueError(value)
    return parsed


def _is_plain_hour(start: datetime, zone: tzinfo) -> bool:
    """Is the offset the same all through this local hour, in both readings of it?"""
    edges = (start, start.replace(minute=59, second=59))
    return len({edge.replace(tzinfo=zone, fold=fold).utcoffset() for edge in edges for fold in (0, 1)}) == 1


class Instants:
    """Times -> unix seconds; see to_unix and read_time. The start of each hour seen is remembered.

    `default` stands for an empty text; without it an empty text is an error.
    """

    def __init__(self, zone: tzinfo, *default: int | None) -> None:
        self._zone = zone
        self._default = default
        self._hours: dict[str, int] = {}

    def __call__(self, value: str) -> int | None:
        if not value and self._default:
            return self._default[0]
        parsed = read_time(value, None)
        start = parsed.replace(minute=0, second=0)
        # The rest is looked up among ":MM:SS", so that a zone or a fraction never meets a remembered hour.
        known = len(self._hours) < _REMEMBERED and parsed.tzinfo is None and value[10:11] in ("T", " ")
        if known and _is_plain_hour(start, self._zone):
            self._hours[value[:13]] = to_unix(start, self._zone)
        return to_unix(parsed, self._zone)

    def column(self, values: Sequence[str]) -> list[int | None]:
        """Many times at once: two look-ups each, once their hours are known."""
        hours, seconds = self._hours, _SECONDS_OF_HOUR
        try:
            return [hours[value[:13]] + seconds[value[13:]] for value in values]
        except KeyError:
            return [
                hours[value[:13]] + seconds[value[13:]]
                if value[:13] in hours and value[13:] in seconds
                else self(value)
                for value in values
            ]


def hour(zone: tzinfo, pattern: str | None) -> Converter:
    """Starts of clock hours -> unix seconds; 09:30 is refused, since two of them would be added to one hour."""

    def convert(value: str) -> int:
        parsed = read_time(value, pattern)
        if parsed.minute or parsed.second:
            raise ValueError(value)
        return to_unix(parsed, zone)

    return Table(convert).__getitem__


def or_default(convert: Converter, default: Any, zone: tzinfo) -> Converter:
    """The converter for a field that may be missing: an empty text is `default`."""
    if isinstance(convert, Instants):
        return Instants(zone, default)
    table = getattr(convert, "__self__", None)
    if isinstance(table, Table):
        table[""] = default
    return convert


class Short:
    """Texts as they are, of a bounded length: they become part of keys and labels."""

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def __call__(self, value: str) -> str:
        if len(value) > self._longest:
            raise ValueError(value)
        return value

    def column(self, values: Sequence[str]) -> Sequence[str]:
        """Many texts at once."""
        if max(map(len, values), default=0) > self._longest:
            raise ValueError(values)
        return values


def column_of(convert: Converter) -> Callable[[Sequence[str]], Sequence[Any]]:
    """The same conversion for the values of many records."""
    if convert is str:
        return lambda values: values
    if isinstance(convert, Instants | Short):
        return convert.column
    return lambda values: list(map(convert, values))


PRESENT = "+"  # what stands for an element that is there


def make_converter(
    kind: FieldType,
    zone: tzinfo,
    *,
    minimum: int = 0,
    longest: int = 0,
    true: frozenset[str] = frozenset(),
    false: frozenset[str] | None = None,
    pattern: str | None = None,
) -> Converter:
    """The converter of one field; it raises ValueError, or OverflowError for a time that no calendar has."""
    if kind is FieldType.INTEGER:
        return integer(minimum)
    if kind is FieldType.INSTANT:
        return Table(lambda value: to_unix(read_time(value, pattern), zone)).__getitem__ if pattern else Instants(zone)
    if kind is FieldType.HOUR:
        return hour(zone, pattern)
    if kind is FieldType.DATE:
        return calendar_date(pattern)
    if kind is FieldType.BOOLEAN:
        return boolean(true, false)
    if kind is FieldType.PRESENCE:
        return boolean(frozenset({PRESENT}), None)
    return Short(longest) if longest else str  # C code that returns the same object
