"""How the serving process starts, refuses to start and stops: a real process each time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers_processes import free_port
from servers_smart import ROOT, SmartServer, copy_inventory


@pytest.fixture
def server(tmp_path):
    token = copy_inventory(tmp_path / "inventory")
    server = SmartServer(tmp_path / "one", tmp_path / "inventory", token)
    yield server
    server.stop(signal.SIGKILL)


def refused(folder: Path, *options: str, **variables: str) -> str:
    """What `smart serve` says when it cannot start."""
    free = f"127.0.0.1:{free_port()}"
    answer = subprocess.run(
        [sys.executable, "-m", "smart", "serve", "--intake-listen", free, "--operations-listen", "127.0.0.1:0",
         "--data-dir", str(folder / "data"), *options],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    return answer.stderr.splitlines()[-1]


@pytest.mark.parametrize("side", ["--intake-listen", "--operations-listen"])
def test_a_port_in_use_is_told(tmp_path, side):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert refused(tmp_path, side, where) == f"Error: cannot listen on {where}: Address already in use"


def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path):
    url = f"postgresql+psycopg://smart:hunter2@127.0.0.1:{free_port()}/smart"
    told = refused(tmp_path, SMART_DATABASE_URL=url)
    assert told.startswith("Error: postgresql+psycopg://")
    assert "onnection" in told
    assert "hunter2" not in told


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "smart.db").write_text("this is no database, whatever its name says\n" * 100)
    assert "file is not a database" in refused(tmp_path)


def test_a_data_directory_that_is_a_file_is_told(tmp_path):
    (tmp_path / "data").write_text("")
    assert str(tmp_path / "data") in refused(tmp_path)


def test_a_web_configuration_with_mistakes_is_told(tmp_path):
    path = tmp_path / "web.yml"
    path.write_text("basic_auth_user: {}\n")
    expected = f"Error: {path}:1: basic_auth_user: is not a known key; did you mean basic_auth_users?"
    assert refused(tmp_path, "--web.config.file", str(path)) == expected


def test_a_second_process_on_the_same_data_directory_is_refused(tmp_path, server):
    server.start()
    assert str(server.data) in refused(tmp_path, "--data-dir", str(server.data))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_when_told(server, number):
    server.start()
    assert server.stop(number) == 0
    log = server.log.read_text("utf-8")
    assert log.rstrip().endswith("stopped")
    assert "Traceback" not in log


def test_a_reload_asked_for_while_it_starts_is_made_and_does_not_end_it(server):
    loaded = "inventory loaded"
    starting = server.launch()
    deadline = time.monotonic() + 60
    while loaded not in server.log.read_text("utf-8"):
        assert starting.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    server.send(signal.SIGHUP)
    server.wait_until_ready()
    while server.log.read_text("utf-8").count(loaded) < 2:
        assert starting.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
