"""The Prometheus text format, version 0.0.4: one gauge family to lines."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Rows = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Family:
    """How one metric is written."""

    head: str
    line: str  # %-template of a line: label values, then the value
    labels: int

    @classmethod
    def of(cls, metric: str, help_text: str, labels: tuple[str, ...]) -> Family:
        """HELP, TYPE and the form of a line."""
        told = help_text.replace("\\", r"\\").replace("\n", r"\n")
        pairs = ",".join(f'{name}="%s"' for name in labels)
        line = f"{metric}{{{pairs}}} %s\n" if labels else f"{metric} %s\n"
        return cls(f"# HELP {metric} {told}\n# TYPE {metric} gauge\n", line, len(labels))

    def text(self, rows: Rows) -> str:
        """The lines of one metric with their head; nothing without a row."""
        line = self.line
        lines = [line % (*map(escape, labels), number(value)) for labels, value in rows]
        return self.head + "".join(lines) if lines else ""


def escape(value: str) -> str:
    """A label value as the text format wants it."""
    if "\\" in value:
        value = value.replace("\\", r"\\")
    if '"' in value:
        value = value.replace('"', r"\"")
    if "\n" in value:
        value = value.replace("\n", r"\n")
    return value


def number(value: float) -> str:
    """A value as the text format wants it; whole ones without a point."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
