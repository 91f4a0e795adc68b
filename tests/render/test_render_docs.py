"""Generated documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from smart import own_metrics
from smart.checks.base import Figure, Scope
from smart.checks.registry import EVERYTHING
from smart.render.docs import render_checks_md, render_metrics_md

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = {"checks.md": render_checks_md, "metrics.md": render_metrics_md}


@pytest.mark.parametrize("name", PAGES)
def test_the_lists_in_docs_are_current(name, request) -> None:
    """`smart render docs` or `pytest --update-golden` writes them."""
    if request.config.getoption("--update-golden", default=False):
        (DOCS / name).write_text(PAGES[name](), "utf-8")
    assert (DOCS / name).read_text("utf-8") == PAGES[name]()


def test_every_metric_of_a_client_is_listed() -> None:
    page = render_checks_md()
    hidden = {row.metric for row in EVERYTHING if isinstance(row, Figure) and row.scope is Scope.INPUT}
    assert {row.metric for row in EVERYTHING if f"| `{row.metric}` |" not in page} == hidden


def test_every_metric_of_smart_itself_is_listed() -> None:
    page = render_metrics_md()
    assert f"| `{own_metrics.UPLOADS.describe()[0].name}_total` | counter | `code` |" in page
    assert "| `smart_build_info` | info |" in page
    assert page.count("| `smart_") == len(
        [value for value in vars(own_metrics).values() if isinstance(value, MetricWrapperBase)]
    )


def test_a_bar_in_a_text_does_not_break_a_table() -> None:
    for page in (render_checks_md(), render_metrics_md()):
        tables = [line for line in page.splitlines() if line.startswith("|")]
        widths = {line.replace(r"\|", "").count("|") for line in tables}
        assert widths <= {5}
