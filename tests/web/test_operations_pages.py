"""The operations side over real HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import pytest
import requests
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from servers_operations import serving
from servers_prometheus import promtool_program
from smart.errors import InventoryError, Problem
from smart.exposition import Exposition
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind
from smart.store.state import ClientState
from smart.web.operations import OperationsSettings, operations_app, parse_key, takes_gzip

NAMES = ("romashka", "plant:7", "a.b_c-d")


def client(name: str) -> Client:
    return Client(name, "ООО «Ромашка»", "north-1", Kind.PUSH, ZoneInfo("Europe/Moscow"), date(2026, 1, 1))


INVENTORY = Inventory(
    branches=(
        Branch(
            "5990NORD",
            "north",
            "",
            ZoneInfo("Europe/Moscow"),
            Contact(),
            Contact(),
            {},
            {name: client(name) for name in NAMES},
        ),
    )
)


class Store:
    """A store in which nobody has ever reported."""

    def sync_clients(self, inventory: Inventory, _now: int) -> None:
        self.names = [client.name for _, client in inventory.clients()]

    def client_id(self, _dealer: str, name: str) -> int | None:
        return self.names.index(name)

    def client_state(self, client_id: int, now: int) -> ClientState:
        return ClientState(client_id, now, 0)

    def changed_since(self, _version: int) -> tuple[int, list[int]]:
        return 0, []


@dataclass
class Live:
    """Stands in for the inventory in force; `error` is what the next reload raises."""

    current: Inventory = INVENTORY
    error: Exception | None = None
    reloads: int = 0

    def reload(self) -> None:
        self.reloads += 1
        if self.error:
            raise self.error


@dataclass
class Site:
    url: str
    live: Live
    exposition: Exposition
    waiting: list[str]
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: object) -> requests.Response:
        return self.session.request("GET", self.url + path, timeout=20, **options)


@pytest.fixture
def site() -> Iterator[Site]:
    live, waiting = Live(), []
    exposition = Exposition(Store())
    exposition.take_inventory(INVENTORY)
    with serving(operations_app(live, exposition, lambda: waiting)) as port:
        yield Site(f"http://127.0.0.1:{port}", live, exposition, waiting)


@pytest.mark.parametrize("name", NAMES)
def test_a_client_has_its_page(site, name) -> None:
    answer = site.get("/metrics/client", params={"dealer": "5990NORD", "client": name})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == site.exposition.body("5990NORD", name).plain
    assert "SmartClientInfo" in answer.text


def test_who_does_not_take_gzip_gets_plain_text(site) -> None:
    path = "/metrics/client?dealer=5990NORD&client=romashka"
    answer = site.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers
    assert answer.content == site.exposition.body("5990NORD", "romashka").plain


def test_head_tells_the_size_and_sends_nothing(site) -> None:
    answer = site.session.head(site.url + "/metrics/client?dealer=5990NORD&client=romashka", timeout=20)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(site.exposition.body("5990NORD", "romashka").gzip)
    assert answer.content == b""
    assert site.get("/-/healthy").status_code == 200


def test_a_branch_has_its_page(site) -> None:
    answer = site.get("/metrics/branch?dealer=5990NORD&branch=north")
    assert 'SmartCountThreshold{alert="KodeksIcmpCount"} 5' in answer.text


REFUSED = {
    "unknown client": ("/metrics/client?dealer=5990NORD&client=nobody", 404),
    "client of another dealer": ("/metrics/client?dealer=5991SUED&client=romashka", 404),
    "unknown branch": ("/metrics/branch?dealer=5990NORD&branch=south", 404),
    "no parameters": ("/metrics/client", 400),
    "no client": ("/metrics/client?dealer=5990NORD", 400),
    "empty client": ("/metrics/client?dealer=5990NORD&client=", 400),
    "two clients": ("/metrics/client?dealer=5990NORD&client=romashka&client=plant:7", 400),
    "not UTF-8": ("/metrics/client?dealer=5990NORD&client=%ff", 400),
    "a thousand parameters": ("/metrics/client?" + "&".join(["a=1"] * 1000), 400),
    "a long query": ("/metrics/client?dealer=5990NORD&client=romashka&x=" + "y" * 2000, 400),
    "a path": ("/metrics/client?dealer=5990NORD&client=../../etc/passwd", 404),
    "a page that is not there": ("/metrics/clients", 404),
}


@pytest.mark.parametrize(("path", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_address_is_told_and_lists_nobody(site, path, status) -> None:
    answer = site.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    assert not [name for name in NAMES if name in answer.text]


def test_pages_are_only_read(site) -> None:
    answer = site.session.post(site.url + "/metrics/client?dealer=5990NORD&client=romashka", b"x", timeout=20)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_before_the_pages_are_loaded_nobody_is_unknown() -> None:
    with serving(operations_app(Live(), Exposition(Store()), list)) as port:
        url = f"http://127.0.0.1:{port}"
        answer = requests.get(f"{url}/metrics/client?dealer=5990NORD&client=romashka", timeout=20)
        assert answer.status_code == 503
        assert requests.get(f"{url}/-/ready", timeout=20).status_code == 503
        assert requests.get(f"{url}/-/healthy", timeout=20).status_code == 200


def test_discovery_names_the_address_it_was_asked_at(site) -> None:
    groups = site.get("/sd").json()
    assert {group["targets"][0] for group in groups} == {site.url.removeprefix("http://")}
    assert site.get("/sd").headers["content-type"] == "application/json"
    assert [group["labels"].get("client") for group in groups] == [*NAMES, None]


def test_discovery_names_the_replicas_of_the_settings() -> None:
    settings = OperationsSettings(replicas=("one:9721", "two:9721"))
    with serving(operations_app(Live(), Exposition(Store()), list, settings)) as port:
        groups = requests.get(f"http://127.0.0.1:{port}/sd", timeout=20).json()
    assert {group["targets"][0] for group in groups} <= {"one:9721", "two:9721"}


def test_every_discovered_target_can_be_scraped(site) -> None:
    for group in site.get("/sd").json():
        labels = group["labels"]
        params = {name.removeprefix("__param_"): value for name, value in labels.items() if name.startswith("__param_")}
        assert site.get(labels["__metrics_path__"], params=params).status_code == 200


def test_own_metrics_pass_promtool(site) -> None:
    answer = site.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "smart_exposition_clients 3.0" in answer.text
    done = subprocess.run(
        [promtool_program(), "check", "metrics"], input=answer.content, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_promtool_sees_a_bad_metric() -> None:
    registry = CollectorRegistry()
    Counter("smart_BadName", "x", registry=registry)
    with serving(operations_app(Live(), Exposition(Store()), list, OperationsSettings(registry=registry))) as port:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=20).content
    done = subprocess.run([promtool_program(), "check", "metrics"], input=text, capture_output=True, check=False)
    assert done.returncode != 0


def test_requests_for_pages_are_counted(site) -> None:
    def count(code: str) -> float:
        return REGISTRY.get_sample_value("smart_client_pages_total", {"code": code}) or 0.0

    before = count("200"), count("404")
    site.get("/metrics/client?dealer=5990NORD&client=romashka")
    site.get("/metrics/client?dealer=5990NORD&client=nobody")
    assert (count("200"), count("404")) == (before[0] + 1, before[1] + 1)


def test_ready_says_what_is_waited_for(site) -> None:
    assert site.get("/-/ready").status_code == 200
    site.waiting.append("the spool")
    answer = site.get("/-/ready")
    assert (answer.status_code, answer.text) == (503, "SMART is waiting for: the spool.\n")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_reload_is_asked_for_by_post_or_put(site, method) -> None:
    answer = site.session.request(method, site.url + "/-/reload", timeout=20)
    assert (answer.status_code, site.live.reloads) == (200, 1)


def test_a_reload_is_not_asked_for_by_a_link(site) -> None:
    assert site.get("/-/reload").status_code == 405
    assert site.live.reloads == 0


def test_a_reload_tells_every_mistake(site) -> None:
    site.live.error = InventoryError(
        [Problem("north.yml", 3, "name", "is missing"), Problem("north.yml", 9, "", "tab")]
    )
    answer = site.session.post(site.url + "/-/reload", timeout=20)
    assert (answer.status_code, answer.text) == (500, "north.yml:3: name: is missing\nnorth.yml:9: tab\n")


def test_a_bug_in_a_reload_shows_no_traceback(site) -> None:
    site.live.error = RuntimeError("secret detail")
    answer = site.session.post(site.url + "/-/reload", timeout=20)
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_the_landing_page_names_numbers_not_clients(site) -> None:
    answer = site.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "branches: 1, clients: 3; state: ready" in answer.text
    assert not [name for name in NAMES if name in answer.text]
    for link in ("/metrics", "/sd", "/-/healthy", "/-/ready"):
        assert f'href="{link}"' in answer.text


def test_curl_reads_the_compressed_page(site) -> None:
    url = site.url + "/metrics/client?dealer=5990NORD&client=romashka"
    done = subprocess.run(["curl", "-sS", "--compressed", url], capture_output=True, check=True, timeout=20)
    assert done.stdout == site.exposition.body("5990NORD", "romashka").plain


GZIP = {
    "gzip": True,
    "gzip, deflate": True,
    "deflate;q=1.0, GZIP;q=0.5": True,
    "x-gzip": True,
    "identity": False,
    "gzip;q=0": False,
    "gzip; q=0.000": False,
    "br": False,
    "": False,
}


@pytest.mark.parametrize(("value", "takes"), GZIP.items())
def test_gzip_is_sent_to_those_who_take_it(value, takes) -> None:
    assert takes_gzip([(b"host", b"x"), (b"accept-encoding", value.encode())]) is takes


def test_without_the_header_nothing_is_compressed() -> None:
    assert takes_gzip([(b"host", b"x")]) is False


def test_a_key_is_decoded() -> None:
    assert parse_key(b"client=%D0%B0&dealer=a+b", "client") == ("a b", "а")


def test_prometheus_scrapes_what_discovery_names(tmp_path, site) -> None:
    """promtool asks /sd as Prometheus would."""
    config = tmp_path / "prometheus.yml"
    config.write_text(f"scrape_configs: [{{job_name: smart, http_sd_configs: [{{url: '{site.url}/sd'}}]}}]\n", "utf-8")
    done = subprocess.run(
        [promtool_program(), "check", "service-discovery", "--timeout=3s", str(config), "smart"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert len(found) == 4, done.stdout
    assert {target["labels"].get("client") for target in found} == {*NAMES, None}
