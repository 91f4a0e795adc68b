"""Which error a volume, the protection or an update package reports: its number and class, by tables in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from smart.checks.yamlrows import Row, YamlFile
from smart.errors import ConfigError

BUILT_IN = Path(__file__).parent.parent / "signatures.yml"
NO_CODE = "none"
OTHER = "other"
TOP_KEYS = ("classes", "numbers", "contexts", "errors")
ERROR_KEYS = ("code", "aliases", "class", "texts", "raises")
MAX_MESSAGE = 2000
CODE = re.compile(r"[A-Za-z0-9_.-]{1,32}")


@dataclass(frozen=True, slots=True)
class Signature:
    """One known error."""

    code: str  # or NO_CODE
    aliases: tuple[str, ...]
    errclass: str
    texts: tuple[re.Pattern[str], ...]
    raises: str

    def matches(self, text: str) -> bool:
        """Does a message (in plain form) carry one of its texts?"""
        return any(pattern.search(text) for pattern in self.texts)


@dataclass(frozen=True, slots=True)
class Context:
    """What a message speaks of, so that a number that stands in two tables is looked up in the right one."""

    text: re.Pattern[str]
    errclass: str
    among: tuple[str, ...]
    strict: bool


@dataclass(frozen=True, slots=True)
class Signatures:
    """All tables of one or more files."""

    classes: tuple[str, ...]
    numbers: tuple[tuple[re.Pattern[str], bool], ...]  # pattern, and whether the number it finds rules over texts
    contexts: tuple[Context, ...]
    errors: tuple[Signature, ...]

    def classify(self, code: str, message: str) -> tuple[str, str]:
        """The code (none when there is no number) and the class of one error as a report tells it."""
        text = plain(message)
        number, sure = self._number(code, text)
        told = next((error for error in self.errors if error.matches(text)), None)
        if told is not None and told.code == NO_CODE:
            return NO_CODE, told.errclass
        context = next((context for context in self.contexts if context.text.search(text)), None)
        if number is None or not sure:
            if told is not None:
                return told.code, told.errclass
            if number is None:
                return NO_CODE, context.errclass if context else OTHER
        return self._by_number(number, text, context, told)

    def _number(self, code: str, text: str) -> tuple[str | None, bool]:
        given = code.strip()
        if given.isdecimal():
            given = given.lstrip("0")
        if given and CODE.fullmatch(given) and given != NO_CODE:
            return given, True
        for pattern, sure in self.numbers:
            found = pattern.findall(text)
            if found and (number := found[-1].lstrip("0")):
                return number, sure
        return None, False

    def _by_number(self, number: str, text: str, context: Context | None, told: Signature | None) -> tuple[str, str]:
        rows = [error for error in self.errors if number == error.code or number in error.aliases]
        if context is not None:
            among = [row for row in rows if row.errclass in context.among]
            if not among and context.strict:
                return number, context.errclass
            rows = among or rows
        if not rows:
            return (told.code, told.errclass) if told else (number, context.errclass if context else OTHER)
        row = next((row for row in rows if row.matches(text)), rows[0])
        return row.code, row.errclass


def plain(message: str) -> str:
    """A message as the tables write it: small letters, е for ё, single spaces."""
    return " ".join(message[:MAX_MESSAGE].casefold().replace("ё", "е").split())


def load_signatures(paths: Sequence[Path] = (BUILT_IN,)) -> Signatures:
    """Read tables; those of an earlier file come first. Raises ConfigError with every mistake as file:line."""
    files = [_load(path, _classes_of(paths[-1])) for path in paths]
    return Signatures(
        tuple(dict.fromkeys(name for one in files for name in one.classes)),
        tuple(number for one in files for number in one.numbers),
        tuple(context for one in files for context in one.contexts),
        tuple(error for one in files for error in one.errors),
    )


def with_operators(path: Path | None) -> Signatures:
    """The built-in tables, those of the operator's file before them."""
    return load_signatures((path, BUILT_IN)) if path else built_in()


@cache
def built_in() -> Signatures:
    """The tables that come with SMART."""
    return load_signatures()


@lru_cache(maxsize=4096)
def classify(code: str, message: str) -> tuple[str, str]:
    """The code and class of one error by the built-in tables."""
    return built_in().classify(code, message)


def _classes_of(path: Path) -> tuple[str, ...]:
    return tuple(YamlFile(path).top(TOP_KEYS).texts("classes"))


def _load(path: Path, classes: tuple[str, ...]) -> Signatures:
    file = YamlFile(path)
    top = file.top(TOP_KEYS)
    own = tuple(top.texts("classes"))
    known = tuple(dict.fromkeys((*classes, *own)))
    numbers = []
    for row in top.rows("numbers", ("pattern", "sure")):
        pattern = _regex(row, "pattern", row.text("pattern", required=True))
        if pattern.groups != 1:
            row.wrong("pattern", "must have one group, the number")
        numbers.append((pattern, row.flag("sure", True)))
    contexts = tuple(_context(row, known) for row in top.rows("contexts", ("text", "class", "among", "strict")))
    errors = tuple(_error(row, known) for row in top.rows("errors", ERROR_KEYS))
    file.done()
    return Signatures(own, tuple(numbers), contexts, errors)


def _context(row: Row, classes: Sequence[str]) -> Context:
    among = tuple(row.texts("among"))
    for name in among:
        _known(row, "among", name, classes)
    text = plain(row.text("text", required=True))
    return Context(_wildcard(text), _class(row, classes), among, row.flag("strict", True))


def _error(row: Row, classes: Sequence[str]) -> Signature:
    code = row.text("code", required=True)
    aliases = tuple(row.texts("aliases"))
    for name, value in (("code", code), *(("aliases", alias) for alias in aliases)):
        if value != NO_CODE and value and not CODE.fullmatch(value):
            row.wrong(name, f"{value!r} must match {CODE.pattern} or be {NO_CODE}")
    texts = tuple(_wildcard(plain(text)) for text in row.texts("texts"))
    if code == NO_CODE and not texts:
        row.wrong("texts", "an error without a number needs a text")
    return Signature(code, aliases, _class(row, classes), texts, row.text("raises"))


def _class(row: Row, classes: Sequence[str]) -> str:
    name = row.text("class", required=True)
    if name:
        _known(row, "class", name, classes)
    return name


def _known(row: Row, field: str, name: str, classes: Sequence[str]) -> None:
    if name not in classes:
        row.wrong(field, f"{name!r} is no class (classes: {', '.join(classes)})")


def _wildcard(text: str) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(piece.strip()) for piece in text.split("…")))


def _regex(row: Row, field: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        row.wrong(field, f"is no regular expression: {error}")
        return re.compile("()")


__all__ = ["ConfigError", "Signatures", "built_in", "classify", "load_signatures", "with_operators"]
