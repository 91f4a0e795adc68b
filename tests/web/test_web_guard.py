"""TLS and basic authentication with real certificates, a real server and curl."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest

from certificates import make_certificate
from servers_operations import serving
from smart.web import guard as guard_module
from smart.web.guard import MAX_REMEMBERED, Gate, Guard

PASSWORD = "correct horse: battery"
LONG = "x" * 80
HASHES = {
    "alice": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
    "long": bcrypt.hashpw(LONG[:72].encode(), bcrypt.gensalt(4)).decode(),
}
USERS = "basic_auth_users:\n" + "".join(f"  {name}: {value}\n" for name, value in HASHES.items())
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key"


async def hello(scope, receive, send) -> None:
    """The application behind the guard."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"hello\n"})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_certificate(folder, "server", common_name="first")
    make_certificate(folder, "next", common_name="second")
    make_certificate(folder, "ca")
    make_certificate(folder, "stranger")
    make_certificate(folder, "visitor", signed_by="ca")
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    """Replaces the file as configuration tools do: in one step."""
    new = folder / "web.new"
    new.write_text(text, "utf-8")
    new.replace(folder / "web.yml")
    return folder / "web.yml"


@pytest.fixture
def start(folder) -> Iterator[Callable[..., str]]:
    """Starts a guarded server and tells its address."""
    running = []

    def start(text: str, clock: Clock | None = None) -> str:
        guard = Guard(write(folder, text), clock or Clock())
        context = guard.ssl_context()
        server = serving(guard.protect(hello), context)
        running.append(server)
        return f"{'https' if context else 'http'}://127.0.0.1:{server.__enter__()}"

    yield start
    for server in running:
        server.__exit__(None, None, None)


