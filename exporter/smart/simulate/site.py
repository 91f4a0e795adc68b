"""A whole SMART for the demo: inventory, secrets, rendered configurations and the servers, in a folder of its own."""

from __future__ import annotations

import fcntl
import secrets
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO

import yaml

from smart.errors import ConfigError
from smart.inventory.load import load_inventory
from smart.inventory.tokens import new_token
from smart.render.alerting import AlertingSettings
from smart.render.alertmanager import render_alertmanager
from smart.render.apply import apply, check_alertmanager, check_prometheus
from smart.render.prometheus import PrometheusSettings, render_prometheus
from smart.simulate.agent import write_secret
from smart.simulate.children import Children, clear_leftovers, free_ports
from smart.simulate.incidents import StandIn

DEALER = "599DEMO"
DOMAIN = "demo.example"
OPERATOR = f"operator@{DOMAIN}"
LOCK = "demo.lock"
READY_SECONDS = 60
TITLES = {"north": "Северный филиал", "south": "Южный филиал"}
CHATS = {"north": -1001000000001, "south": -1001000000002}  # of the technical people
MANAGER_CHATS = {"north-1": 1000000011, "north-2": 1000000012, "south-1": 1000000021}


def manager_of(branch: str, number: int) -> str:
    """The first client of a branch has a manager of its own in a branch of several, so that two can be told apart."""
    return f"{branch}-{1 if number == 0 or branch == 'south' else 2}"


@dataclass(frozen=True, slots=True)
class Programs:
    """The two servers, wherever they are on the PATH."""

    prometheus: str
    alertmanager: str

    @classmethod
    def find(cls) -> Programs:
        """Raises ConfigError that names what is missing."""
        found = {
            "prometheus": shutil.which("prometheus"),
            "alertmanager": shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
            "promtool": shutil.which("promtool"),
            "amtool": shutil.which("amtool"),
            "curl": shutil.which("curl"),
        }
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise ConfigError(
                f"not on the PATH: {', '.join(missing)}. `make demo` gets the servers from Debian; or install them "
                "(apt-get install prometheus prometheus-alertmanager curl) and try again"
            )
        return cls(str(found["prometheus"]), str(found["alertmanager"]))


