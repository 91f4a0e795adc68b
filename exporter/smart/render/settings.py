"""alerting.yml -> what rendered configurations need beside the inventory: servers, times, the operator's addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from smart.errors import ConfigError
from smart.inventory.secrets import read_secret
from smart.inventory.values import DURATION_FORM, EMAIL_FORM, HOST_PORT_FORM, LINK_FORM
from smart.render.alerting import PRIORITIES, AlertingSettings
from smart.render.prometheus import PrometheusSettings
from smart.yamlfile.fields import Fields, open_config
from smart.yamlfile.forms import Form
from smart.yamlfile.problems import quoted

# key under `times` -> field of AlertingSettings
TIMES = {
    "group_wait": "group_wait_seconds",
    "usage_mail_group_wait": "usage_mail_group_wait_seconds",
    "group_interval": "group_interval_seconds",
    "usage_mail_group_interval": "usage_mail_group_interval_seconds",
    "repeat_k1": "k1_repeat_seconds",
    "repeat_k2": "k2_repeat_seconds",
    "repeat_k3": "k3_repeat_seconds",
    "repeat_k4": "k4_repeat_seconds",
    "repeat_k5_critical": "k5_critical_repeat_seconds",
    "repeat_others": "other_repeat_seconds",
    "repeat_watchdog": "watchdog_repeat_seconds",
}
CHECKOUT = Path(__file__).parents[3]
_URL = re.compile(r"https?://[^\s@\"'<>\\]{1,290}")


def _read_url(value: str) -> str:
    """An address of a server of ours. A login in it would be a secret."""
    if not _URL.fullmatch(value):
        raise ValueError("must be http://host:port or https://host:port, without a login")
    return value.rstrip("/")


def _read_priority(value: str) -> str:
    if value not in PRIORITIES:
        raise ValueError(f"{quoted(value)} must be one of {', '.join(PRIORITIES)}")
    return value


def _read_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{quoted(value)} is not a regular expression: {error}") from None
    return value


URL_FORM = Form("http://host:port", _read_url)
PRIORITY_FORM = Form("K1 to K5", _read_priority)
PATTERN_FORM = Form("alert names as a regular expression", _read_pattern)


@dataclass(frozen=True, slots=True)
class Alerting:
    """What alerting.yml says, for either configuration."""

    alertmanager: AlertingSettings
    prometheus: PrometheusSettings


def load_alerting(path: Path, today: date) -> Alerting:
    """Reads alerting.yml; ConfigError with every mistake as `file:line: field: …`."""
    top = open_config(path)
    values: dict[str, Any] = {
        "zones_as_of": today,
        "base_file": _beside(path, "alertmanager/base.yml"),
        "templates": (str(_beside(path, "alertmanager/templates") / "*.tmpl"),),
    }
    values |= _mail(top) | _telegram(top) | _operator(top) | _times(top)
    prometheus = {"rule_files": (str(_beside(path, "rules") / "*.yml"),)} | _prometheus(top)
    top.close()
    try:
        return Alerting(AlertingSettings(**values), PrometheusSettings(**prometheus))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _beside(path: Path, name: str) -> Path:
    """A part of the project: beside alerting.yml, else in the checkout. Absolute, since servers start anywhere."""
    beside = path.parent / name
    return (beside if beside.exists() else CHECKOUT / name).absolute()


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Only what was written: the rest keeps its default."""
    return {key: value for key, value in values.items() if value not in (None, "", ())}


def _mail(top: Fields) -> dict[str, Any]:
    mail = top.nested("mail", required=True)
    if mail is None:
        return {}
    password = read_secret(mail, "password")
    if password is not None and password.file is None:
        mail.problem("password_env", "Alertmanager reads the password from a file; name it in password_file")
    values = {
        "smtp_smarthost": mail.value("smarthost", HOST_PORT_FORM, "", required=True),
        "smtp_from": mail.value("from", EMAIL_FORM, "", required=True),
        "smtp_hello": mail.text("hello"),
        "smtp_username": mail.text("username"),
        "smtp_password_file": password.file if password else None,
        "smtp_require_tls": mail.boolean("require_tls"),
    }
    mail.finish()
    return _given(values)


def _telegram(top: Fields) -> dict[str, Any]:
    telegram = top.nested("telegram")
    if telegram is None:
        return {}
    values = {
        "telegram_api_url": telegram.value("api_url", URL_FORM, ""),
        "telegram_max_priority": telegram.value("max_priority", PRIORITY_FORM, ""),
        "telegram_always": telegram.value("always", PATTERN_FORM, ""),
        "inline_telegram_tokens": telegram.boolean("inline_tokens"),
    }
    telegram.finish()
    return _given(values)


def _operator(top: Fields) -> dict[str, Any]:
    operator = top.nested("operator", required=True)
    if operator is None:
        return {}
    values = {
        "operator_emails": operator.value_list("emails", EMAIL_FORM, required=True),
        "operator_telegram_chat": operator.integer("telegram_chat", -(10**15), 10**15),
        "operator_telegram_token": read_secret(operator, "telegram_token"),
        "watchdog_url": operator.value("watchdog_url", LINK_FORM, ""),
    }
    operator.finish()
    return _given(values)


def _times(top: Fields) -> dict[str, Any]:
    times = top.nested("times")
    if times is None:
        return {}
    values = {field: times.value(key, DURATION_FORM, None) for key, field in TIMES.items()}
    times.finish()
    return _given(values)


def _prometheus(top: Fields) -> dict[str, Any]:
    fields = top.nested("prometheus", required=True)
    if fields is None:
        return {}
    password = read_secret(fields, "password")
    if password is not None and password.file is None:
        fields.problem("password_env", "Prometheus reads the password from a file; name it in password_file")
    ca_file = fields.text("ca_file")
    values = {
        "operations_url": fields.value("operations_url", URL_FORM, "", required=True),
        "base_url": fields.value("base_url", URL_FORM, "", required=True),
        "alertmanagers": fields.value_list("alertmanagers", URL_FORM),
        "sd_urls": fields.value_list("sd_urls", URL_FORM),
        "scrape_interval_seconds": fields.value("scrape_interval", DURATION_FORM, None),
        "evaluation_interval_seconds": fields.value("evaluation_interval", DURATION_FORM, None),
        "username": fields.text("username"),
        "password_file": password.file if password else None,
        "ca_file": Path(ca_file) if ca_file else None,
        "server_name": fields.text("server_name"),
    }
    fields.finish()
    return _given(values)
