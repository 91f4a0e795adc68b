"""What is looked at: checks and figures read off reports, and those that change with the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from smart.checks.base import Facts, Sample
from smart.checks.labels import clip
from smart.checks.registry import CHECKS, FIGURES
from smart.checks.users import fold_domains

SOURCE = "sysinfo"
MAX_SERIES = 2000  # of one family of one client; a page of any size a report may cause would harm Prometheus
LEFT_OUT = "KodeksSeriesLeftOut"

Rows = Iterable[tuple[tuple[str, ...], float]]


def read_facts(facts: Facts) -> list[Sample]:
    """Every sample a report yields, in the order of the registry; checks not made have none. No clock, no store."""
    usage = replace(facts.usage, domains=fold_domains(facts.usage.domains))  # once: there may be many
    facts = replace(facts, usage=usage)
    samples = []
    for check in CHECKS:
        outcome = check.read(facts)
        if outcome.ok is not None:
            samples.append(Sample(check.metric, (SOURCE,) if check.sourced else (), float(outcome.ok)))
    for figure in FIGURES:
        rows, left_out = limited(figure.read(facts), len(figure.labels))
        samples += [Sample(figure.metric, labels, value) for labels, value in rows.items()]
        if left_out:
            samples.append(Sample(LEFT_OUT, (figure.metric,), float(left_out)))
    return samples


def limited(rows: Rows, labels: int) -> tuple[dict[tuple[str, ...], float], int]:
    """Rows with bounded labels, equal ones once, the first MAX_SERIES of them; and how many were left out."""
    kept: dict[tuple[str, ...], float] = {}
    left_out = 0
    for values, number in rows:
        if len(values) != labels:
            raise ValueError(f"{len(values)} label values where the registry names {labels}")
        key = tuple(clip(value) for value in values)
        if key in kept:
            continue
        if len(kept) < MAX_SERIES:
            kept[key] = number
        else:
            left_out += 1
    return kept, left_out


__all__ = ["read_facts"]
