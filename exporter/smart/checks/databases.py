"""Volumes, their errors and licences, and OperUp files."""

from __future__ import annotations

from collections.abc import Iterator

from smart.checks.base import NOT_CHECKED, Facts, Outcome, Reason
from smart.checks.labels import clip, clip_path
from smart.sysinfo.report import Volume

MAX_MESSAGE = 200


def check_licences_zero(facts: Facts) -> Outcome:
    """Has every volume a licence term? Source: database/licence. Not checked without a section of volumes.

    A section without a single volume is bad: the report says nothing about licences where it should.
    """
    volumes = facts.report.volumes
    if volumes is None:
        return NOT_CHECKED
    if volumes and all(volume.licence_valid_until for volume in volumes):
        return Outcome(True)
    return Outcome(False, Reason.NOT_REPORTED)


def name_of(volume: Volume) -> str:
    """What a volume is called in the label `filename`: its path, else its name, else its number."""
    return clip_path(volume.file or volume.name or volume.number)


def read_errors(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Errors by volume, code and class, the volumes with most first. Source: database/error."""
    counts: dict[tuple[str, ...], int] = {}
    for volume in facts.report.volumes or ():
        for error in volume.errors:
            key: tuple[str, ...] = (name_of(volume), *facts.classify(error.code, error.message))
            counts[key] = counts.get(key, 0) + 1
    for key in sorted(counts, key=lambda key: (-counts[key], key)):
        yield key, float(counts[key])


def read_error_messages(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """First message of each series of KodeksDBerrors, in the same order. Source: database/error message."""
    messages: dict[tuple[str, ...], str] = {}
    for volume in facts.report.volumes or ():
        for error in volume.errors:
            messages.setdefault((name_of(volume), *facts.classify(error.code, error.message)), error.message)
    for key, _ in read_errors(facts):
        yield (*key, clip(messages[key], MAX_MESSAGE)), 1.0


def read_volumes(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Number of volumes. Source: databases/database."""
    if facts.report.volumes is not None:
        yield (), float(len(facts.report.volumes))


def read_volumes_without_term(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Number of volumes without a licence term. Source: database/licence."""
    if facts.report.volumes is not None:
        yield (), float(sum(not volume.licence_valid_until for volume in facts.report.volumes))


def operup_times(facts: Facts) -> dict[str, int | None]:
    """Last update by OperUp file. A file that several volumes name is one file; its newest time counts."""
    times: dict[str, int | None] = {}
    for volume in facts.report.volumes or ():
        for operup in volume.operup:
            name = clip_path(operup.file)
            known = times.get(name)
            if known is None or (operup.updated is not None and operup.updated > known):
                times[name] = operup.updated
    return times


def read_operup_files(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Number of OperUp files. Source: database/operup."""
    if facts.report.volumes is not None:
        yield (), float(len(operup_times(facts)))


def read_operup_time(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Last update of each OperUp file, the oldest first. Source: database/operup updated."""
    known = [(updated, name) for name, updated in operup_times(facts).items() if updated is not None]
    for updated, name in sorted(known):
        yield (name,), float(updated)


def read_operup_oldest(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
    """Last update of the OperUp file that was updated longest ago. Source: database/operup updated."""
    known = [updated for updated in operup_times(facts).values() if updated is not None]
    if known:
        yield (), float(min(known))
