"""What a mapping profile says: which element is which record and where its values are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.fields import FieldType
from smart.sysinfo.values import Converter, make_converter, or_default


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: an attribute or the text of an element, or (neither) whether the element is there."""

    path: tuple[str, ...]  # of the element, from below the root
    attribute: str | None = None
    text: bool = False

    def __str__(self) -> str:
        last = f"@{self.attribute}" if self.attribute is not None else "text()" if self.text else ""
        return "/".join([*self.path, *([last] if last else [])])


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field of a record is read. `default` is as in the profile, unconverted; None: there is none."""

    name: str
    type: FieldType
    place: Place | None  # None: this layout does not report it
    required: bool = False
    default: str | None = None
    minimum: int = 0
    longest: int = 0  # characters of a text; 0: of any length
    true: frozenset[str] = frozenset()
    false: frozenset[str] | None = None
    format: str | None = None

    def default_value(self, zone: tzinfo) -> Any:
        """What stands for a missing value: "" for text, False for presence, else None, unless the profile says."""
        if self.type is FieldType.TEXT:
            return self.default or ""
        if self.default is None:
            return False if self.type is FieldType.PRESENCE else None
        return self.plain_converter(zone)(self.default)

    def plain_converter(self, zone: tzinfo) -> Converter:
        """The converter of a value that is there."""
        return make_converter(
            self.type,
            zone,
            minimum=self.minimum,
            longest=self.longest,
            true=self.true,
            false=self.false,
            pattern=self.format,
        )

    def converter(self, zone: tzinfo) -> Converter:
        """The converter of this field: an empty value of a field not required is its default."""
        convert = self.plain_converter(zone)
        if self.required or self.type is FieldType.TEXT:
            return convert
        return or_default(convert, self.default_value(zone), zone)


@dataclass(frozen=True, slots=True)
class KindRule:
    """How the records of one kind are found. `fields` are in the order of fields.KINDS, all of them."""

    kind: str
    path: tuple[str, ...]
    section: tuple[str, ...]
    fields: tuple[FieldRule, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One layout of reports."""

    root: str
    kinds: dict[str, KindRule]
    file: str


def choose_profile(profiles: Sequence[Profile], root: str, line: int = 0) -> Profile:
    """The first profile made for this root element. Raises ReportRejected when there is none."""
    for profile in profiles:
        if profile.root == root:
            return profile
    known = ", ".join(f"<{name}>" for name in dict.fromkeys(profile.root for profile in profiles))
    raise ReportRejected(
        RejectReason.WRONG_LAYOUT,
        f"это не отчёт sysinfo: корневой элемент <{root[:80]}>, а должен быть {known}. "
        "Проверьте, тот ли файл отправлен. Если это отчёт нового вида, сообщите оператору SMART",
        line,
    )


NO_ZONE = UTC  # for defaults, which are converted before any client is known
