"""tools/get-servers.sh, with a stand-in for apt-get that serves small packages made here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "get-servers.sh"
SERVERS = {
    # program -> where it looks for its files
    "prometheus": "/usr/share/prometheus/web/",
    "prometheus-alertmanager": "/usr/share/prometheus/alertmanager",
}
TOOLS = (
    *("sh", "sed", "grep", "cat", "chmod", "ln", "mv", "rm", "mkdir", "dirname", "id", "cp", "touch", "tar"),
    *("dpkg", "dpkg-deb"),
)


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def package(folder: Path, name: str, programs: dict[str, str]) -> None:
    """A .deb with these programs, each of which prints a file from below the place it has built in."""
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n"
    (root / "DEBIAN" / "control").write_text(control)
    for program, place in programs.items():
        executable(root / "usr" / "bin" / program, f'case "$1" in --version) ;; *) cat "{place}"/page "$@" ;; esac')
        if place:
            page = root / place.lstrip("/") / "page"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"page of {program}\n")
    subprocess.run(["dpkg-deb", "-b", str(root), str(folder / f"{name}_1_all.deb")], check=True, capture_output=True)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder to be PATH: the usual tools, and an apt-get that copies packages once its lists are there."""
    debs = tmp_path / "debs"
    debs.mkdir()
    package(debs, "prometheus", {"prometheus": SERVERS["prometheus"], "promtool": ""})
    package(debs, "alertmanager", {"prometheus-alertmanager": SERVERS["prometheus-alertmanager"], "amtool": ""})
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool))
    apt = f"""
    echo "$*" >> {tmp_path}/calls
    for last; do :; done
    case "$*" in
        *" update") [ -e {tmp_path}/network ] || {{ echo 'E: no network' >&2; exit 100; }}; touch {tmp_path}/lists ;;
        *download*) [ -e {tmp_path}/lists ] || {{ echo 'E: Unable to locate package' >&2; exit 100; }}
                    cp {debs}/*.deb . ;;
    esac"""
    executable(path / "apt-get", apt)
    (tmp_path / "network").touch()
    return path


def get_servers(path: Path, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [shutil.which("sh"), str(SCRIPT), *map(str, arguments)],
        env={"PATH": str(path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def calls(machine: Path) -> int:
    return len((machine.parent / "calls").read_text().splitlines())


@pytest.mark.parametrize("lists", [True, False], ids=["lists-there", "lists-read-first"])
def test_the_servers_are_unpacked_and_run_from_anywhere(machine: Path, tmp_path: Path, lists: bool) -> None:
    if lists:
        (tmp_path / "lists").touch()
    target = tmp_path / "a place" / "tools"
    done = get_servers(machine, target)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{target}/bin\n"
    for program in SERVERS:
        command = [str(target / "bin" / program), "/dev/null"]
        ran = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert ran.stdout == f"page of {program}\n", ran.stderr
    assert {path.name for path in target.iterdir()} == {"bin", "root", "complete"}


def test_a_second_call_downloads_nothing(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "lists").touch()
    first = get_servers(machine, tmp_path / "tools")
    before = calls(machine)
    assert get_servers(machine, tmp_path / "tools").stdout == first.stdout
    assert calls(machine) == before


def test_servers_on_the_path_are_used_as_they_are(machine: Path, tmp_path: Path) -> None:
    for program in (*SERVERS, "promtool", "amtool"):
        executable(machine / program, "")
    assert get_servers(machine, tmp_path / "tools").stdout == f"{machine}\n"
    assert not (tmp_path / "tools").exists()


def test_without_a_network_it_says_so_and_leaves_nothing_half_done(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "network").unlink()
    done = get_servers(machine, tmp_path / "tools")
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt-get update failed: is the network there" in done.stderr
    assert list((tmp_path / "tools").iterdir()) == []
    (tmp_path / "network").touch()
    assert get_servers(machine, tmp_path / "tools").returncode == 0


def test_another_system_is_told_what_to_install(machine: Path, tmp_path: Path) -> None:
    (machine / "apt-get").unlink()
    done = get_servers(machine, tmp_path / "tools")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Install Prometheus 2.42+ and Alertmanager 0.25+ and put them on PATH" in done.stderr


def test_a_wrong_call_shows_the_usage(machine: Path) -> None:
    assert "usage: get-servers.sh [--always] DIR" in get_servers(machine).stderr
