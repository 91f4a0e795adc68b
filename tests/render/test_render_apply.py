"""A configuration is put in force whole, checked and loaded, or not at all; secrets are in no error."""

from __future__ import annotations

import http.server
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servers_alertmanager import run_alertmanager
from smart.errors import ConfigError
from smart.render.apply import apply, check_alertmanager, check_prometheus, hide_secrets

TOKEN = "123456789:a-token-that-must-not-be-seen"


@dataclass
class Reloads:
    url: str = ""
    code: int = 200
    body: str = ""
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def reloads() -> Iterator[Reloads]:
    """A server that counts what it is told to reload and answers as it is told."""
    seen = Reloads()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.paths.append(self.path)
            self.send_response(seen.code)
            self.end_headers()
            self.wfile.write(seen.body.encode())

        def log_message(self, *arguments: object) -> None:
            """Nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_port}/-/reload"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()


def _fine(path: Path) -> None:
    assert path.exists()


def test_a_new_text_is_written_and_loaded(tmp_path: Path, reloads: Reloads) -> None:
    path = tmp_path / "a.yml"
    assert apply("new", path, _fine, reloads.url)
    assert path.read_text("utf-8") == "new"
    assert reloads.paths == ["/-/reload"]
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_text_does_nothing(tmp_path: Path, reloads: Reloads) -> None:
    path = tmp_path / "a.yml"
    path.write_text("same", "utf-8")
    before = path.stat()
    assert not apply("same", path, _fine, reloads.url)
    assert reloads.paths == []
    assert path.stat().st_ino == before.st_ino


def test_the_check_sees_the_new_text_beside_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("old", "utf-8")
    seen: list[tuple[Path, str, str]] = []
    apply("new", path, lambda new: seen.append((new.parent, new.read_text("utf-8"), path.read_text("utf-8"))))
    assert seen == [(tmp_path, "new", "old")]


def test_what_the_check_refuses_changes_nothing(tmp_path: Path, reloads: Reloads) -> None:
    path = tmp_path / "a.yml"
    path.write_text("old", "utf-8")

    def refuse(_: Path) -> None:
        raise ConfigError("bad")

    with pytest.raises(ConfigError, match="bad"):
        apply("new", path, refuse, reloads.url)
    assert path.read_text("utf-8") == "old"
    assert reloads.paths == []
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("existed", [True, False])
def test_what_the_server_refuses_is_taken_back_and_tried_again(tmp_path: Path, reloads: Reloads, existed: bool) -> None:
    path = tmp_path / "a.yml"
    if existed:
        path.write_text("old", "utf-8")
    reloads.code, reloads.body = 500, f"failed to reload config: bot_token: {TOKEN}"
    with pytest.raises(ConfigError, match="refuses to reload") as caught:
        apply("new", path, _fine, reloads.url)
    assert TOKEN not in str(caught.value)
    assert (path.read_text("utf-8") if path.exists() else None) == ("old" if existed else None)
    reloads.code = 200
    assert apply("new", path, _fine, reloads.url)
    assert path.read_text("utf-8") == "new"


def test_a_server_that_is_not_there_is_an_error_without_its_address(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    with pytest.raises(ConfigError, match="could not be told to reload: ConnectionError") as caught:
        apply("new", path, _fine, "http://user:hidden-word@127.0.0.1:1/-/reload")
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize(("secret", "mode"), [(True, 0o600), (False, 0o644)])
def test_a_secret_text_is_its_owners_from_the_first_moment(tmp_path: Path, secret: bool, mode: int) -> None:
    path = tmp_path / "a.yml"
    modes: list[int] = []
    apply("new", path, lambda new: modes.append(stat.S_IMODE(new.stat().st_mode)), secret=secret)
    assert [*modes, stat.S_IMODE(path.stat().st_mode)] == [mode, mode]


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written to: No such file or directory"):
        apply("new", tmp_path / "none/a.yml", _fine)


def test_amtool_and_promtool_say_what_they_dislike_but_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(f"receivers: [{{name: a, telegram_configs: [{{bot_token: {TOKEN}, chat: 5}}]}}]\n", "utf-8")
    with pytest.raises(ConfigError, match="amtool refuses the configuration") as caught:
        check_alertmanager(path)
    assert "field chat not found" in str(caught.value)
    assert TOKEN not in str(caught.value)
    path.write_text("scrape_configs: [{job_name: a, colour: red}]\n", "utf-8")
    with pytest.raises(ConfigError, match="field colour not found"):
        check_prometheus(path)


def test_without_the_tool_nothing_is_put_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "alertmanager.yml"
    with pytest.raises(ConfigError, match="amtool is not on the PATH"):
        apply("route: {}", path, check_alertmanager)
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"line 3: bot_token: {TOKEN}", "line 3: bot_token: <secret>"),
        (f"cannot unmarshal `{TOKEN}`", "cannot unmarshal `<secret>`"),
        ("smtp_auth_password: abc, x: 1", "smtp_auth_password: <secret>, x: 1"),
        ("smtp_auth_password_file: /etc/a", "smtp_auth_password_file: /etc/a"),
        ("at 12:30 on line 7: nothing secret", "at 12:30 on line 7: nothing secret"),
    ],
)
def test_secrets_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


def test_a_real_alertmanager_takes_a_new_configuration_and_keeps_the_old_one_when_it_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "alertmanager.yml"
    first = "route: {receiver: first}\nreceivers: [{name: first}]\n"
    assert apply(first, path, check_alertmanager)
    with run_alertmanager(path, tmp_path / "data") as alertmanager:
        reload = f"{alertmanager.url}/-/reload"
        assert apply(first.replace("first", "second"), path, check_alertmanager, reload)
        assert "second" in alertmanager.status()
        with pytest.raises(ConfigError, match="undefined receiver"):
            apply("route: {receiver: none}\nreceivers: [{name: third}]\n", path, check_alertmanager, reload)
        with pytest.raises(ConfigError, match="refuses to reload"):  # a check that sees nothing: the server does
            apply("route: {receiver: none}\nreceivers: [{name: third}]\n", path, lambda _: None, reload)
        assert "second" in alertmanager.status()
        assert "second" in path.read_text("utf-8")
