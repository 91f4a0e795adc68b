"""Whether a file has arrived and what became of it; and that no secret ever shows."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest

from intake.intake_harness import STATUS, curl, metrics_text, report, running_intake
from smart.errors import ConfigError, StoreError
from smart.web.server import build_server, run_servers


@pytest.fixture
def intake(tmp_path):
    with running_intake(tmp_path / "spool") as running:
        yield running


def ask(intake, name: str, *arguments: str, token: str = "", dealer: str = "7700NORTH"):
    return curl("-H", f"dealer: {dealer}", f"{intake.url}/files/{name}?token={token or intake.token}", *arguments)


def upload(intake, name: str, content: bytes):
    return curl("-H", "dealer: 7700NORTH", "--data-binary", "@-",
                f"{intake.url}/upload?name={name}&token={intake.token}", stdin=content)  # fmt: skip


def last_modified(answer) -> float:
    line = next(line for line in answer.headers.splitlines() if line.startswith("last-modified:"))
    return parsedate_to_datetime(line.split(":", 1)[1].strip()).timestamp()


def test_a_file_is_not_there_then_accepted_then_in_work_then_stored(intake):
    assert ask(intake, "romashka.xml").code == 404
    path = upload(intake, "romashka.zip", report()).body["path"]
    assert path == "/files/romashka.xml"
    answer = ask(intake, "romashka.xml")
    assert (answer.code, answer.body["ok"], answer.body["state"]) == (200, True, "accepted")
    assert (answer.body["path"], answer.body["size"], answer.body["error"]) == (path, len(report()), "")
    assert abs(last_modified(answer) - time.time()) < 60
    assert answer.body["received"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last_modified(answer)))
    (file,) = intake.accepted
    intake.spool.start(file)
    assert ask(intake, "romashka.zip").body["state"] == "processing"
    intake.spool.done(file, newest=True)
    intake.known["7700NORTH", "romashka"] = SimpleNamespace(received=file.received, size=7, state="accepted", error="")
    assert ask(intake, "romashka").body["state"] == "stored"


def test_a_refused_file_says_why(intake):
    intake.known["7700NORTH", "romashka"] = SimpleNamespace(
        received=1_795_000_000, size=7, state="rejected", error="строка 3: файл оборван"
    )
    answer = ask(intake, "romashka.xml")
    assert (answer.body["state"], answer.body["error"]) == ("rejected", "строка 3: файл оборван")
    assert last_modified(answer) == 1_795_000_000


def test_while_the_store_is_away_the_answer_is_to_come_again(intake):
    def away(_dealer, _client):
        raise StoreError("sqlite: away")

    intake.app._lookup = away
    answer = ask(intake, "romashka.xml")
    assert (answer.code, answer.body["reason"]) == (503, "store-away")


def test_a_store_that_hangs_keeps_no_upload_waiting(intake):
    """Neither broken files, which the store is told of, nor questions about files, which it is asked."""
    hanging = threading.Event()
    intake.refused = SimpleNamespace(append=lambda _refusal: hanging.wait(30))
    intake.known = SimpleNamespace(get=lambda _key: hanging.wait(30) and None)
    questions = [threading.Thread(target=ask, args=(intake, "romashka.xml")) for _ in range(8)]
    try:
        for thread in questions:
            thread.start()
        large = report().replace(b"</sysinfo>", b" " * 3_000_000 + b"</sysinfo>")
        for content, code in [*[(b"PK\x03\x04 broken", 422)] * 8, (report(), 200), (large, 200)]:
            answer = upload(intake, "romashka.xml", content)
            assert (answer.code, answer.seconds < 10) == (code, True)
    finally:
        hanging.set()
        for thread in questions:
            thread.join()


def test_a_status_file_is_there_once_it_has_come(intake):
    assert ask(intake, "romashka.status").code == 404
    upload(intake, "romashka.status", STATUS)
    answer = ask(intake, "romashka.status")
    assert (answer.code, answer.body["size"], answer.body["state"]) == (200, len(STATUS), "stored")
    assert ask(intake, "romashka.xml").code == 404


def test_head_has_the_head_of_the_answer_and_no_body(intake):
    upload(intake, "romashka.status", STATUS)
    answer = ask(intake, "romashka.status", "-I")
    assert answer.code == 200
    assert "last-modified:" in answer.headers
    assert ask(intake, "plant7.status", "-I").code == 404


@pytest.mark.parametrize("name", ["vesna.xml", "stranger.xml", "..", "%d0%97.xml", "a" * 300, ""])
def test_what_is_not_the_dealers_is_not_found(intake, name):
    intake.known["7800SOUTH", "vesna"] = SimpleNamespace(received=1, size=1, state="accepted", error="")
    answer = ask(intake, name, "--path-as-is")
    assert (answer.code, answer.body["ok"]) == (404, False)


@pytest.mark.parametrize(("dealer", "token"), [("7700NORTH", "x"), ("7800SOUTH", ""), ("NOBODY", ""), ("NOBODY", "x")])
def test_strangers_learn_nothing(intake, dealer, token):
    upload(intake, "romashka.status", STATUS)
    answer = ask(intake, "romashka.status", dealer=dealer, token=token)
    assert (answer.code, answer.body["reason"]) == (403, "wrong-token")


def test_no_token_shows_in_answers_logs_metrics_or_the_directory(intake, tmp_path):
    said = [
        upload(intake, "romashka.zip", report()),
        upload(intake, "romashka.zip", b"rubbish"),
        upload(intake, "stranger.zip", report()),
        upload(intake, "a/b", report()),
        ask(intake, "romashka.xml"),
        ask(intake, "romashka.xml", "-X", "POST"),
        ask(intake, "romashka.xml", dealer="NOBODY"),
        curl("-X", "POST", f"{intake.url}/upload&token={intake.token}"),
        curl("-X", "POST", f"{intake.url}/upload?token={intake.token}&name=%zz", "-H", f"dealer: {intake.token[:5]}"),
    ]
    from prometheus_client import generate_latest

    files = b"".join(path.read_bytes() for path in intake.spool.directory.rglob("*") if path.is_file())
    names = "".join(str(path.relative_to(tmp_path)) for path in intake.spool.directory.rglob("*"))
    shown = intake.log.getvalue() + names + files.decode("utf-8", "replace") + generate_latest().decode()
    shown += "".join(str(answer.body) for answer in said)
    assert "POST «/upload»" in shown
    for token in intake.dealers.tokens:
        assert token not in shown


def test_several_listeners_run_in_one_loop_one_with_tls(tmp_path):
    import asyncio

    import uvloop

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def app(scope, receive, send):
        body = scope["scheme"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    servers = [build_server(app, "127.0.0.1", 0), build_server(app, "127.0.0.1", 0, ssl_context=context)]
    ports = [server.bind() for server in servers]
    loop, stop = uvloop.new_event_loop(), asyncio.Event()

    def run():
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run_servers(servers, stop))

    thread = threading.Thread(target=run)
    thread.start()
    assert metrics_text(f"http://127.0.0.1:{ports[0]}/") == "http"
    answer = subprocess.run(["curl", "-sSk", f"https://127.0.0.1:{ports[1]}/"], capture_output=True, timeout=20)
    assert answer.stdout == b"https"
    with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{ports[0]}: Address already in use"):
        build_server(app, "127.0.0.1", ports[0]).bind()
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    assert not thread.is_alive()
