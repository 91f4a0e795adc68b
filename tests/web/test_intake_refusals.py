"""What the intake refuses, before or after it has read the body, and how it says so."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from intake.intake_harness import STATUS, Dealers, IntakeProcess, curl, report, running_intake, zipped
from smart.intake.limits import IntakeSettings
from smart.intake.names import FileClass
from smart.web.server import ServerLimits

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def intake(tmp_path_factory):
    settings = IntakeSettings(max_bytes=4 * MEBIBYTE, requests_burst=100_000, failures_burst=100_000)
    with running_intake(tmp_path_factory.mktemp("intake") / "spool", settings) as running:
        yield running


@pytest.fixture
def nothing_kept(intake):
    """The case under test puts nothing into the spool and leaves nothing behind."""
    before = intake.spool.pending()
    yield
    assert intake.leftovers() == []
    assert intake.spool.pending() == before


def send(intake, name: str, content: bytes, *arguments: str):
    head = ("-H", "dealer: 7700NORTH", "-H", f"Authorization: Bearer {intake.token}")
    return curl(*head, *arguments, "--data-binary", "@-",
                f"{intake.url}/upload?name={name}", stdin=content)  # fmt: skip


def form(intake, name: str, content: bytes, tmp_path, *arguments: str):
    (tmp_path / "body").write_bytes(content)
    return curl("-H", "dealer: 7700NORTH", "-F", f'file=@body;filename="{name}"', *arguments,
                f"{intake.url}/upload?token={intake.token}", cwd=tmp_path)  # fmt: skip


STRANGERS = {
    "no token": ("7700NORTH", ""),
    "wrong token": ("7700NORTH", "wrong"),
    "token of another dealer": ("7700NORTH", "{south}"),
    "unknown dealer": ("9999NOBODY", "{token}"),
    "unknown dealer, wrong token": ("9999NOBODY", "wrong"),
    "no dealer, wrong token": ("", "wrong"),
    "a very long token": ("7700NORTH", "x" * 5000),
    "not UTF-8": ("7700NORTH", "%ff%fe"),
}


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("way", ["address", "bearer"])
@pytest.mark.parametrize("case", STRANGERS)
def test_strangers_get_one_and_the_same_answer(intake, case, way):
    dealer, token = STRANGERS[case]
    token = token.format(south=intake.south_token, token=intake.token)
    arguments = ["-H", f"dealer: {dealer}"] if dealer else []
    url = f"{intake.url}/upload?name=romashka.xml"
    if way == "bearer":
        arguments += ["-H", f"Authorization: Bearer {token}"]
    else:
        url += f"&token={token}"
    answer = curl(*arguments, "--data-binary", "@-", url, stdin=report())
    assert answer.code == 403
    assert answer.body == {
        "ok": False,
        "error": "токен не подходит: проверьте заголовок dealer и токен",
        "reason": "wrong-token",
    }
    wanted = {"content-type", "content-length", "connection", "date"}
    assert {line.split(":")[0] for line in answer.headers.splitlines() if ":" in line} == wanted


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("length", ["content-length: 4000000000", "transfer-encoding: chunked"])
def test_a_wrong_token_is_answered_before_a_byte_of_the_body(intake, length):
    with socket.create_connection(("127.0.0.1", intake.port)) as connection:
        head = f"PUT /upload/romashka.xml HTTP/1.1\r\nHost: x\r\nDealer: 7700NORTH\r\n{length}\r\n"
        connection.sendall(f"{head}Authorization: Bearer wrong\r\nExpect: 100-continue\r\n\r\n".encode())
        connection.settimeout(5)
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("token", ["wrong", "right"])
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_a_sender_in_full_flow_sees_the_answer_not_a_reset_connection(intake, token, expect):
    """1 GB made on the fly: cut off at the limit, or at once when the token is wrong."""
    token = intake.token if token == "right" else token
    script = (
        f"(printf '<?xml version=\"1.0\"?><sysinfo>'; head -c 1G /dev/zero) | curl -sS -T - -H '{expect}' "
        f"-H 'dealer: 7700NORTH' -H 'Authorization: Bearer {token}' -w '%{{http_code}}' "
        f"{intake.url}/upload/romashka.xml"
    )
    started = time.monotonic()
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=60)
    assert time.monotonic() - started < 30
    text = done.stdout.decode()
    if token == "wrong":
        assert text.endswith("403")
        assert "токен не подходит" in text
    else:
        assert text.endswith("413")
        assert "файл больше допустимого: предел 4 МиБ" in text
    assert done.stderr == b""


@pytest.mark.usefixtures("nothing_kept")
def test_a_file_announced_too_large_is_not_even_begun(intake, tmp_path):
    (tmp_path / "romashka.xml").write_bytes(report() + b" " * 5 * MEBIBYTE)
    for arguments in (
        ["-T", "romashka.xml"],
        ["-F", "file=@romashka.xml"],
        ["-F", "file=@romashka.xml", "-H", "Expect:"],
    ):
        address = (
            f"{intake.url}/upload/?token={intake.token}"
            if "-T" in arguments
            else f"{intake.url}/upload?token={intake.token}"
        )
        answer = curl("-H", "dealer: 7700NORTH", *arguments, address, cwd=tmp_path)
        assert (answer.code, answer.body["reason"]) == (413, "too-large")
        assert "broken pipe" not in answer.stderr.lower()
        assert "100 continue" not in answer.headers


@pytest.mark.usefixtures("nothing_kept")
def test_a_form_without_a_length_is_cut_off_at_the_limit(intake, tmp_path):
    content = report() + b" " * 6 * MEBIBYTE
    answer = form(intake, "romashka.xml", content, tmp_path, "-H", "Transfer-Encoding: chunked")
    assert (answer.code, answer.body["reason"]) == (413, "too-large")


@pytest.mark.usefixtures("nothing_kept")
def test_memory_stays_flat_under_one_gigabyte(tmp_path):
    """In a process of its own, with the limit of 64 MiB."""
    with IntakeProcess(tmp_path / "spool", Dealers()) as server:
        curl(
            "--data-binary",
            "@-",
            "-H",
            "dealer: 7700NORTH",
            f"{server.url}/upload?name=romashka.xml&token={server.token}",
            stdin=report(),
        )
        before = server.resident_bytes()
        address = f"{server.url}/upload/romashka.xml?token={server.token}"
        script = f"head -c 1G /dev/zero | curl -sS -T - -H 'dealer: 7700NORTH' '{address}'"
        sender = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
        most = 0
        while sender.poll() is None:
            most = max(most, server.resident_bytes())
            time.sleep(0.005)
        assert "предел 64 МиБ" in sender.stdout.read().decode()
        sender.stdout.close()
        assert most - before < 16 * MEBIBYTE
        assert list((tmp_path / "spool" / "tmp").iterdir()) == []


NAMES = {
    "slash": ("../x.xml", "«../x.xml»"),
    "backslash": ("a\\b.xml", "«a\\b.xml»"),
    "Cyrillic": ("Завод.xml", "«Завод.xml»"),
    "300 characters": ("a" * 300 + ".xml", "«" + "a" * 80 + "…»"),
    "65 characters": ("a" * 65 + ".xml", "«" + "a" * 65 + ".xml»"),
    "blank": ("a b.xml", "«a b.xml»"),
    "only an extension": (".xml", "«.xml»"),
    "right-to-left mark": ("a\u202eb.xml", "«a\\u202eb.xml»"),
}
ADDRESS_ONLY = {
    "NUL": ("a%00b.xml", "«a\\x00b.xml»"),
    "line break": ("a%0d%0ab.xml", "«a\\r\\nb.xml»"),
    "windows-1251": ("%c7%e0%e2%ee%e4.xml", "«\\xc7\\xe0\\xe2\\xee\\xe4.xml»"),
}


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("way", ["form", "parameter", "path"])
@pytest.mark.parametrize("case", [*NAMES, *ADDRESS_ONLY])
def test_a_name_no_client_can_have_is_shown_safely(intake, tmp_path, case, way):
    name, shown = {**NAMES, **ADDRESS_ONLY}[case]
    if way == "form":
        raw = name.replace("%00", "\x00").replace("%0d%0a", "\x0b").replace("%c7%e0%e2%ee%e4", "%c7")
        shown = shown.replace("\\xc7\\xe0\\xe2\\xee\\xe4", "%c7").replace("\\r\\n", "\\x0b")
        boundary = b"----b"
        head = f'Content-Disposition: form-data; name="file"; filename="{raw}"\r\n\r\n'.encode()
        body = b"--" + boundary + b"\r\n" + head + report() + b"\r\n--" + boundary + b"--\r\n"
        answer = curl("-H", "Content-Type: multipart/form-data; boundary=----b", "-H", "dealer: 7700NORTH",
                      "--data-binary", "@-", f"{intake.url}/upload?token={intake.token}", stdin=body)  # fmt: skip
    else:
        escaped = name if case in ADDRESS_ONLY else quote(name, safe="/")
        address = f"/upload?name={escaped}&" if way == "parameter" else f"/upload/{escaped.replace('/', '%2f')}?"
        answer = curl("--path-as-is", "-H", "dealer: 7700NORTH", "--data-binary", "@-",
                      f"{intake.url}{address}token={intake.token}", stdin=report())  # fmt: skip
    assert (answer.code, answer.body["reason"]) == (400, "bad-name")
    assert answer.body["error"].startswith(f"недопустимое имя файла {shown}: файл должен называться")


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("name", ["stranger.xml", "Romashka.xml", "vesna.xml", "romashka.xml.xml"])
def test_a_client_the_dealer_does_not_list_is_named(intake, name):
    answer = send(intake, name, report())
    assert (answer.code, answer.body["reason"]) == (404, "unknown-client")
    assert f"«{name.removesuffix('.xml')}»" in answer.body["error"]


def multipart(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + end


FILE = 'Content-Disposition: form-data; name="file"; filename="romashka.xml"'
FORMS = {
    "no file field": (multipart(('Content-Disposition: form-data; name="x"', b"1")), "нет поля file"),
    "two file fields": (multipart((FILE, report()), (FILE, report())), "больше одного поля file"),
    "field without a file name": (multipart(('Content-Disposition: form-data; name="file"', b"1")), "не указано имя"),
    "empty file name": (multipart((FILE.replace("romashka.xml", ""), report())), "не указано имя"),
    "broken off": (multipart((FILE, report()), end=b""), "форма оборвана"),
    "not a form": (report(), "не похоже на форму"),
    "empty": (b"", "форма оборвана"),
    "endless part header": (multipart(("X: " + "a" * 100_000, b"")), "не похоже на форму"),
    "ten thousand parts": (
        multipart(*[('Content-Disposition: form-data; name="x"', b"1")] * 10_000, (FILE, report())),
        "кроме файла, больше 64 КиБ",
    ),
    "a large field beside the file": (
        multipart(('Content-Disposition: form-data; name="x"', b"1" * 70_000), (FILE, report())),
        "кроме файла, больше 64 КиБ",
    ),
    "a tail after the form": (multipart((FILE, report())) + b"x" * 70_000, "кроме файла, больше 64 КиБ"),
    "field name in capitals": (multipart((FILE.replace('"file"', '"FILE"'), report())), "нет поля file"),
    "a thousand part headers": (multipart(("\r\n".join(["X: 1"] * 1000), b"")), "не похоже на форму"),
}


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("case", FORMS)
def test_a_form_without_exactly_one_file_is_refused(intake, case):
    body, text = FORMS[case]
    answer = curl("-H", "Content-Type: multipart/form-data; boundary=b", "-H", "dealer: 7700NORTH",
                  "--data-binary", "@-", f"{intake.url}/upload?token={intake.token}", stdin=body)  # fmt: skip
    assert answer.code == 400
    assert text in answer.body["error"]


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "b" * 71])
def test_a_form_without_a_boundary_is_refused(intake, boundary):
    answer = curl("-H", f"Content-Type: multipart/form-data{boundary}", "-H", "dealer: 7700NORTH",
                  "--data-binary", "@-", f"{intake.url}/upload?token={intake.token}",
                  stdin=multipart((FILE, report())))  # fmt: skip
    assert (answer.code, answer.body["reason"]) == (400, "bad-form")


CONTENTS = {
    "empty": (b"", 422, "empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), 415, "not-a-report"),
    "zeros": (bytes(5000), 415, "not-a-report"),
    "truncated XML": (report()[:-20], 422, None),
    "truncated zip": (zipped(report())[:-30], 422, "bad-zip"),
    "zip with a path": (zipped(report(), "../x.xml"), 422, "bad-zip"),
    "status text of 5 MB": (STATUS * 45_000, 413, "too-large"),
}


@pytest.mark.parametrize("way", ["form", "raw"])
@pytest.mark.parametrize("case", CONTENTS)
def test_content_that_is_no_report_is_set_aside_with_the_reason_beside_it(tmp_path, case, way):
    content, code, reason = CONTENTS[case]
    (tmp_path / "files").mkdir()
    with running_intake(tmp_path / "spool", IntakeSettings(max_bytes=8 * MEBIBYTE)) as intake:
        if way == "raw":
            answer = send(intake, "romashka.zip", content)
        else:
            answer = form(intake, "romashka.zip", content, tmp_path)
        assert answer.code == code
        assert answer.body["ok"] is False
        assert reason in (None, answer.body["reason"])
        (note,) = intake.spool.rejected.rglob("*.reason.txt")
        assert answer.body["error"] in note.read_text("utf-8")
        assert note.with_name(note.name.removesuffix(".reason.txt")).read_bytes() == content
        deadline = time.monotonic() + 5  # it is recorded after the answer
        while not intake.refused and time.monotonic() < deadline:
            time.sleep(0.005)
        (refusal,) = intake.refused
        assert (refusal.client, refusal.size, refusal.reason) == ("romashka", len(content), answer.body["reason"])
        assert intake.spool.pending() == []
        assert intake.leftovers() == []


def test_a_status_sent_again_and_a_broken_one_in_between_leave_the_newest_good_one(tmp_path):
    with running_intake(tmp_path / "spool") as intake:
        for content in (STATUS, b"\x00\x01broken", STATUS + b"more 1\n"):
            send(intake, "romashka.status", content)
        assert intake.spool.kept("7700NORTH", "romashka", FileClass.STATUS).read_bytes() == STATUS + b"more 1\n"


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "/upload", 405, "wrong-method"),
        ("DELETE", "/upload/romashka.zip", 405, "wrong-method"),
        ("POST", "/files/romashka.xml", 405, "wrong-method"),
        ("GET", "/", 404, "unknown-path"),
        ("GET", "/metrics", 404, "unknown-path"),
        ("POST", "/uploads", 404, "unknown-path"),
        ("POST", "/upload&token={token}", 404, "unknown-path"),
        ("POST", "/upload", 400, "bad-name"),
        ("POST", "/upload/", 400, "bad-name"),
    ],
)
def test_wrong_methods_and_paths_are_refused(intake, method, path, code, reason):
    answer = curl("-X", method, "-H", "dealer: 7700NORTH", "-H", f"Authorization: Bearer {intake.token}",
                  intake.url + path.format(token=intake.token))  # fmt: skip
    assert (answer.code, answer.body["reason"]) == (code, reason)
    assert ("allow:" in answer.headers) == (code == 405)
    assert intake.token not in answer.body["error"]


def test_a_token_may_send_so_many_requests_and_is_told_when_to_come_again(tmp_path):
    settings = IntakeSettings(requests_per_second=0.01, requests_burst=3)
    with running_intake(tmp_path / "spool", settings) as intake:
        intake.dealers.clients = ()
        codes = []
        for _ in range(14):
            answer = send(intake, "romashka.status", STATUS)
            codes.append(answer.code)
        assert codes == [200] * 12 + [429] * 2  # four for each of three clients
        assert answer.body["reason"] == "too-many-requests"
        wait = int(answer.headers.split("retry-after: ")[1].split()[0])
        assert 1 <= wait <= 100
        other = curl("--data-binary", "@-", "-H", "dealer: 7800SOUTH",
                     f"{intake.url}/upload?name=vesna.status&token={intake.south_token}", stdin=STATUS)  # fmt: skip
        assert other.code == 200


def test_wrong_tokens_are_limited_by_address_without_locking_out_the_right_one(tmp_path):
    with running_intake(tmp_path / "spool", IntakeSettings(failures_per_second=0.01, failures_burst=2)) as intake:
        address = f"{intake.url}/upload?name=romashka.status&token="
        wrong = [curl("--data-binary", "@-", "-H", "dealer: 7700NORTH", address + "x", stdin=STATUS) for _ in range(3)]
        assert [answer.code for answer in wrong] == [403, 403, 429]
        assert "retry-after" in wrong[2].headers
        assert send(intake, "romashka.status", STATUS).code == 200


def test_nothing_is_taken_below_the_reserve_of_disk_space(tmp_path):
    with running_intake(tmp_path / "spool", IntakeSettings(reserve_bytes=1 << 60)) as intake:
        answer = send(intake, "romashka.xml", report())
        assert (answer.code, answer.body["reason"]) == (507, "disk-full")


def talk(port: int, *pieces: bytes, pause: float = 0.0, timeout: float = 10.0) -> tuple[bytes, float]:
    """Send the pieces slowly; what came back until the server closed, and after how long."""
    started = time.monotonic()
    received = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(timeout)
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            while data := connection.recv(65536):
                received += data
        except OSError:
            received += connection.recv(65536) if not received else b""
    return received, time.monotonic() - started


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    settings = IntakeSettings(body_idle_seconds=0.5, body_bytes_per_second=1000, body_seconds=3, linger_seconds=0.2)
    limits = ServerLimits(head_seconds=0.5, keep_alive_seconds=1)
    with running_intake(tmp_path_factory.mktemp("intake") / "spool", settings, limits) as running:
        yield running


def head_of(intake, length: int = 1000) -> bytes:
    return (
        f"PUT /upload/romashka.xml HTTP/1.1\r\nHost: x\r\nDealer: 7700NORTH\r\nContent-Length: {length}\r\n"
        f"Authorization: Bearer {intake.token}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ((), b""),
        ((b"PUT /upload HTTP/1.1\r\n",), b"HTTP/1.1 408 "),
        (
            (b"PUT ", b"/up", b"load", b" HTTP"),
            b"HTTP/1.1 408 ",
        ),
        ((b"\r\n",), b"HTTP/1.1 408 "),
        ((b"PUT /upload HTTP/1.1\r\n" + b"X: " + b"a" * 40_000,), b"HTTP/1.1 431 "),
        ((b"\x16\x03\x01 this is TLS",), b"HTTP/1.1 400 "),
        (("PUT /upload?name=Завод.xml HTTP/1.1\r\n\r\n".encode(),), b"HTTP/1.1 400 "),
    ],
    ids=["nothing", "no end", "a word at a time", "only a line break", "endless", "not HTTP", "bare Cyrillic"],
)
def test_a_head_that_does_not_end_in_time_is_cut_off(impatient, pieces, answer):
    received, seconds = talk(impatient.port, *pieces, pause=0.1)
    assert received.startswith(answer)
    assert bool(received) == bool(answer)
    assert seconds < 8


def asked_from(port: int, source: str = "127.0.0.1") -> bytes:
    """The beginning of the answer on a new connection; nothing when it was closed."""
    with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(13)
        except OSError:
            return b""


def answered(port: int, source: str = "127.0.0.1") -> bytes:
    """What is answered once closed connections have been noticed."""
    deadline = time.monotonic() + 5
    while not (answer := asked_from(port, source)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


def test_one_address_cannot_take_all_connections(tmp_path):
    limits = ServerLimits(connections=40, spare_connections=10, address_connections=5)
    with running_intake(tmp_path / "spool", limits=limits) as intake:
        held = [socket.create_connection(("127.0.0.1", intake.port)) for _ in range(20)]
        assert asked_from(intake.port) == b""
        assert asked_from(intake.port, "127.0.0.2") == b"HTTP/1.1 404 "
        for connection in held:
            connection.close()
        assert answered(intake.port) == b"HTTP/1.1 404 "


def test_above_the_limit_of_connections_some_are_told_and_none_is_held(tmp_path):
    limits = ServerLimits(connections=6, spare_connections=2, address_connections=0)
    with running_intake(tmp_path / "spool", limits=limits) as intake:
        held = [socket.create_connection(("127.0.0.1", intake.port)) for _ in range(7)]
        assert asked_from(intake.port) == b"HTTP/1.1 503 "
        held.append(socket.create_connection(("127.0.0.1", intake.port)))
        assert asked_from(intake.port) == b""
        for connection in held:
            connection.close()
        assert answered(intake.port) == b"HTTP/1.1 404 "


def test_a_later_request_on_a_connection_has_the_same_time_for_its_head(impatient):
    good = head_of(impatient, len(report())) + report()
    received, seconds = talk(impatient.port, good, b"PUT /upload HTTP/1.1\r\n", pause=0.2)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in received
    assert seconds < 8


def test_an_idle_connection_is_closed(impatient):
    good = head_of(impatient, len(report())) + report()
    received, seconds = talk(impatient.port, good)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert 0.5 < seconds < 8


@pytest.mark.parametrize("case", ["stops midway", "crawls"])
def test_a_body_that_stops_or_crawls_is_answered_408(impatient, case):
    pieces = [head_of(impatient, 100_000), b"<?xml"] + [b"a" * 50] * (20 if case == "crawls" else 0)
    received, seconds = talk(impatient.port, *pieces, pause=0.1)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert "передавался слишком медленно".encode() in received
    assert seconds < 8
    assert impatient.leftovers() == []


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize("sent", [0, 100, 1_000_000])
def test_a_sender_that_goes_away_midway_leaves_nothing_behind(intake, sent):
    with socket.create_connection(("127.0.0.1", intake.port)) as connection:
        connection.sendall(head_of(intake, 2_000_000) + b"<" * sent)
        time.sleep(0.1)


def test_a_full_disk_is_told_and_nothing_half_is_left(tmp_path):
    """A file system of 4 MiB, mounted in a name space of its own, under a real server."""
    (tmp_path / "small").mkdir()
    become_root = [] if os.geteuid() == 0 else ["--map-root-user"]  # a chroot has no user namespaces, nor a root
    unshare = ["unshare", *become_root, "--mount", "--propagation", "unchanged"]  # that could be made private here
    script = 'mount --make-rprivate / 2>/dev/null; mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
    mount = [*unshare, "sh", "-c", script, str(tmp_path / "small")]
    server = IntakeProcess(tmp_path / "small" / "spool", Dealers(), intake={"reserve_bytes": 0})
    server.log = tmp_path / "server.log"
    with server.start(tuple(mount)):

        def upload(content, *arguments):
            return curl("-H", "dealer: 7700NORTH", "--data-binary", "@-", *arguments,
                        f"{server.url}/upload?name=romashka.xml&token={server.token}", stdin=content)  # fmt: skip

        inside = Path(f"/proc/{server.child.pid}/root{tmp_path}/small/spool")

        def names(folder):
            return [path.name for path in (inside / folder).iterdir()]

        assert upload(report()).code == 200
        large = report().replace(b"</sysinfo>", b"<!--" + os.urandom(3 * MEBIBYTE).hex().encode() + b"--></sysinfo>")
        announced = upload(large)
        assert (announced.code, announced.body["reason"]) == (507, "disk-full")
        streamed = upload(large, "-H", "Transfer-Encoding: chunked")
        assert (streamed.code, streamed.body["reason"]) == (507, "disk-full")
        deadline = time.monotonic() + 30
        while names("tmp") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert names("tmp") == []
        assert len(names("spool")) == 1
        assert upload(report()).code == 200
        assert len(names("spool")) == 2
