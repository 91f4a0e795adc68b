"""What hostile or broken senders can do to the real `smart serve`, which must go on for everybody else."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests
from two_dealers import OTHER, put, report, settle, state_of, two_dealers, value_of, wait_until, zipped

from servers_prometheus import run_prometheus
from servers_smart import DEALER, ROOT, SmartServer

pytestmark = pytest.mark.e2e

FULL = (ROOT / "tests" / "data" / "reports" / "full.xml").read_bytes()
NESTED = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11))
BILLION = f'<!DOCTYPE sysinfo [<!ENTITY e0 "ha">{NESTED}]><sysinfo created="&e10;"/>'
HOUR = '<users><user login="u"><activity hour="2026-11-20T09:00:00" requests="{}"/></user></users>'
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) smart[\w.]*: ")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all cases; in the end its log must hold neither a token, nor a defect, nor a line of others."""
    directory = tmp_path_factory.mktemp("hostile")
    token, other = two_dealers(directory / "inventory")
    started = SmartServer(directory / "one", directory / "inventory", token)
    started.other_token = other
    started.start()
    yield started
    assert started.stop() == 0
    log = started.log.read_text("utf-8")
    assert [line for line in log.splitlines() if not LOG_LINE.match(line)] == []
    kept = [path.read_bytes() for path in started.data.rglob("*") if path.is_file()]
    assert not [1 for content in [log.encode(), *kept] for secret in (token, other) if secret.encode() in content]


