"""Reads one mapping key by key; every mistake is noted with file, line and key, and reading goes on.

A reader that meets a mistake returns what it returns for an absent key, so that the rest can be looked at too; nobody
sees such a value, because what has mistakes is never handed out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from smart.yamlfile.forms import Form
from smart.yamlfile.nodes import Mapping, Node, Scalar, Sequence, read_mapping
from smart.yamlfile.problems import Problems, named, place, quoted, shown
from smart.yamlfile.scalars import is_empty, text_mistake

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)

_SECRET_KEY = re.compile(r"pass|pwd|secret|token|credential|api_?key|парол|токен|секрет", re.IGNORECASE)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
MAX_KEY = 64  # longer ones are no slip of the pen and get no suggestion


@dataclass(frozen=True, slots=True)
class Source:
    """Where mappings come from: the file as messages name it, and what paths in it are relative to."""

    file: str
    directory: Path
    problems: Problems


def read_fields(path: Path, problems: Problems) -> Fields | None:
    """The mapping of a file, or None after a problem was noted."""
    node = read_mapping(path, problems)
    return Fields(node, Source(named(path), path.parent, problems)) if node else None


def open_config(path: Path, *, may_be_empty: bool = False) -> Fields:
    """The mapping of a file that stands alone; `close` it. Raises ConfigError when it cannot be read."""
    problems = Problems()
    node = read_mapping(path, problems, may_be_empty=may_be_empty)
    problems.check()
    assert node is not None
    return Fields(node, Source(named(path), path.parent, problems))


class Fields:
    """One mapping. Ask for every key it may hold, then call `finish`, which refuses the others."""

    def __init__(self, node: Mapping, source: Source, prefix: str = "") -> None:
        self.source = source
        self._node = node
        self._prefix = prefix
        self._asked: dict[str, None] = {}
        self._missing: dict[str, str] = {}  # required keys that are absent: what to write

    def given(self, key: str) -> bool:
        """Is the key there?"""
        return key in self._node.entries

    @property
    def line(self) -> int:
        """Where the mapping begins."""
        return self._node.line

    def __iter__(self) -> Iterator[str]:
        """The keys that are there, for a mapping that may hold any."""
        return iter(self._node.entries)

    def place(self, key: str) -> str:
        """`file:line` of a key, of the mapping when the key is absent."""
        return place(self.source.file, self._line(key))

    def problem(self, key: str, message: str) -> None:
        """Notes a mistake in the value of a key."""
        self._note(self._line(key), key, message)

    def refuse(self, key: str, message: str) -> None:
        """Refuses a key that stands to reason but cannot be honoured, if it is there."""
        if self.given(key):
            self._asked[key] = None
            self.problem(key, message)

    def text(self, key: str, *, required: bool = False, longest: int = 255) -> str:
        """Any one line of text; empty when absent. What YAML reads as something else must stand in quotes."""
        scalar = self._scalar(key, "text", required)
        if scalar is None:
            return ""
        message = text_mistake(scalar, longest)
        if message:
            self.problem(key, message)
            return ""
        return scalar.text

    def integer(self, key: str, low: int, high: int) -> int | None:
        """A whole number in decimal digits without quotes."""
        scalar = self._scalar(key, "a whole number", required=False)
        if scalar is None:
            return None
        if not scalar.plain or not _INTEGER.fullmatch(scalar.text):
            self.problem(key, f"{quoted(scalar.text)} is not a whole number in digits without quotes")
        elif not low <= int(scalar.text) <= high:
            self.problem(key, f"{scalar.text} is not between {low} and {high}")
        else:
            return int(scalar.text)
        return None

    def boolean(self, key: str) -> bool | None:
        """true or false; the other words for it mean different things in different versions of YAML."""
        scalar = self._scalar(key, "true or false", required=False)
        if scalar is None:
            return None
        if not scalar.plain or scalar.text not in ("true", "false"):
            self.problem(key, f"{quoted(scalar.text)} is not allowed here; write true or false, without quotes")
            return None
        return scalar.text == "true"

    def value(self, key: str, form: Form[T], default: D, *, required: bool = False) -> T | D:
        """A value of one of the forms, or the default."""
        scalar = self._scalar(key, form.what, required)
        if scalar is None:
            return default
        message = text_mistake(scalar, MAX_KEY) if form.is_text else ""
        if message:
            self.problem(key, message)
            return default
        try:
            return form.read(scalar.text)
        except ValueError as error:
            self.problem(key, str(error))
            return default

    def choice(self, key: str, options: tuple[E, ...], default: E | None) -> E | None:
        """One word of several; required when there is no default."""
        words = ", ".join(options)
        scalar = self._scalar(key, f"one of {words}", required=default is None)
        if scalar is None:
            return default
        for option in options:
            if option.value == scalar.text:
                return option
        guess = _guess(scalar.text, options)
        advice = f"; did you mean {guess}?" if guess else ""
        self.problem(key, f"{quoted(scalar.text)} must be one of {words}{advice}")
        return default

    def value_list(self, key: str, form: Form[T], *, required: bool = False) -> tuple[T, ...]:
        """A list of values of one form, none of them twice."""
        found: list[T] = []
        for item in self._items(key, form.what, required):
            if not isinstance(item, Scalar) or is_empty(item):
                self._note(item.line, key, f"each item must be {form.what}")
                continue
            try:
                value = form.read(item.text)
            except ValueError as error:
                self._note(item.line, key, str(error))
                continue
            if value in found:
                self._note(item.line, key, "the same is already in the list; keep one")
            else:
                found.append(value)
        return tuple(found)

    def mappings(self, key: str, *, required: bool = False) -> list[Fields]:
        """A list of mappings."""
        found = []
        for item in self._items(key, "a mapping (key: value)", required):
            if isinstance(item, Mapping):
                found.append(Fields(item, self.source))
            else:
                self._note(item.line, key, "each item must be a mapping (- name: …)")
        return found

    def nested(self, key: str, *, required: bool = False) -> Fields | None:
        """A mapping under a key."""
        node = self._node_of(key, "a mapping (key: value)", required)
        if isinstance(node, Mapping):
            return Fields(node, self.source, f"{self._prefix}{key}.")
        if node is not None:
            self.problem(key, "must be a mapping (key: value)")
        return None

    def finish(self, secrets: str = "") -> None:
        """Refuses the keys that nobody asked for, and names the required ones that are absent.

        `secrets`: what to tell of a key that looks like a secret, where none may be given by a file or a variable.
        """
        for key, (line, _) in self._node.entries.items():
            if key in self._asked or self.source.problems.full(self.source.file):
                continue
            if _SECRET_KEY.search(key) and not key.endswith(("_file", "_env")):
                message = secrets or self._secret_advice(key)
            else:
                guess = _guess(key, tuple(self._missing)) or _guess(key, tuple(self._asked))
                self._missing.pop(guess, None)  # one slip of the pen, one message
                known = ", ".join(self._asked)
                message = "is not a known key" + (f"; did you mean {guess}?" if guess else f" (known: {known})")
            self._note(line, shown(key) or "''", message)
        for key, what in self._missing.items():
            self._note(self._node.line, key, f"is missing (write {what})")

    def close(self) -> None:
        """The end of a file that stands alone: `finish`, then ConfigError with every mistake in it, if any."""
        self.finish()
        self.source.problems.check()

    def _secret_advice(self, key: str) -> str:
        """What to do with a secret that was typed in; the nearest key that may name it."""
        files = [known for known in self._asked if known.endswith("_file")]
        if not files:
            return "is not a known key; secrets must not stand here"
        near = difflib.get_close_matches(f"{key[:MAX_KEY]}_file".lower(), files, n=1, cutoff=0.0)
        name = near[0] if near else files[0]
        variable = name.removesuffix("_file") + "_env"
        return f"a secret must not stand here; put it into a file and name it in {name} (or a variable in {variable})"

    def _line(self, key: str) -> int:
        return self._node.entries[key][0] if key in self._node.entries else self._node.line

    def _note(self, line: int, key: str, message: str) -> None:
        self.source.problems.add(self.source.file, line, f"{self._prefix}{key}", message)

    def _node_of(self, key: str, what: str, required: bool) -> Node | None:
        """The node of a key; None when absent or empty, which is a mistake if it is required or written."""
        self._asked[key] = None
        if key not in self._node.entries:
            if required:
                self._missing[key] = what
            return None
        node = self._node.entries[key][1]
        if isinstance(node, Scalar) and is_empty(node):
            self.problem(key, f"is empty; write {what}" + ("" if required else ", or remove the key"))
            return None
        return node

    def _scalar(self, key: str, what: str, required: bool) -> Scalar | None:
        node = self._node_of(key, what, required)
        if node is None or isinstance(node, Scalar):
            return node
        self.problem(key, f"must be {what}, not {'a list' if isinstance(node, Sequence) else 'a mapping'}")
        return None

    def _items(self, key: str, what: str, required: bool) -> list[Node]:
        node = self._node_of(key, f"a list; each item is {what}", required)
        if isinstance(node, Sequence):
            if required and not node.items:
                self.problem(key, f"must not be empty; each item is {what}")
            return node.items
        if node is not None:
            self.problem(key, "must be a list; begin each item with '- '")
        return []


def _guess(word: str, known: tuple[str, ...]) -> str:
    """The known word that was probably meant; empty when none is near."""
    if len(word) > MAX_KEY:
        return ""
    spellings = {known_word.lower(): known_word for known_word in known}
    near = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=0.6)
    return spellings[near[0]] if near else ""


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Advice for a word that should be one of the known: the nearest, else all of them."""
    guess = _guess(word, known)
    if guess:
        return f"; did you mean {guess}?"
    return f" (declared: {', '.join(known[:10])})" if known else " (none is declared)"