def curl(url: str, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    """Exit code of curl, and the HTTP code or its complaint."""
    command = ["curl", "-sS", "--max-time", "20", "-o", os.devnull, "-w", "%{http_code}", *arguments, url]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def test_without_a_file_everything_is_open() -> None:
    guard = Guard(None)
    assert guard.ssl_context() is None
    with serving(guard.protect(hello)) as port:
        assert curl(f"http://127.0.0.1:{port}/") == (0, "200")


def test_tls_is_spoken_with_the_certificate_of_the_file(start, folder) -> None:
    url = start(TLS + "}\n")
    assert curl(url, "--cacert", "server.crt", cwd=folder) == (0, "200")
    assert curl(url, "--cacert", "next.crt", cwd=folder)[0] == 60
    assert curl(url.replace("https", "http"))[0] != 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_both_current_versions_are_spoken(start, folder, version) -> None:
    url = start(TLS + "}\n")
    assert curl(url, "--cacert", "server.crt", f"--tlsv{version}", "--tls-max", version, cwd=folder) == (0, "200")


def test_an_older_version_than_allowed_is_refused(start, folder) -> None:
    url = start(TLS + ", min_version: TLS13}\n")
    assert curl(url, "--cacert", "server.crt", "--tls-max", "1.2", cwd=folder)[0] == 35


def test_a_renewed_certificate_is_used_without_a_restart(start, folder) -> None:
    url = start(TLS + "}\n")
    assert curl(url, "--cacert", "server.crt", cwd=folder) == (0, "200")
    old = (folder / "server.crt").read_bytes()
    (folder / "old.crt").write_bytes(old)
    (folder / "next.crt").replace(folder / "server.crt")
    assert curl(url, "--cacert", "old.crt", cwd=folder) == (0, "200"), "key and certificate do not fit yet"
    (folder / "next.key").replace(folder / "server.key")
    assert curl(url, "--cacert", "server.crt", cwd=folder) == (0, "200")
    assert curl(url, "--cacert", "old.crt", cwd=folder)[0] == 60
    (folder / "server.crt").write_text("broken\n")
    assert curl(url, "--insecure", cwd=folder) == (0, "200")


def test_a_visitor_needs_a_certificate_of_the_ca(start, folder) -> None:
    url = start(TLS + ", client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}\n")
    own = ("--cacert", "server.crt")
    assert curl(url, *own, "--cert", "visitor.crt", "--key", "visitor.key", cwd=folder) == (0, "200")
    assert curl(url, *own, "--cert", "stranger.crt", "--key", "stranger.key", cwd=folder)[0] != 0
    assert curl(url, *own, cwd=folder)[0] != 0


def test_a_visitors_certificate_is_still_asked_for_after_a_renewal(start, folder) -> None:
    url = start(TLS + ", client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}\n")
    for suffix in ("key", "crt"):
        (folder / f"next.{suffix}").replace(folder / f"server.{suffix}")
    own = ("--cacert", "server.crt")
    assert curl(url, *own, "--cert", "visitor.crt", "--key", "visitor.key", cwd=folder) == (0, "200")
    assert curl(url, *own, "--cert", "stranger.crt", "--key", "stranger.key", cwd=folder)[0] != 0
    assert curl(url, *own, cwd=folder)[0] != 0


LOGINS = {
    "right": ("alice", PASSWORD, "200"),
    "right, longer than bcrypt looks": ("long", LONG, "200"),
    "wrong": ("alice", "wrong", "401"),
    "empty": ("alice", "", "401"),
    "unknown": ("bob", PASSWORD, "401"),
    "password of another": ("long", PASSWORD, "401"),
    "Cyrillic": ("алиса", "пароль", "401"),
}


@pytest.fixture(scope="module")
def login_url(tmp_path_factory) -> Iterator[str]:
    guard = Guard(write(tmp_path_factory.mktemp("users"), USERS), Clock())
    with serving(guard.protect(hello)) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize(("user", "password", "status"), LOGINS.values(), ids=LOGINS.keys())
def test_a_login_is_right_or_refused(login_url, user, password, status) -> None:
    for _ in range(2):  # the second time from memory, where there is one
        assert curl(login_url, "--user", f"{user}:{password}") == (0, status)


HEADERS = ["", "Basic", "Basic !!!", "Basic YWxpY2U=", "Bearer token", "Basic " + base64.b64encode(b"\xff:x").decode()]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_is_no_login_is_refused(login_url, header) -> None:
    assert curl(login_url, "--header", f"Authorization: {header}") == (0, "401")


def test_a_refusal_asks_for_a_login(login_url) -> None:
    done = subprocess.run(["curl", "-sSi", login_url], capture_output=True, text=True, check=True)
    assert 'www-authenticate: Basic realm="smart"' in done.stdout


def test_headers_of_the_file_stand_on_every_answer(start) -> None:
    url = start("http_server_config: {headers: {X-Frame-Options: deny}}\n" + USERS)
    for login in ([], ["--user", f"alice:{PASSWORD}"]):
        done = subprocess.run(["curl", "-sSi", *login, url], capture_output=True, text=True, check=True)
        assert "x-frame-options: deny" in done.stdout


def test_users_of_a_changed_file_count_without_a_restart(start, folder, caplog) -> None:
    clock = Clock()
    url = start(USERS, clock)
    login = ("--user", f"alice:{PASSWORD}")
    assert curl(url, *login) == (0, "200")
    write(folder, f"basic_auth_users: {{long: {HASHES['long']}}}\n")
    assert curl(url, *login) == (0, "200"), "looked at once a second only"
    clock.now += 1
    assert curl(url, *login) == (0, "401")
    for broken in ("basic_auth_users: [\n", "", TLS + "}\n" + USERS):
        write(folder, broken)
        clock.now += 1
        with caplog.at_level(logging.ERROR):
            caplog.clear()
            assert curl(url, "--user", f"long:{LONG}") == (0, "200")
            assert curl(url) == (0, "401"), "a file with a mistake opens nothing"
        assert "the old one stays" in caplog.text


def scope_of(user: str, password: str) -> dict[str, object]:
    login = base64.b64encode(f"{user}:{password}".encode())
    return {"type": "http", "headers": [(b"authorization", b"Basic " + login)]}


async def ask(gate: Gate, scope: dict[str, object]) -> int:
    statuses = []

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await gate(scope, None, send)
    return statuses[0]


@pytest.fixture
def gate(folder) -> Gate:
    return Gate(hello, Guard(write(folder, USERS), Clock()))


@pytest.fixture
def checks(monkeypatch) -> list[bytes]:
    """Every password bcrypt was asked about."""
    seen: list[bytes] = []

    def check(password: bytes, stored: bytes) -> bool:
        seen.append(password)
        return bcrypt.checkpw(password[:72], stored)

    monkeypatch.setattr(guard_module, "_check", check)
    return seen


def test_a_known_login_costs_bcrypt_once(gate, checks) -> None:
    async def many() -> list[int]:
        return [await ask(gate, scope_of("alice", PASSWORD)) for _ in range(50)]

    assert asyncio.run(many()) == [200] * 50
    assert checks == [PASSWORD.encode()]


def test_a_wrong_login_costs_the_same_each_time_known_or_not(gate, checks) -> None:
    async def many() -> list[int]:
        return [await ask(gate, scope_of(user, "wrong")) for user in ("alice", "alice", "bob", "bob")]

    assert asyncio.run(many()) == [401] * 4
    assert checks == [b"wrong"] * 4


def test_guessing_is_not_amplified_and_does_not_keep_known_logins_out(gate, monkeypatch) -> None:
    """One bcrypt at a time, a short queue, and those already known pass by."""
    open_now, most, release = 0, 0, threading.Event()

    def check(password: bytes, stored: bytes) -> bool:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if password == b"wrong":
            release.wait(20)
        open_now -= 1
        return bcrypt.checkpw(password, stored)

    monkeypatch.setattr(guard_module, "_check", check)

    async def attack() -> tuple[list[int], int]:
        assert await ask(gate, scope_of("alice", PASSWORD)) == 200
        guesses = [asyncio.create_task(ask(gate, scope_of("alice", "wrong"))) for _ in range(100)]
        await asyncio.sleep(0)
        known = await ask(gate, scope_of("alice", PASSWORD))
        release.set()
        return await asyncio.gather(*guesses), known

    statuses, known = asyncio.run(attack())
    assert known == 200
    assert most == 1
    assert statuses.count(401) == 16
    assert statuses.count(429) == 84


def test_what_is_remembered_is_bounded_and_holds_no_password(gate, checks) -> None:
    for number in range(MAX_REMEMBERED + 10):
        gate._verified[b"%d" % number] = None
        if len(gate._verified) > MAX_REMEMBERED:
            gate._verified.pop(next(iter(gate._verified)))
    asyncio.run(ask(gate, scope_of("alice", PASSWORD)))
    assert len(gate._verified) == MAX_REMEMBERED
    assert not [key for key in gate._verified if PASSWORD.encode() in key]


def test_what_is_no_request_passes(gate) -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["type"])

    asyncio.run(Gate(app, gate._guard)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
