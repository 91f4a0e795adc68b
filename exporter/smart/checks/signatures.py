"""Which error a volume, the protection or an update package reports: its number and class, by tables in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from smart.yamlfile.fields import Fields, open_config
from smart.yamlfile.forms import SWITCH_FORM, TEXT_FORM, Form
from smart.yamlfile.problems import quoted

BUILT_IN = Path(__file__).parent.parent / "signatures.yml"
NO_CODE = "none"
OTHER = "other"
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
    last = _load(paths[-1], ())
    files = [*(_load(path, last.classes) for path in paths[:-1]), last]
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


def _load(path: Path, classes: tuple[str, ...]) -> Signatures:
    """One file; `classes` are those known beside its own."""
    top = open_config(path, may_be_empty=True)
    own = top.value_list("classes", TEXT_FORM)
    form = _class_form(tuple(dict.fromkeys((*classes, *own))))
    numbers = tuple(_number(row) for row in top.mappings("numbers"))
    contexts = tuple(_context(row, form) for row in top.mappings("contexts"))
    errors = tuple(_error(row, form) for row in top.mappings("errors"))
    top.close()
    return Signatures(own, numbers, contexts, errors)


def _number(row: Fields) -> tuple[re.Pattern[str], bool]:
    found = row.value("pattern", PATTERN_FORM, NOTHING, required=True), row.value("sure", SWITCH_FORM, True)
    row.finish()
    return found


def _context(row: Fields, class_form: Form[str]) -> Context:
    context = Context(
        text=row.value("text", MESSAGE_FORM, NOTHING, required=True),
        errclass=row.value("class", class_form, "", required=True),
        among=row.value_list("among", class_form),
        strict=row.value("strict", SWITCH_FORM, True),
    )
    row.finish()
    return context


def _error(row: Fields, class_form: Form[str]) -> Signature:
    error = Signature(
        code=row.value("code", CODE_FORM, "", required=True),
        aliases=row.value_list("aliases", CODE_FORM),
        errclass=row.value("class", class_form, "", required=True),
        texts=row.value_list("texts", MESSAGE_FORM),
        raises=row.value("raises", TEXT_FORM, ""),
    )
    if error.code == NO_CODE and not error.texts:
        row.problem("texts", "an error without a number needs a text")
    row.finish()
    return error


def _class_form(classes: Sequence[str]) -> Form[str]:
    def read(value: str) -> str:
        if value not in classes:
            raise ValueError(f"{quoted(value)} is no class (classes: {', '.join(classes)})")
        return value

    return Form("a class", read)


def _read_code(value: str) -> str:
    if not CODE.fullmatch(value):
        raise ValueError(f"{quoted(value)} must match {CODE.pattern} or be {NO_CODE}")
    return value


def _read_message(value: str) -> re.Pattern[str]:
    """A piece of a message as a pattern for its plain form; `…` stands for anything."""
    return re.compile(".*?".join(re.escape(piece.strip()) for piece in plain(value).split("…")))


def _read_pattern(value: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(value, re.ASCII)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if pattern.groups != 1:
        raise ValueError("must have one group, the number")
    return pattern


NOTHING = re.compile("(?!)")  # in place of what is wrong
CODE_FORM = Form("a code", _read_code)
MESSAGE_FORM = Form("a piece of a message", _read_message)
PATTERN_FORM = Form("a regular expression with one group, the number", _read_pattern)
