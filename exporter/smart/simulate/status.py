"""Writes smartstatus text: the installation's own metrics, as formats.md shows them and sysmon adds to them."""

from __future__ import annotations

from datetime import datetime

from smart.simulate.words import rng

USUAL_BYTES = 16_000


def metrics_text(seed: object, moment: datetime, size: int = USUAL_BYTES, good: bool = True) -> str:
    """The body of `/sysmon/metrics`: main page, products, then families of no fixed name up to about `size` bytes."""
    bad = "0" if good else "1"
    status = "" if good else ',status="no required volume DB"'
    lines = [
        "# Sysinfo metrics",
        "# Path /docs",
        f'kserver_main_page{{service="kodweb",path="/docs"}} {bad}',
        f'kserver_product_control{{service="kodweb",path="/docs"{status}}} {bad}',
    ]
    source = rng(seed, moment.isoformat(), "status")
    length, number = sum(len(line) + 1 for line in lines), 0
    while length < size - 6:
        family, part = f"sysmon_pool_{number // 4}_requests_total", number % 4
        line = f'{family}{{service="kodweb",pool="{part}",state="idle"}} {source.randrange(10**6)}'
        lines.append(line)
        length += len(line) + 1
        number += 1
    return "\n".join([*lines, "# End", ""])