def take_folder(folder: Path) -> IO[str]:
    """Empty the demo's folder, end what a killed run left there, and lock it until the file returned is closed.

    ConfigError when another demo runs there, or when the folder holds something that no demo made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / LOCK
    if not lock.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty and was not made by the demo; name another folder")
    held = lock.open("a")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise ConfigError(f"another demo is running in {folder}; end it, or name another folder") from None
    clear_leftovers(folder)
    for path in folder.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return held


class Site:
    """Files, addresses and commands of one demo. Everything listens on 127.0.0.1 only."""

    def __init__(self, folder: Path, project: Path, customers: Sequence[StandIn]) -> None:
        self.folder, self.project, self.customers = folder, project, customers
        self.programs = Programs.find()
        self.token, self._token_hash = new_token()
        self.bot_token = f"{secrets.randbelow(10**9) + 10**9}:{secrets.token_urlsafe(26)}"
        intake, operations, prometheus, alertmanager = free_ports(4)
        self.intake_url = f"http://127.0.0.1:{intake}"
        self.operations_url = f"http://127.0.0.1:{operations}"
        self.prometheus_url = f"http://127.0.0.1:{prometheus}"
        self.alertmanager_url = f"http://127.0.0.1:{alertmanager}"
        for path in (self.project / "rules", self.project / "alertmanager"):
            if not path.is_dir():
                raise ConfigError(f"{path} is not there; name the folder of the project with --project")

    @property
    def chats(self) -> list[int]:
        return [*CHATS.values(), *MANAGER_CHATS.values()]

    def write_inventory(self) -> None:
        """One dealer with two branches; the token is in the inventory as a hash, the bot's token as a file's name."""
        directory = self.folder / "inventory"
        directory.mkdir()
        write_secret(self.folder / "upload-token.txt", f"{self.token}\n")
        write_secret(self.folder / "telegram-token.txt", f"{self.bot_token}\n")
        dealer = {
            "name": DEALER,
            "title": "Дистрибьютор из демонстрации",
            "upload_tokens": [f"sha256:{self._token_hash}"],
        }
        _write_yaml(directory / "dealers.yml", {"dealers": [dealer]})
        for branch in dict.fromkeys(customer.branch for customer in self.customers):
            _write_yaml(directory / f"{branch}.yml", self._branch(branch))

    def _branch(self, branch: str) -> dict[str, object]:
        customers = [customer for customer in self.customers if customer.branch == branch]
        managers = [manager_of(branch, number) for number in range(len(customers))]
        return {
            "dealer": DEALER,
            "branch": branch,
            "title": TITLES[branch],
            "timezone": "Europe/Moscow",
            "technical": {"emails": [f"{branch}-technical@{DOMAIN}"], "telegram_chat": CHATS[branch]},
            "usage": {"emails": [f"{branch}-usage@{DOMAIN}"]},
            "telegram_token_file": str(self.folder / "telegram-token.txt"),
            "help_link": "https://t.me/example_smart",
            "managers": [
                {"name": name, "email": f"{name}@{DOMAIN}", "telegram_chat": MANAGER_CHATS[name]}
                for name in dict.fromkeys(managers)
            ],
            "clients": [
                {
                    "name": customer.client,
                    "legal_entity": customer.installation.spec.legal_entity,
                    "manager": manager,
                    "kind": "push",
                    "since": date.today() - timedelta(days=365),
                }
                for customer, manager in zip(customers, managers, strict=True)
            ],
        }

    def write_configurations(self, smtp_address: str, telegram_url: str) -> None:
        """Render and check what both servers read. Waits are seconds instead of minutes; nothing else differs."""
        alerting = AlertingSettings(
            smtp_smarthost=smtp_address,
            smtp_from=f"smart@{DOMAIN}",
            smtp_require_tls=False,
            telegram_api_url=telegram_url,
            inline_telegram_tokens=True,
            operator_emails=(OPERATOR,),
            base_file=self.project / "alertmanager" / "base.yml",
            templates=(str(self.project / "alertmanager" / "templates" / "*.tmpl"),),
            group_wait_seconds=4,
            usage_mail_group_wait_seconds=4,
            group_interval_seconds=10,
            usage_mail_group_interval_seconds=15,
        )
        prometheus = PrometheusSettings(
            operations_url=self.operations_url,
            base_url=self.operations_url,
            rule_files=(str(self.project / "rules" / "*.yml"),),
            alertmanagers=(self.alertmanager_url,),
            scrape_interval_seconds=5,
            scrape_timeout_seconds=5,
            evaluation_interval_seconds=5,
            sd_refresh_seconds=5,
        )
        inventory = load_inventory(self.folder / "inventory")
        text = render_alertmanager(inventory, alerting)
        apply(text, self.folder / "alertmanager.yml", check_alertmanager, secret=True)
        apply(render_prometheus(prometheus), self.folder / "prometheus.yml", check_prometheus)

    def start(self, children: Children, tell: Callable[[], None]) -> None:
        """Start the exporter and both servers and wait until they are ready; raises ChildFailed."""
        for name, command, ready_url in (
            ("smart", self._smart(), f"{self.operations_url}/-/ready"),
            ("alertmanager", self._alertmanager(), f"{self.alertmanager_url}/-/ready"),
            ("prometheus", self._prometheus(), f"{self.prometheus_url}/-/ready"),
        ):
            child = children.start(name, command, ready_url, self.project)
            children.wait_ready(child, READY_SECONDS, tell)

    def _smart(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir()
        return [
            *(sys.executable, "-m", "smart", "serve"),
            *("--inventory", str(self.folder / "inventory"), "--data-dir", str(data)),
            *("--database", f"sqlite:///{data / 'smart.db'}"),
            *("--intake-listen", self.intake_url.removeprefix("http://")),
            *("--operations-listen", self.operations_url.removeprefix("http://")),
        ]

    def _prometheus(self) -> list[str]:
        return [
            self.programs.prometheus,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address={self.prometheus_url.removeprefix('http://')}",
        ]

    def _alertmanager(self) -> list[str]:
        return [
            self.programs.alertmanager,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'alertmanager'}",
            f"--web.listen-address={self.alertmanager_url.removeprefix('http://')}",
            "--data.retention=240h",
            "--cluster.listen-address=",
        ]


def _write_yaml(path: Path, value: object) -> None:
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), "utf-8")
