"""The rendered prometheus.yml: promtool takes it, a real Prometheus scrapes by it, labels for links stay at home."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from render_tools import GOLDEN, ROOT

from servers_alertmanager import run_alertmanager
from servers_prometheus import run_prometheus
from smart.errors import ConfigError
from smart.render.apply import check_prometheus
from smart.render.prometheus import PrometheusSettings, render_prometheus

EXAMPLE = PrometheusSettings(operations_url="http://exporter.example.org:9700", base_url="https://smart.example.org/")
WAIT_SECONDS = 30.0


def test_the_example_renders_to_the_golden_file(request: pytest.FixtureRequest) -> None:
    text = render_prometheus(EXAMPLE)
    golden = GOLDEN / "prometheus.yml"
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("protected", [False, True], ids=["open", "TLS and basic auth"])
def test_promtool_takes_what_is_rendered_with_the_rules_of_the_project(tmp_path: Path, protected: bool) -> None:
    password, authority = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("a-password-that-must-not-be-seen", "utf-8")
    authority.write_text("", "utf-8")
    access = {"username": "prometheus", "password_file": password, "ca_file": authority} if protected else {}
    settings = PrometheusSettings(
        operations_url="https://exporter.example.org/smart",
        base_url="https://smart.example.org",
        rule_files=(str(ROOT / "rules/*.yml"),),
        alertmanagers=("http://am-1:9093", "https://am-2/alerts/"),
        server_name="exporter" if protected else "",
        **access,  # type: ignore[arg-type]
    )
    text = render_prometheus(settings)
    path = tmp_path / "prometheus.yml"
    path.write_text(text, "utf-8")
    check_prometheus(path)
    assert "must-not-be-seen" not in text
    document = yaml.safe_load(text)
    assert document["alerting"]["alertmanagers"][1] == {
        "scheme": "https",
        "path_prefix": "/alerts",
        "static_configs": [{"targets": ["am-2:443"]}],
    }
    for job in document["scrape_configs"]:
        assert job["scheme"] == "https"
        for access_of in (job, *job.get("http_sd_configs", ())):
            assert ("basic_auth" in access_of) == protected
            assert ("tls_config" in access_of) == protected
    assert document["scrape_configs"][2]["metrics_path"] == "/smart/metrics"


def test_several_exporters_may_answer_the_service_discovery() -> None:
    settings = PrometheusSettings("http://a:1", "http://b", sd_urls=("http://a:1/sd", "http://c:1/sd"))
    jobs = yaml.safe_load(render_prometheus(settings))["scrape_configs"]
    assert [entry["url"] for entry in jobs[0]["http_sd_configs"]] == ["http://a:1/sd", "http://c:1/sd"]


def test_a_short_interval_shortens_the_timeout_too(tmp_path: Path) -> None:
    settings = PrometheusSettings("http://a:1", "http://b", rule_files=(), scrape_interval_seconds=2)
    path = tmp_path / "prometheus.yml"
    path.write_text(render_prometheus(settings), "utf-8")
    check_prometheus(path)
    assert yaml.safe_load(path.read_text("utf-8"))["global"]["scrape_timeout"] == "2s"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operations_url": "exporter:9700"}, "operations_url must look like http://host:port"),
        ({"operations_url": "http://user:hidden-word@exporter"}, "operations_url must look like"),
        ({"base_url": ""}, "base_url must look like"),
        ({"alertmanagers": ("http://am:99999",)}, "alertmanagers must look like"),
        ({"sd_urls": ("ftp://exporter/sd",)}, "sd_urls must look like"),
        ({"username": "prometheus"}, "username is set, but not password_file"),
    ],
)
def test_a_bad_setting_is_named_and_not_repeated(changes: dict[str, object], message: str) -> None:
    settings = {"operations_url": "http://a:1", "base_url": "http://b", **changes}
    with pytest.raises(ConfigError, match=message) as caught:
        render_prometheus(PrometheusSettings(**settings))  # type: ignore[arg-type]
    assert "hidden-word" not in str(caught.value)


class _Exporter(http.server.BaseHTTPRequestHandler):
    """One client, one branch and itself, as the exporter shows them."""

    def do_GET(self) -> None:
        place = self.headers["Host"]
        client = {"dealer": "599DEMO", "branch": "north", "client": "plant7", "manager": "north-1", "kind": "push"}
        branch = {"dealer": "599DEMO", "branch": "north"}
        pages = {
            "/sd": json.dumps(
                [
                    {"targets": [place], "labels": {"__metrics_path__": "/c", **client, "instance": "north/plant7"}},
                    {"targets": [place], "labels": {"__metrics_path__": "/b", **branch, "instance": "north"}},
                ]
            ),
            "/c": "KodeksXmlSensLockStatus 0\n",
            "/b": 'SmartCountThreshold{alert="KodeksMaintenanceCount"} 31\n',
            "/metrics": "smart_spool_files 0\n",
        }
        body = pages[self.path].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if self.path == "/sd" else "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def exporter() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Exporter)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _eventually(condition, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not seen within {WAIT_SECONDS} s: {what}"
        time.sleep(0.05)


def test_a_real_prometheus_scrapes_clients_branches_and_the_exporter_and_tells_alertmanager(
    tmp_path: Path, exporter: str
) -> None:
    (tmp_path / "rules.yml").write_text(
        "groups: [{name: a, rules: [{alert: KodeksXmlSensLockStatus, expr: KodeksXmlSensLockStatus == 0,"
        " annotations: {runbook_url: '{{ $externalLabels.smart_base }}/docs/errors/KodeksXmlSensLockStatus.md'}}]}]",
        "utf-8",
    )
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: a}\nreceivers: [{name: a}]\n", "utf-8")
    with run_alertmanager(tmp_path / "alertmanager.yml", tmp_path / "alertmanager") as alertmanager:
        settings = PrometheusSettings(
            exporter,
            "https://smart.example.org/",
            rule_files=("rules.yml",),
            alertmanagers=(alertmanager.url,),
            scrape_interval_seconds=0.5,
            evaluation_interval_seconds=0.5,
            sd_refresh_seconds=1,
        )
        (tmp_path / "prometheus.yml").write_text(render_prometheus(settings), "utf-8")
        with run_prometheus(tmp_path / "prometheus.yml", tmp_path / "prometheus") as prometheus:
            _eventually(lambda: len(prometheus.query("up == 1")) == 3, "three targets up")
            jobs = {labels["job"]: labels for labels, _ in prometheus.query("up")}
            assert jobs["client"]["client"] == "plant7"
            assert jobs["client"]["instance"] == "north/plant7"
            assert "client" not in jobs["branch"]
            _eventually(lambda: prometheus.query("SmartCountThreshold"), "the branch's thresholds")
            ((labels, value),) = prometheus.query("SmartCountThreshold")
            assert (labels["branch"], labels["alert"], value) == ("north", "KodeksMaintenanceCount", 31)
            _eventually(alertmanager.alerts, "the alert at Alertmanager")
        (alert,) = alertmanager.alerts()
    assert alert["labels"] == {
        "alertname": "KodeksXmlSensLockStatus",
        "dealer": "599DEMO",
        "branch": "north",
        "client": "plant7",
        "manager": "north-1",
        "kind": "push",
    }
    runbook = "https://smart.example.org/docs/errors/KodeksXmlSensLockStatus.md"
    assert alert["annotations"] == {"runbook_url": runbook}
