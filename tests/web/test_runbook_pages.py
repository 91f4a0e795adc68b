"""Runbooks as people open them from a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette

from servers_operations import serving
from smart.errors import ConfigError
from smart.web.runbooks import Runbooks

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


@pytest.fixture(scope="module")
def get() -> Iterator[Callable[[str], requests.Response]]:
    with serving(Starlette(routes=Runbooks(RUNBOOKS).routes())) as port:
        yield lambda path: requests.get(f"http://127.0.0.1:{port}{path}", allow_redirects=False, timeout=10)


def test_every_runbook_is_a_page(get):
    for path in RUNBOOKS.glob("*.md"):
        answer = get(f"/docs/errors/{path.name}")
        assert answer.status_code == 200
        assert '<h2 id="steps">Что делать</h2>' in answer.text
        assert '<a href="#steps">Что делать</a>' in answer.text


def test_a_number_and_its_word_stay_on_one_line(get):
    text = get("/docs/errors/KodeksUserAInvolvementIsLow.md").text
    assert "меньше 60\N{NO-BREAK SPACE}%" in text.lower()
    assert "60 %" not in text.partition("</title>")[2].partition("</h1>")[2]


def test_tables_scroll_instead_of_widening_the_page(get):
    assert '<div class="table"><table>' in get("/docs/errors/KodeksXmlSensLockStatus.md").text


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("kodeksxmlsenslockstatus.md", "KodeksXmlSensLockStatus.md"),
        ("KodeksXmlSensLockStatus", "KodeksXmlSensLockStatus.md"),
        ("KodeksSensLockCheck.md", "KodeksXmlSensLockStatus.md"),
    ],
    ids=["case", "no suffix", "old name"],
)
def test_another_spelling_leads_to_the_page(get, asked, found):
    answer = get(f"/docs/errors/{asked}")
    assert (answer.status_code, answer.headers["location"]) == (301, found)


@pytest.mark.parametrize(
    "asked", ["Nothing.md", "..%2f..%2fpyproject.toml", "<script>alert(1)<%2fscript>", "aliases.yml"]
)
def test_any_other_name_is_not_found_and_is_shown_safely(get, asked):
    answer = get(f"/docs/errors/{asked}")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_the_index_links_to_every_page(get):
    text = get("/docs/errors/").text
    assert all(f'href="{path.name}"' in text for path in RUNBOOKS.glob("*.md"))


def test_an_alias_that_leads_nowhere_is_told(tmp_path):
    (tmp_path / "KodeksA.md").write_text("# KodeksA: a\n")
    (tmp_path / "aliases.yml").write_text("KodeksB: KodeksC\n")
    with pytest.raises(ConfigError, match=r"aliases\.yml:1: KodeksB: there is no runbook 'KodeksC'"):
        Runbooks(tmp_path)


def test_a_directory_without_runbooks_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no runbooks"):
        Runbooks(tmp_path)
