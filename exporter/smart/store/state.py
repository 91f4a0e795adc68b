"""What the exposition and the intake are told about one client; plain values, no database in here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from smart.checks.base import Sample
from smart.sysinfo.report import Records

EMPTY_SEARCHES = "KodeksSearchEmptyEvents"
FAILED_SEARCHES = "KodeksSearchErrorEvents"
REJECTIONS = "KodeksRejectionEvents"
NEW_USERS = "KodeksNewUserEvents"


@dataclass(frozen=True, slots=True)
class Event:
    """One record an alert names: shown with value 1 until `expires`."""

    family: str
    labels: tuple[tuple[str, str], ...]
    expires: int  # unix seconds


@dataclass(frozen=True, slots=True)
class ClientState:
    """All that is shown of one client. `created` and `received` are None until its first report is accepted."""

    client_id: int
    listed_at: int
    version: int  # grows with every change of what is below, the passing of time apart
    created: int | None = None
    received: int | None = None  # of the first time that file came
    month: str = ""  # YYYY-MM the monthly figures among the samples belong to
    samples: tuple[Sample, ...] = ()
    events: tuple[Event, ...] = ()
    left_out: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({})
    )  # family -> events not shown because of the limit
    rejected_at: int | None = None  # set while the newest file of the client is a refused one
    rejected_reason: str = ""


class FileState(StrEnum):
    """What became of a file handed in."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class FileInfo:
    """The newest file of a client that was worked on."""

    received: int
    size: int
    state: FileState
    error: str = ""  # Russian, for a technician


@dataclass(frozen=True, slots=True)
class Saved:
    """What storing one report came to."""

    new: Mapping[Records, int]  # records that were not there before, or have grown
    newest: bool  # the client's snapshot is now this report
    duplicate: bool  # the same file had been stored before
    version: int  # of the change it made; 0: nothing that is shown has changed


def samples_to_json(samples: Iterable[Sample]) -> str:
    """Samples as kept in the snapshot."""
    return json.dumps(
        [(sample.metric, sample.labels, sample.value) for sample in samples], ensure_ascii=False, separators=(",", ":")
    )


def samples_from_json(text: str) -> tuple[Sample, ...]:
    """The inverse of samples_to_json."""
    return tuple(Sample(metric, tuple(labels), float(value)) for metric, labels, value in json.loads(text))
