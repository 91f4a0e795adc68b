"""The real serving process over either database: reports become pages, and nothing is lost on the way."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import requests

from servers_smart import DEALER, ROOT, SmartServer, copy_inventory

pytestmark = pytest.mark.e2e

REPORTS = ROOT / "tests" / "data" / "reports"
LOST, FOUND = "KodeksXmlSensLockStatus 0", "KodeksXmlSensLockStatus 1"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def server(tmp_path, database_url):
    token = copy_inventory(tmp_path / "inventory")
    started = SmartServer(tmp_path / "one", tmp_path / "inventory", token, database_url).start()
    yield started
    started.stop()


def lines_of(page: str, *prefixes: str) -> list[str]:
    """Sample lines of a page that begin with one of the names."""
    return [line for line in page.splitlines() if line.startswith(prefixes)]


def test_the_last_known_state_is_shown_at_once_after_a_crash(server):
    assert server.upload(REPORTS / "lost-key.xml", "plant7").json() == {"ok": True, "path": "/files/plant7.xml"}
    before = server.wait_for("plant7", LOST)
    server.stop(signal.SIGKILL)
    server.start()
    assert lines_of(server.page("plant7"), "Kodeks", "SmartXML") == lines_of(before, "Kodeks", "SmartXML")


def test_the_newest_report_wins_whatever_the_order_of_arrival(server, tmp_path):
    text = (REPORTS / "full.xml").read_text("utf-8")
    older, newer = tmp_path / "older.xml", tmp_path / "newer.xml"
    newer.write_text(text, "utf-8")
    older.write_text(
        (REPORTS / "lost-key.xml").read_text("utf-8").replace('created="2026-11-20', 'created="2026-11-19'), "utf-8"
    )
    server.upload(newer, "plant7")
    server.wait_for("plant7", FOUND)
    assert server.upload(older, "plant7").ok
    deadline = time.monotonic() + 60
    while (
        'smart_files_processed_total{outcome="stored"} 2.0'
        not in requests.get(f"{server.operations}/metrics", timeout=10).text.splitlines()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert FOUND in server.page("plant7").splitlines()


def test_a_broken_file_is_set_aside_and_the_next_one_is_read(server, tmp_path):
    broken = tmp_path / "broken.xml"
    text = (REPORTS / "full.xml").read_text("utf-8")
    broken.write_text(text.replace('seats used="12"', 'seats used="zwölf"'), "utf-8")
    assert server.upload(broken, "plant7").ok  # well-formed at both ends: only the whole reading finds it
    deadline = time.monotonic() + 60
    while not lines_of(server.page("plant7"), "SmartFileRejectedTime"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    reason = next((server.data / "rejected").rglob("*.reason.txt")).read_text("utf-8")
    assert "zwölf" in reason
    answer = requests.get(
        f"{server.intake}/files/plant7.xml",
        headers={"dealer": DEALER, "Authorization": f"Bearer {server.token}"},
        timeout=10,
    ).json()
    assert (answer["ok"], answer["state"]) == (True, "rejected")
    assert "zwölf" in answer["error"]
    server.upload(REPORTS / "full.xml", "plant7")
    page = server.wait_for("plant7", FOUND)
    assert not lines_of(page, "SmartFileRejectedTime")


def test_a_reload_is_all_or_nothing(server):
    north = server.inventory / "north.yml"
    good = north.read_text("utf-8")
    added = good.replace("  - name: plant7", "  - name: newcomer\n    legal_entity: ООО «Новый»\n    manager: north-1\n"
                         "    kind: push\n    since: 2026-01-15\n\n  - name: plant7", 1)  # fmt: skip
    assert added != good
    north.write_text(added.replace("legal_entity: ООО «Новый»", "legal_entiti: ООО «Новый»"), "utf-8")
    answer = requests.post(f"{server.operations}/-/reload", timeout=30)
    assert answer.status_code == 500
    assert "legal_entiti: is not a known key; did you mean legal_entity?" in answer.text
    metrics = requests.get(f"{server.operations}/metrics", timeout=10).text.splitlines()
    assert "smart_config_last_reload_successful 0.0" in metrics
    assert "SmartXMLfileMaxAge 172800" in server.page("plant7").splitlines()
    north.write_text(added, "utf-8")
    server.send(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while not requests.get(
        f"{server.operations}/metrics/client", params={"dealer": DEALER, "client": "newcomer"}, timeout=10
    ).ok:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "smart_config_last_reload_successful 1.0" in requests.get(
        f"{server.operations}/metrics", timeout=10
    ).text.splitlines()  # fmt: skip
    assert '"client":"newcomer"' in requests.get(f"{server.operations}/sd", timeout=10).text


def test_it_stops_at_once_and_cleanly_when_told(server):
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 30


def test_the_token_stands_nowhere(server):
    server.upload(REPORTS / "lost-key.xml", "plant7")
    server.wait_for("plant7", LOST)
    requests.post(f"{server.intake}/upload?token={server.token}", headers={"dealer": "nobody"}, timeout=10)
    seen = [server.log.read_bytes(), requests.get(f"{server.operations}/metrics", timeout=10).content]
    seen += [path.read_bytes() for path in server.data.rglob("*") if path.is_file()]
    seen += [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [content for content in seen if server.token.encode() in content]


def test_a_second_process_over_postgresql_shows_what_the_first_took_in(tmp_path, postgres):
    url = postgres.new_database()
    token = copy_inventory(tmp_path / "inventory")
    servers = [SmartServer(tmp_path / name, tmp_path / "inventory", token, url) for name in ("one", "two")]
    try:
        for server in servers:
            server.start()
        servers[0].upload(REPORTS / "lost-key.xml", "plant7")
        servers[1].wait_for("plant7", LOST)
        assert servers[0].page("plant7") == servers[1].page("plant7")
    finally:
        for server in servers:
            server.stop()
        postgres.drop_database(url)
