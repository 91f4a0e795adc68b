"""From a report as it is handed in to the page Prometheus scrapes: the real parser, the real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smart.exposition import Exposition
from smart.intake.names import FileClass
from smart.intake.spool import SpoolFile
from smart.intake.worker import Reading, Verdict, forget_store, process
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind
from smart.store import Store
from smart.sysinfo.profile import load_profile
from smart.sysinfo.unpack import Limits

REPORTS = Path(__file__).parent / "data" / "reports"
GOLDEN = Path(__file__).parent / "golden"
MOSCOW = ZoneInfo("Europe/Moscow")
RECEIVED = int(datetime(2026, 11, 20, 11, 0, tzinfo=MOSCOW).timestamp())
CLIENT = Client("plant7", "АО «Завод»", "north-1", Kind.PUSH, MOSCOW, date(2026, 1, 1), login="smartlogin")
INVENTORY = Inventory(branches=(Branch("5990NORD", "north", "", MOSCOW, Contact(), Contact(), {}, {"plant7": CLIENT}),))


class Site:
    """A store, its exposition, and a clock that the test sets."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now = RECEIVED - 3600
        self.store = Store.open(url)
        self.exposition = Exposition(self.store, lambda: self.now)
        self.exposition.take_inventory(INVENTORY)

    def hand_in(self, path: Path, received: int = RECEIVED) -> Verdict:
        self.now = max(self.now, received)
        file = SpoolFile(path, "5990NORD", "plant7", FileClass.REPORT, received * 10**9, "raw")
        result = process(file, CLIENT, self.url, Reading(Limits(), (load_profile(),)))
        assert not result.trace, result.trace
        self.exposition.follow()
        return result.outcome

    def page(self) -> str:
        body = self.exposition.body("5990NORD", "plant7")
        assert body is not None
        return body.plain.decode()


@pytest.fixture
def open_site(tmp_path) -> Iterator[Callable[[], Site]]:
    sites: list[Site] = []

    def open_site() -> Site:
        sites.append(Site(f"sqlite:///{tmp_path}/smart.db"))
        return sites[-1]

    yield open_site
    forget_store()
    for site in sites:
        site.store.close()


@pytest.mark.parametrize("name", ["full", "full-windows-1251", "lost-key", "minimal"])
def test_the_page_of_a_sample_report_is_what_it_was(open_site, name, request) -> None:
    site = open_site()
    assert site.hand_in(REPORTS / f"{name}.xml") is Verdict.STORED
    path = GOLDEN / f"report_{name}.prom"
    if request.config.getoption("--update-golden"):
        path.write_text(site.page(), "utf-8")
    assert site.page() == path.read_text("utf-8")
    assert list(text_string_to_metric_families(site.page()))


def test_a_restart_shows_the_same_page(open_site) -> None:
    site = open_site()
    site.hand_in(REPORTS / "lost-key.xml")
    assert "KodeksXmlSensLockStatus 0" in site.page()
    again = open_site()
    again.now = site.now
    assert again.page() == site.page()


def test_the_same_report_twice_changes_nothing(open_site) -> None:
    site = open_site()
    site.hand_in(REPORTS / "full.xml")
    page = site.page()
    assert site.hand_in(REPORTS / "full.xml", RECEIVED + 600) is Verdict.DUPLICATE
    assert site.page() == page


def test_a_key_lost_and_found_again_changes_the_check(open_site, tmp_path) -> None:
    site = open_site()
    states = []
    for number, name in enumerate(("full", "lost-key", "full")):
        text = (REPORTS / f"{name}.xml").read_text("utf-8")
        path = tmp_path / f"{number}.xml"
        path.write_text(text.replace('created="2026-11-20T10', f'created="2026-11-20T1{number}'), "utf-8")
        assert site.hand_in(path, RECEIVED + 3600 * number) is Verdict.STORED
        states.append("KodeksXmlSensLockStatus 1\n" in site.page())
    assert states == [True, False, True]
