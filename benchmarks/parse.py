"""Extraction: what reading a whole report costs beside a bare `lxml.etree.parse` of the same file, and in what memory.

Goals: full extraction (typed, validated) of a 20 MB report of 62,701 records at most 1.8 x lxml on Debian's python3
(2.2 x on slower builds), zip'd 2.0 x; peak memory at most 40 MB above an empty Python with lxml imported, the same for
60 MB; twice the report at most twice the time. `--quick`: fewer runs. Run it with each interpreter that matters:

    python benchmarks/parse.py
    PYTHONPATH=exporter:.venv/lib/python3.11/site-packages /usr/bin/python3 benchmarks/parse.py
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from lxml import etree

from smart.simulate.report import sized_spec, write_report
from smart.sysinfo.parse import parse_report
from smart.sysinfo.profile import load_profile
from smart.sysinfo.report import Records, Report
from smart.sysinfo.unpack import Limits, open_report

LIBC = ctypes.CDLL("libc.so.6")
MIB = 1 << 20
ZONE = ZoneInfo("Europe/Moscow")
PROFILE = load_profile()
ATTRIBUTES_MIB = 10  # a report without searches: activity only

_PEAK = "print(next(int(x.split()[1]) for x in open('/proc/self/status') if x.startswith('VmHWM')) / 1024)"
EMPTY_PYTHON = f"import lxml.etree\n{_PEAK}"
PARSING_PYTHON = f"""
import sys, zoneinfo
from pathlib import Path
from smart.sysinfo.parse import parse_report
from smart.sysinfo.profile import load_profile
from smart.sysinfo.unpack import Limits, open_report
with open_report(Path(sys.argv[1]), Limits()) as stream:
    parse_report(stream, load_profile(), zoneinfo.ZoneInfo("Europe/Moscow"), lambda kind, rows: None)
{_PEAK}
"""
LXML_PYTHON = f"import sys, lxml.etree\nlxml.etree.parse(sys.argv[1])\n{_PEAK}"


def make_report(path: Path, mib: int) -> Path:
    with path.open("wb") as out:
        write_report(sized_spec(mib), 1, out)
    return path


def make_activity_report(path: Path) -> Path:
    """A report whose records are attributes only."""
    spec = replace(sized_spec(ATTRIBUTES_MIB), records=None, size=None, users=900, without=frozenset({"searches"}))
    with path.open("wb") as out:
        write_report(spec, 1, out)
    return path


def zip_it(path: Path) -> Path:
    packed = path.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, path.name)
    return packed


def extract(path: Path) -> Report:
    """Everything the report says, every row made and handed to a sink that drops it."""
    rows = dict.fromkeys(Records, 0)

    def sink(kind: Records, batch: list[tuple]) -> None:
        rows[kind] += len(batch)

    with open_report(path, Limits()) as stream:
        report = parse_report(stream, PROFILE, ZONE, sink)
    assert rows == report.counts
    return report


def seconds(work: Callable[[], object]) -> float:
    """One run, from a heap in order.

    glibc puts off the joining of small freed blocks: without the trimming, whoever runs after lxml pays 0.1 s for the
    disposal of its tree, and the next lxml finds its memory ready.
    """
    gc.collect()
    LIBC.malloc_trim(0)
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alternate(works: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median of each work's times; the works take turns, so that a noisy neighbour meets them all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(seconds(work))
    return {name: statistics.median(measured) for name, measured in times.items()}


def peak_mb(code: str, *arguments: Path) -> float:
    """VmHWM of a fresh interpreter, MB, the least of three."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return min(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(3))


def row(what: str, measured: str, ratio: float, goal: str) -> None:
    print(f"{what:<44}{measured:>14}{ratio:>10.2f}  {goal}")


def measure_time(paths: dict[str, Path], runs: int) -> None:
    works: dict[str, Callable[[], object]] = {}
    for name, path in paths.items():
        works[f"lxml {name}"] = lambda path=path: etree.parse(str(path))
        works[f"SMART {name}"] = lambda path=path: extract(path)
    packed = zip_it(paths["20 MiB"])
    works["SMART zip'd"] = lambda: extract(packed)
    medians = alternate(works, runs)
    records = sum(extract(paths["20 MiB"]).counts.values())
    print(f"Python {sys.version.split()[0]} {sys.executable}; {records} records; medians of {runs} alternating runs")
    print(f"{'':<44}{'seconds':>14}{'x lxml':>10}  goal")
    floor, packed_seconds = medians["lxml 20 MiB"], medians["SMART zip'd"]
    row("lxml.etree.parse, 20 MiB", f"{floor:.3f}", 1.0, "")
    row("full extraction, 20 MiB", f"{medians['SMART 20 MiB']:.3f}", medians["SMART 20 MiB"] / floor, "1.8 (2.2)")
    row("full extraction, 20 MiB zip'd", f"{packed_seconds:.3f}", packed_seconds / floor, "2.0")
    name = "attributes only"
    size = paths[name].stat().st_size / MIB
    row(f"full extraction, {size:.0f} MiB, {name}", f"{medians[f'SMART {name}']:.3f}",
        medians[f"SMART {name}"] / medians[f"lxml {name}"], "")  # fmt: skip
    growth = medians["SMART 20 MiB"] / medians["SMART 10 MiB"]
    print(f"{'growth: 20 MiB to 10 MiB':<44}{'':>14}{growth:>10.2f}  2.0 (as the size)")


def measure_memory(sizes: dict[int, Path]) -> None:
    empty = peak_mb(EMPTY_PYTHON)
    print(f"\n{'peak memory':<44}{'MB':>14}{'above':>10}  goal")
    print(f"{'an empty Python with lxml imported':<44}{empty:>14.1f}{0:>10.1f}")
    for size, path in sizes.items():
        for name, file in ((f"SMART, {size} MiB", path), (f"SMART, {size} MiB zip'd", zip_it(path))):
            peak = peak_mb(PARSING_PYTHON, file)
            print(f"{name:<44}{peak:>14.1f}{peak - empty:>10.1f}  40")
    size, path = next(iter(sizes.items()))
    peak = peak_mb(LXML_PYTHON, path)
    print(f"{f'lxml.etree.parse, {size} MiB':<44}{peak:>14.1f}{peak - empty:>10.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 runs instead of 11")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {f"{mib} MiB": make_report(Path(folder) / f"{mib}.xml", mib) for mib in (10, 20)}
        paths["attributes only"] = make_activity_report(Path(folder) / "activity.xml")
        measure_time(paths, 5 if arguments.quick else 11)
        measure_memory({20: paths["20 MiB"], 60: make_report(Path(folder) / "60.xml", 60)})


if __name__ == "__main__":
    main()
