"""Prometheus' configuration: what is scraped, which rules are evaluated, who is told of alerts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from smart.errors import ConfigError
from smart.render.alerting import duration

HEADER = "# Rendered by `smart render prometheus`; do not edit: the next rendering overwrites it.\n"

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """Where everything is, as reached from Prometheus' host. Times are in seconds."""

    operations_url: str  # of the exporter's inner listener: http://host:port
    base_url: str  # of the pages people open: the runbooks' links begin with it
    rule_files: tuple[str, ...] = ("rules/*.yml",)  # globs, relative to the rendered file
    alertmanagers: tuple[str, ...] = ("http://localhost:9093",)
    sd_urls: tuple[str, ...] = ()  # empty: /sd of operations_url
    scrape_interval_seconds: float = 60
    scrape_timeout_seconds: float = 10
    evaluation_interval_seconds: float = 60
    sd_refresh_seconds: float = 60
    username: str = ""  # basic auth of the inner listener
    password_file: Path | None = None
    ca_file: Path | None = None  # that signed the inner listener's certificate; None: the system's
    server_name: str = ""  # in that certificate, when it is not the host of the address


def render_prometheus(settings: PrometheusSettings) -> str:
    """The whole prometheus.yml as text; the same settings give the same text. ConfigError names a bad setting.

    One scrape a client and one a branch, both from the exporter's service discovery: a target without the label
    `client` is a branch's page. `smart_base` is there for the links in annotations and, like `instance` and `job`,
    does not reach Alertmanager: it would be one more label to tell alerts of one failure apart by.
    """
    if settings.username and settings.password_file is None:
        raise ConfigError("prometheus: username is set, but not password_file")
    base = settings.base_url.rstrip("/")
    _address(base, "base_url")
    timeout = min(settings.scrape_timeout_seconds, settings.scrape_interval_seconds)
    document = {
        "global": {
            "scrape_interval": duration(settings.scrape_interval_seconds),
            "scrape_timeout": duration(timeout),
            "evaluation_interval": duration(settings.evaluation_interval_seconds),
            "external_labels": {"smart_base": base},
        },
        "rule_files": list(settings.rule_files),
        "alerting": {
            "alert_relabel_configs": [{"regex": "smart_base|instance|job", "action": "labeldrop"}],
            "alertmanagers": [_alertmanager(url) for url in settings.alertmanagers],
        },
        "scrape_configs": [
            _discovered(settings, "client", "keep"),
            _discovered(settings, "branch", "drop"),
            _own(settings),
        ],
    }
    return HEADER + yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=10_000)


def _discovered(settings: PrometheusSettings, job: str, with_client: str) -> Tree:
    """Pages named by service discovery, those with a client kept or dropped; their labels come from there too."""
    urls = settings.sd_urls or (settings.operations_url.rstrip("/") + "/sd",)
    scheme, _, _ = _address(settings.operations_url, "operations_url")
    refresh = {"refresh_interval": duration(settings.sd_refresh_seconds)}
    return {
        "job_name": job,
        "scheme": scheme,
        **_access(settings, scheme),
        "http_sd_configs": [{"url": url, **refresh, **_access(settings, _address(url, "sd_urls")[0])} for url in urls],
        "relabel_configs": [{"source_labels": ["client"], "regex": ".+", "action": with_client}],
    }


def _own(settings: PrometheusSettings) -> Tree:
    scheme, place, path = _address(settings.operations_url, "operations_url")
    return {
        "job_name": "smart",
        "scheme": scheme,
        "metrics_path": f"{path}/metrics",
        **_access(settings, scheme),
        "static_configs": [{"targets": [place]}],
    }


def _alertmanager(url: str) -> Tree:
    scheme, place, path = _address(url, "alertmanagers")
    return {"scheme": scheme, **({"path_prefix": path} if path else {}), "static_configs": [{"targets": [place]}]}


def _access(settings: PrometheusSettings, scheme: str) -> Tree:
    """How Prometheus shows who it is and knows whom it talks to; secrets are named, never written."""
    access: Tree = {}
    if settings.username:
        access["basic_auth"] = {"username": settings.username, "password_file": str(settings.password_file)}
    tls = {"ca_file": str(settings.ca_file or ""), "server_name": settings.server_name}
    if scheme == "https" and any(tls.values()):
        access["tls_config"] = {key: value for key, value in tls.items() if value}
    return access


def _address(url: str, name: str) -> tuple[str, str, str]:
    """Scheme, host:port and path without a closing slash; a port left out is the scheme's own."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ConfigError(f"prometheus: {name} must look like http://host:port, without a user or a password in it")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts.scheme, f"{host}:{port or (443 if parts.scheme == 'https' else 80)}", parts.path.rstrip("/")
