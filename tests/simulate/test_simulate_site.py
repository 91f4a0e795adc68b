"""What the demo starts and leaves: a folder of its own, an inventory that loads, programs that end with it."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smart.errors import ConfigError
from smart.inventory.load import load_inventory
from smart.inventory.tokens import dealer_of_token
from smart.simulate.children import ChildFailed, Children, clear_leftovers, free_ports
from smart.simulate.demo import VICTIM, VICTIM_BRANCH, VICTIM_MANAGER, project_folder
from smart.simulate.fleet import stand_ins
from smart.simulate.site import DEALER, Site, take_folder

ENDLESS = "import time\nprint('up', flush=True)\nwhile True: time.sleep(1)\n"
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
time.sleep(600)
"""


def program(text: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", text, *arguments]


def wait_for_line(log: Path) -> None:
    deadline = time.monotonic() + 60
    while not log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Is the process over? One that nobody has waited for yet is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return gone(pid)


def test_the_folder_is_emptied_and_locked(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with take_folder(folder):
        (folder / "data").mkdir()
        (folder / "data" / "old").touch()
        (folder / "link").symlink_to(tmp_path)
        with pytest.raises(ConfigError, match="another demo is running"):
            take_folder(folder)
    with take_folder(folder):
        assert [path.name for path in folder.iterdir()] == ["demo.lock"]


def test_a_folder_with_other_peoples_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="was not made by the demo"):
        take_folder(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_programs_end_with_the_demo_even_stubborn_ones(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        good = children.start("good", program(ENDLESS), "", tmp_path)
        wait_for_line(good.log)
        assert (tmp_path / "pids").read_text().split() == [str(good.process.pid)]
        children.check()
    assert good.process.returncode == -signal.SIGTERM
    assert not (tmp_path / "pids").exists()


def test_a_program_that_does_not_listen_is_killed_with_what_it_started(tmp_path: Path) -> None:
    children = Children(tmp_path, stop_seconds=0.2)
    child = children.start("stubborn", program(STUBBORN), "", tmp_path)
    wait_for_line(child.log)
    grandchild = int(child.log.read_text())
    children.stop()
    assert child.process.returncode == -signal.SIGKILL
    assert wait_gone(grandchild)


def test_an_early_death_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start(
            "weak", program("print('no such flag'); raise SystemExit(3)"), "http://127.0.0.1:1/", tmp_path
        )
        with pytest.raises(ChildFailed, match=r"weak ended with code 3.*weak\.log:\n    no such flag"):
            children.wait_ready(child, 20, lambda: None)


def test_a_killed_program_is_told_with_the_signal(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("victim", program(ENDLESS), "", tmp_path)
        child.process.kill()
        child.process.wait()
        with pytest.raises(ChildFailed, match="victim was killed by SIGKILL"):
            children.check()


def test_a_program_that_never_gets_ready_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Children(tmp_path) as children:
        child = children.start("slow", program(ENDLESS), f"http://127.0.0.1:{port}/", tmp_path)
        with pytest.raises(ChildFailed, match="slow is not ready after 0 s"):
            children.wait_ready(child, 0.2, lambda: None)


def test_programs_of_a_killed_demo_are_asked_to_end(tmp_path: Path) -> None:
    text = (
        "import sys, time\nfrom pathlib import Path\nfrom smart.simulate.children import Children\n"
        f"c = Children(Path(sys.argv[1])).start('orphan', [sys.executable, '-c', {ENDLESS!r}], '', Path('/'))\n"
        "print(c.process.pid, flush=True)\ntime.sleep(60)\n"
    )
    demo = subprocess.Popen([sys.executable, "-c", text, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    orphan = int(demo.stdout.readline())
    wait_for_line(tmp_path / "logs" / "orphan.log")
    demo.kill()
    demo.wait()
    assert wait_gone(orphan)


def test_only_processes_of_the_folder_are_cleared_away(tmp_path: Path) -> None:
    ours = subprocess.Popen(program(ENDLESS, str(tmp_path)), stdout=subprocess.DEVNULL)
    other = subprocess.Popen(program(ENDLESS), stdout=subprocess.DEVNULL)
    try:
        (tmp_path / "pids").write_text(f"{ours.pid}\n{other.pid}\n")
        wait_started(ours.pid)
        wait_started(other.pid)
        clear_leftovers(tmp_path)
        assert wait_gone(ours.pid)
        assert not gone(other.pid)
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def wait_started(pid: int) -> None:
    """Until the process runs its own program, whose command line can be read."""
    while b"-c" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        time.sleep(0.01)


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, project_folder(), stand_ins())
    site.write_inventory()
    return site


def test_the_demos_inventory_loads_and_knows_every_customer(site: Site) -> None:
    inventory = load_inventory(site.folder / "inventory")
    assert {client.name for _, client in inventory.clients()} == {customer.client for customer in site.customers}
    branch, client = inventory.find(DEALER, VICTIM)
    assert (branch.name, client.manager) == (VICTIM_BRANCH, VICTIM_MANAGER)
    assert len({branch.name for branch in inventory.branches}) == 2
    assert len(branch.managers) == 2
    assert dealer_of_token(inventory, DEALER, site.token) is not None


def test_secrets_are_for_their_owner_only_and_not_in_the_inventory(site: Site) -> None:
    site.write_configurations("127.0.0.1:25", "http://127.0.0.1:1")
    for name in ("upload-token.txt", "telegram-token.txt", "alertmanager.yml"):
        assert stat.S_IMODE((site.folder / name).stat().st_mode) == 0o600
    holders = {
        path.name
        for path in site.folder.rglob("*")
        if path.is_file() and any(secret in path.read_text() for secret in (site.token, site.bot_token))
    }
    assert holders == {"upload-token.txt", "telegram-token.txt", "alertmanager.yml"}


def test_a_project_without_rules_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rules is not there; name the folder of the project"):
        Site(tmp_path, tmp_path, stand_ins())


def test_missing_servers_are_named_with_what_to_do(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"prometheus, alertmanager, promtool, amtool, curl.*apt-get install"):
        Site(tmp_path, project_folder(), stand_ins())