def resident_bytes(server: SmartServer) -> int:
    text = Path(f"/proc/{server.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


BAD = {
    "empty file": (b"", 422, "empty"),
    "zip bomb": (zipped(b'<sysinfo created="2026-11-20">' + b" " * (64 << 20) + b"</sysinfo>"), 200, "bomb"),
    "zip with ../x": (zipped(FULL, "../x.xml"), 422, "bad-zip"),
    "zip with an absolute path": (zipped(FULL, "/etc/cron.d/x"), 422, "bad-zip"),
    "zip in a zip": (zipped(zipped(FULL)), 422, "bad-zip"),
    "10 nested entities": (BILLION.encode(), 422, "dtd"),
    "DOCTYPE": (b"<!DOCTYPE sysinfo>" + FULL.partition(b"?>")[2].lstrip(), 422, "dtd"),
    "external entity": (b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><s>&x;</s>', 422, "dtd"),
    "a web page": (b"<html><body>login</body></html>", 415, "not-a-report"),
    "a program": (b"MZ" + bytes(1000), 415, "not-a-report"),
    "a number beyond all": (report(HOUR.format(2**63 - 1)), 200, "bad-value"),
    "year 0001": (report(created="0001-01-01T00:00:00"), 200, "bad-value"),
    "an endless attribute": (report(f"<server os='{'x' * 2_000_000}'/>"), 200, "broken-xml"),
    "a login of a megabyte": (report(f"<users><user login='{'x' * 1_000_000}'/></users>"), 200, "bad-value"),
    "deep nesting": (report("<x>" * 5000 + "</x>" * 5000), 200, "wrong-layout"),
    "windows-1251 with a NUL": (report("<server os='\0'/>").replace(b"UTF-8", b"windows-1251"), 422, "broken-xml"),
    "text compressed by the sender": (b"\x1f\x8b\x08\0" + bytes(100), 415, "not-a-report"),
}  # fmt: skip


def next_second() -> None:
    """Files are told apart by the second in which they came: which of one second is the newest is not known."""
    time.sleep(1.02 - time.time() % 1)


def refusal(server, name: str, content: bytes) -> tuple[int, str]:
    """The code of the answer, and why the file was refused, then or later."""
    answer = put(server, name, content)
    if answer.status_code != 200:
        return answer.status_code, answer.json()["reason"]
    settle(server)
    page = wait_until(lambda: re.search(r'SmartFileRejectedTime\{reason="([a-z-]+)"\}', server.page("plant7")))
    return 200, page[1]


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_reason_and_the_next_one_is_read(server, case):
    content, code, reason = BAD[case]
    next_second()
    assert refusal(server, "plant7.zip", content) == (code, reason)
    wait_until(lambda: state_of(server, "plant7").get("state") == "rejected")
    assert state_of(server, "plant7")["error"]
    seats = 100 + list(BAD).index(case)
    next_second()
    assert put(server, "plant7.xml", report(seats=seats)).ok
    page = server.wait_for("plant7", f"KodeksSeats {seats}")
    assert "SmartFileRejectedTime{" not in page


@pytest.mark.parametrize("pack", [bytes, zipped], ids=["XML", "zip"])
def test_a_report_cut_at_any_twentieth_is_refused(server, pack):
    whole = pack(FULL)
    for part in range(20):
        answer = put(server, "institute.zip", whole[: len(whole) * part // 20])
        assert answer.status_code in (415, 422), part
        assert not answer.json()["ok"]
    assert value_of(server.page("institute"), "KodeksSeats") is None
    assert not (server.data / "files" / DEALER / "institute.report").exists()


def test_one_gigabyte_in_chunks_is_cut_off_and_takes_no_memory(server):
    before, most = resident_bytes(server), 0
    script = (
        "(printf '<sysinfo>'; head -c 1G /dev/zero) | curl -sS -T - -H 'Transfer-Encoding: chunked' "
        f"-H 'dealer: {DEALER}' -H 'Authorization: Bearer {server.token}' -w '%{{http_code}}' "
        f"{server.intake}/upload/plant7.xml"
    )
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as sender:
        while sender.poll() is None:
            most = max(most, resident_bytes(server))
            time.sleep(0.005)
        assert sender.stdout.read().decode().endswith("413")
    assert most - before < 32 << 20
    wait_until(lambda: not list((server.data / "tmp").iterdir()))


def test_a_sender_that_stops_midway_leaves_nothing(server):
    host, port = server.intake.removeprefix("http://").split(":")
    head = (
        f"PUT /upload/plant7.xml HTTP/1.1\r\nHost: x\r\nDealer: {DEALER}\r\nContent-Length: 3000000\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n<?xml"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b"x" * 1_000_000)
        wait_until(lambda: list((server.data / "tmp").iterdir()))
    wait_until(lambda: not list((server.data / "tmp").iterdir()))
    assert not list((server.data / "spool").iterdir())


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fx.xml", "%2fetc%2fpasswd", "plant7%00.xml", "%D0%97%D0%B0%D0%B2%D0%BE%D0%B4.xml", "a" * 300 + ".xml",
     "plant7%0d%0aX-Evil:1.xml", "plant7.xml%2f..", "plant7%5c.xml"],
)  # fmt: skip
def test_a_name_that_is_none_is_refused_everywhere(server, name):
    before = sorted(server.data.rglob("*"))
    session = requests.Session()
    headers = {"dealer": DEALER, "Authorization": f"Bearer {server.token}"}
    for method, path, code in (("PUT", "/upload?name=", 400), ("GET", "/files/", 404), ("HEAD", "/files/", 404)):
        asked = requests.Request(
            method, server.intake, data=FULL if method == "PUT" else None, headers=headers
        ).prepare()
        asked.url = f"{server.intake}{path}{name}"  # as it is, dots and all
        assert session.send(asked, timeout=30).status_code == code
    assert sorted(server.data.rglob("*")) == before


DOORS = {
    "upload": ("PUT", "/upload/{client}.xml"),
    "upload by parameter": ("POST", "/upload?name={client}.xml"),
    "question": ("GET", "/files/{client}.xml"),
    "head": ("HEAD", "/files/{client}.xml"),
    "status": ("GET", "/files/{client}.status"),
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_opens_to_the_token_of_another_dealer(server, door):
    put(server, "vesna.xml", report(seats=77), server.other_token, OTHER)
    settle(server)
    method, path = DOORS[door]

    def ask(client: str, dealer: str, token: str) -> tuple[int, bytes, list[str]]:
        headers = {"dealer": dealer, "Authorization": f"Bearer {token}"}
        url = server.intake + path.format(client=client)
        answer = requests.request(method, url, data=report(seats=1), headers=headers, timeout=30)
        return answer.status_code, answer.content.replace(client.encode(), b"?"), sorted(answer.headers)

    code, *_ = ask("vesna", OTHER, server.token)
    assert code == 403
    assert ask("vesna", OTHER, server.token) == ask("vesna", "NOBODY", server.token) == ask("x", OTHER, "wrong")
    # Among one's own clients that of another dealer is as unknown as one that nobody has.
    assert ask("vesna", DEALER, server.token) == ask("nobody", DEALER, server.token)
    assert ask("vesna", DEALER, server.token)[0] == 404
    settle(server)
    page = requests.get(f"{server.operations}/metrics/client?dealer={OTHER}&client=vesna", timeout=30).text
    assert value_of(page, "KodeksSeats") == 77


def test_clients_of_one_name_are_two_clients(server):
    put(server, "plant7.xml", report(seats=31))
    put(server, "plant7.xml", report(seats=32), server.other_token, OTHER)
    settle(server)
    other = f"{server.operations}/metrics/client?dealer={OTHER}&client=plant7"
    wait_until(lambda: value_of(requests.get(other, timeout=30).text, "KodeksSeats") == 32)
    server.wait_for("plant7", "KodeksSeats 31")


def test_a_clock_a_day_ahead_looks_no_fresher_and_hides_no_later_report(server):
    assert put(server, "romashka.xml", report(created=time.time() + 86_400, seats=41)).ok
    page = server.wait_for("romashka", "KodeksSeats 41")
    assert value_of(page, "SmartXMLfileTime") <= time.time()
    assert value_of(page, "SmartXMLfileCreatedTime") > time.time() + 80_000
    wait_until(lambda: time.time() >= value_of(page, "SmartXMLfileReceivedTime") + 1)
    assert put(server, "romashka.xml", report(seats=42)).ok
    page = server.wait_for("romashka", "KodeksSeats 42")
    assert value_of(page, "SmartXMLfileCreatedTime") <= time.time()


def test_two_uploads_of_one_client_at_once_are_both_taken(server):
    answers = []
    moments = [time.time() - 7200 + minute * 60 for minute in range(8)]

    def send(moment: float) -> None:
        answers.append(put(server, "elevator.xml", report(created=moment, seats=int(moment % 1000))).status_code)

    threads = [threading.Thread(target=send, args=(moment,)) for moment in moments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    settle(server)
    server.wait_for("elevator", f"KodeksSeats {int(moments[-1] % 1000)}")


@pytest.mark.parametrize(
    "request_",
    [
        b"PUT /upload/plant7.xml HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /upload/plant7.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"PUT /upload/plant7.xml HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /upload/plant7.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"PUT /upload/plant7.xml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"PUT /upload/plant7.xml HTTP/1.1\r\nHost : x\r\n\r\n",
        b"PUT /upload/plant7.xml HTTP/1.1\r\nX: a\nDealer: b\r\n\r\n",
        b"GET /upload HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["length and chunks", "two lengths", "negative length", "length of no computer", "chunk of no computer",
         "blank before the colon", "bare line feed", "version", "HTTP/2"],
)  # fmt: skip
@pytest.mark.parametrize("side", ["intake", "operations"])
def test_a_request_that_could_be_read_in_two_ways_gets_one_refusal(server, side, request_):
    host, port = getattr(server, side).removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), 15) as connection:
        connection.sendall(request_ + b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")  # smuggled behind
        connection.settimeout(15)
        try:
            while data := connection.recv(65536):
                received += data
        except OSError:
            pass
    assert received.startswith(b"HTTP/1.1 4")
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"healthy" not in received


def text(number: int) -> str:
    """Hostile text for one place of a report, as XML; what it means comes back as a label."""
    evil = (
        f'{number}"}} 1\nKodeksSeats{{dealer="evil",branch="evil",client="evil"}} 666\n# TYPE x counter\\\u2028\x85\\n'
    )
    return evil.replace("&", "&amp;").replace('"', "&quot;").replace("\n", "&#10;").replace("<", "&lt;")


def hostile_report() -> bytes:
    hour = time.strftime("%Y-%m-%dT%H:00:00", time.gmtime(time.time() + 3 * 3600))
    moment = hour.replace(":00:00", ":00:01")
    texts = iter(map(text, range(100)))
    t = texts.__next__
    return f"""<?xml version="1.0"?><sysinfo version="{t()}" created="{moment}">
    <server product="{t()}" os="{t()}" address="{t()}"/>
    <registration number="{t()}" owner="{t()}" seats="25">
      <protection type="SenseLock{t()}" status="{t()}" code="{t()}" message="{t()}"/></registration>
    <components><component name="{t()}" version="{t()}"/></components>
    <state><warning code="{t()}" text="{t()}"/></state>
    <catalogs><catalog path="{t()}"/></catalogs>
    <databases><database number="{t()}" name="{t()}" file="{t()}" update="{t()}">
      <error code="{t()}" message="{t()}"/><operup file="{t()}" updated="{moment}"/></database></databases>
    <users><user login="{t()}" domain="{t()}"><activity hour="{hour}" requests="5"/></user></users>
    <rejections><rejection login="{t()}" time="{moment}" reason="{t()}"/></rejections>
    <searches><search time="{moment}" login="{t()}" catalog="{t()}" type="{t()}" source="{t()}" found="0">{t()}</search>
      <search time="{moment}" login="{t()}" catalog="{t()}" type="{t()}" source="{t()}" found="-1">{t()}</search>
    </searches></sysinfo>""".encode()


def test_nothing_in_a_report_forges_whose_it_is(server, tmp_path):
    """A real Prometheus reads the page: texts stay texts, and the labels of the inventory are the inventory's alone."""
    assert put(server, "depot-closed.xml", hostile_report()).ok
    server.wait_for("depot-closed", "KodeksSeats 25")
    config = tmp_path / "prometheus.yml"
    job = {
        "job_name": "smart",
        "scrape_interval": "1s",
        "http_sd_configs": [{"url": f"{server.operations}/sd", "refresh_interval": "1s"}],
    }
    config.write_text(json.dumps({"scrape_configs": [job]}))
    listed = {
        (group["labels"]["dealer"], group["labels"]["branch"], group["labels"].get("client", ""))
        for group in requests.get(f"{server.operations}/sd", timeout=30).json()
    }
    with run_prometheus(config, tmp_path / "prometheus") as prometheus:
        wait_until(lambda: len(prometheus.query("up == 1")) == len(listed), why=lambda: str(prometheus.get("targets")))
        seen = prometheus.query('count by (dealer, branch, client) ({job="smart"})')
        assert {(s.get("dealer"), s.get("branch"), s.get("client", "")) for s, _ in seen} == listed
        assert (DEALER, "north", "depot-closed") in listed
        for label in ("dealer", "branch", "client", "manager", "kind", "job", "instance"):
            assert prometheus.query(f'{{exported_{label}=~".+"}}') == []
        assert prometheus.query("KodeksSeats == 666") == []
        ((labels, _),) = prometheus.query('KodeksWarningInfo{client="depot-closed"}')
        assert 'KodeksSeats{dealer="evil"' in labels["text"]
        assert labels["text"].count("\n") == 2
        events = prometheus.query('{__name__=~"Kodeks.*Events",client="depot-closed"}')
        assert {labels["__name__"] for labels, _ in events} >= {"KodeksSearchEmptyEvents", "KodeksSearchErrorEvents"}


def reloaded(server) -> float | None:
    return value_of(
        requests.get(f"{server.operations}/metrics", timeout=30).text, "smart_config_last_reload_successful"
    )


def test_a_reload_of_hostile_yaml_changes_nothing_while_uploads_go_on(server):
    bad = server.inventory / "zz-hostile.yml"
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    cases = (bomb, "[" * 50_000, "dealer: \tx", "!!python/object/apply:os.system [id]", "dealer: !!binary x\n? ? ?")
    answers: list[int] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            answers.append(put(server, "institute.xml", report()).status_code)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for content in (*(case.encode() for case in cases), b"\xff\xfe\x00dealer"):
            bad.write_bytes(content)
            server.send(signal.SIGHUP)
            wait_until(lambda: reloaded(server) == 0)
            bad.unlink()
            server.send(signal.SIGHUP)
            wait_until(lambda: reloaded(server) == 1)
    finally:
        stop.set()
        sender.join()
    assert len(answers) > len(cases)
    assert set(answers) == {200}
