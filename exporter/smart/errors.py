"""Every error SMART raises on purpose. Its text may be shown to people and never holds a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class SmartError(Exception):
    """Something a person can mend; the text says what is wrong and where."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file of ours: `file:line: field: what is wrong (what is right)`."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class InventoryError(SmartError):
    """The inventory cannot be used; `problems` holds every mistake found, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigError(SmartError):
    """An option, a web configuration or a profile of the operator cannot be used."""


class RejectReason(StrEnum):
    """Why a file handed in is refused. A closed set: it becomes a label value and a JSON field."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    NOT_A_REPORT = "not-a-report"  # neither XML, zip nor status text
    BAD_ZIP = "bad-zip"  # broken, encrypted, several members, path names
    BOMB = "bomb"  # unpacks beyond the size or the ratio allowed
    DTD = "dtd"  # DOCTYPE, entities, external references
    BROKEN_XML = "broken-xml"
    BAD_ENCODING = "bad-encoding"
    WRONG_LAYOUT = "wrong-layout"  # well-formed, but not what the profile describes
    BAD_VALUE = "bad-value"
    UNKNOWN_CLIENT = "unknown-client"  # taken off the inventory while its file waited
    FAILED = "failed"  # a defect of SMART itself: the traceback is in the log


class ReportRejected(SmartError):
    """A report cannot be taken. `text` is for a technician, in Russian; `line` 0 when there is none."""

    def __init__(self, reason: RejectReason, text: str, line: int = 0) -> None:
        self.reason = reason
        self.text = text
        self.line = line
        super().__init__(f"строка {line}: {text}" if line else text)


class StoreError(SmartError):
    """The store cannot be opened or is at a schema this version does not know."""
