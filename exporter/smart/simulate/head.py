"""The first part of a report: the installation itself, its key, volumes and what it complains about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from xml.sax.saxutils import quoteattr

from smart.simulate.spec import Key, ReportSpec
from smart.simulate.words import volume_of

LOST_WARNING = ("4111", "Ошибка защиты 4111 Not connected")


def head(spec: ReportSpec, seats_used: int) -> Iterator[str]:
    """Lines from the XML declaration to `seats`; `seats_used` is the number connected unless the spec says another."""
    yield f'<?xml version="1.0" encoding="{spec.encoding.upper() if spec.encoding == "utf-8" else spec.encoding}"?>'
    yield f'<sysinfo version="{spec.version}" created="{_time(spec, spec.created)}">'
    started = datetime.combine(spec.created.date(), time(3, 10))
    if started > spec.created:
        started -= timedelta(days=1)
    sections = {
        "server": [
            f'  <server product={quoteattr(spec.product)} os="Windows Server 2019" started="{_time(spec, started)}" '
            'address="10.1.2.3:80"/>'
        ],
        "registration": _registration(spec),
        "components": [
            "  <components>",
            f'    <component name="ksrv" version="{spec.product.split()[0]}"/>',
            '    <component name="kassist" version="7.1.0.22"/>',
            "  </components>",
        ],
        "state": list(_state(spec)),
        "catalogs": _catalogs(spec),
        "databases": ["  <databases>", *_volumes(spec), "  </databases>"],
        "seats": [f'  <seats used="{_seats(spec, seats_used)}"/>'],
    }
    for name, lines in sections.items():
        if name not in spec.without:
            yield from lines


def _seats(spec: ReportSpec, connected: int) -> int:
    if spec.seats_used is not None:
        return spec.seats_used
    return spec.seats if spec.no_seats is not None and spec.created in spec.no_seats else connected


def _registration(spec: ReportSpec) -> list[str]:
    protection = '<protection type="SenseLock" status="ok"/>'
    if spec.key is Key.LOST:
        protection = '<protection type="SenseLock" status="error" code="4111" message="Not connected"/>'
    return [
        f'  <registration number={quoteattr(spec.regnum)} owner={quoteattr(spec.legal_entity)} seats="{spec.seats}" '
        f'valid-until="{spec.licence_until}" supported="{"yes" if spec.supported else "no"}">',
        f"    {protection}",
        "  </registration>",
    ]


def _state(spec: ReportSpec) -> Iterator[str]:
    yes = {True: "yes", False: "no"}
    yield (
        f'  <state maintenance="{yes[spec.maintenance]}" need-support="{yes[spec.need_support]}" '
        f"spp={quoteattr(spec.spp)}>"
    )
    for code, text in (*spec.warnings, *([LOST_WARNING] if spec.key is Key.LOST else [])):
        yield f"    <warning code={quoteattr(code)} text={quoteattr(text)}/>"
    yield "  </state>"


def _catalogs(spec: ReportSpec) -> list[str]:
    products = "error" if spec.key is Key.LOST else "ok"
    return ["  <catalogs>", f'    <catalog path="/docs" main-page="ok" products="{products}"/>', "  </catalogs>"]


def _volumes(spec: ReportSpec) -> Iterator[str]:
    for number in range(spec.volumes):
        title, short = volume_of(number)
        yield (
            f'    <database number="{100001 + number}" name={quoteattr(title)} file="D:\\Kodeks\\base\\{short}.db" '
            f'update="{2300 + number}">'
        )
        if spec.key is Key.LOST:
            yield '      <error code="" message="Invalid protect string"/>'
        else:
            yield f'      <licence valid-until="{spec.licence_until}"/>'
        if number < spec.operup_files:
            updated = _renewed(spec, number)
            yield f'      <operup file="D:\\Kodeks\\operup\\{short}.upd" updated="{_time(spec, updated)}"/>'
        yield "    </database>"


def _renewed(spec: ReportSpec, number: int) -> datetime:
    """When the nightly update renewed the OperUp file: from 23:40 on, one file a minute, until updating stopped."""
    until = spec.created if spec.operup_stopped is None else min(spec.created, spec.operup_stopped)
    renewed = datetime.combine(until.date(), time(23, 40)) + timedelta(minutes=number)
    return renewed if renewed <= until else renewed - timedelta(days=1)


def _time(spec: ReportSpec, moment: datetime) -> str:
    return (moment if spec.zone is None else moment.replace(tzinfo=spec.zone)).isoformat(timespec="seconds")
