"""Alertmanager's configuration, rendered from the inventory: who hears of what, where, how soon, how often again.

Every route of a branch is below a matcher for its dealer and its branch, so branches never see each other. An alert
that fits no branch goes to the operator. What alerts explain each other (`inhibit_rules`) comes from base.yml.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from smart.errors import ConfigError
from smart.inventory.model import Branch, Contact, Inventory, Manager
from smart.render.alerting import PRIORITIES, AlertingSettings, duration
from smart.render.receivers import Writer, branch_writer

HEADER = (
    "# Rendered from the inventory by `smart render alertmanager`; do not edit: the next rendering overwrites it.\n"
)
OPERATOR = "operator"
NOBODY = "nobody"
WATCHDOG = "watchdog"
EVERYONE = "*"  # in a receiver's name: all managers of the branch

TELEGRAM_GROUP = ["alertname", "dealer", "branch"]
CHAT_GROUP = [*TELEGRAM_GROUP, "manager"]
MAIL_GROUP = [*TELEGRAM_GROUP, "manager", "batch"]

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Audience:
    """Which contacts of a branch the label `audience` of an alert adds to the manager."""

    name: str
    matchers: tuple[str, ...]
    contacts: Callable[[Branch], tuple[Contact, ...]]


AUDIENCES = (  # the last one takes what is left, so that an odd label loses no alert
    Audience("usage", ('audience="usage"',), lambda branch: (branch.usage,)),
    Audience("both", ('audience="both"',), lambda branch: (branch.technical, branch.usage)),
    Audience("technical", (), lambda branch: (branch.technical,)),
)


def render_alertmanager(inventory: Inventory, settings: AlertingSettings) -> str:
    """The whole alertmanager.yml as text; the same inventory and settings give the same text.

    Reads base.yml, and with `inline_telegram_tokens` the tokens (the text is then a secret). ConfigError when one of
    these cannot be read, or when a token is in the environment but Alertmanager is to read it from a file.
    """
    config = _Config(settings)
    operator = _operator(settings)
    config.receivers[NOBODY] = {"name": NOBODY}
    config.receivers[OPERATOR] = operator
    routes = [_watchdog_route(config), _route(['audience="operator"'], routes=config.repeat)]
    routes += [_branch_route(config, branch) for branch in inventory.branches]
    routes.append(_route(routes=config.repeat))  # fits no branch: the operator's
    pace = _pace(settings.group_wait_seconds, settings.group_interval_seconds)
    root = {"receiver": OPERATOR, "group_by": TELEGRAM_GROUP, **pace, **config.rarely, "routes": routes}
    document = {
        "global": _global(settings),
        "templates": list(settings.templates),
        "route": root,
        "inhibit_rules": _inhibit_rules(settings),
        "receivers": list(config.receivers.values()),
    }
    return HEADER + yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)


class _Shared(list[Tree]):
    """A list that the text names once and refers to afterwards."""


class _Config:
    """What the branches share: the receivers made so far, and the reminders by priority below every leaf."""

    def __init__(self, settings: AlertingSettings) -> None:
        self.settings = settings
        self.receivers: dict[str, Tree] = {}
        self.rarely = {"repeat_interval": duration(settings.other_repeat_seconds)}
        self.repeat = _Shared(
            {"matchers": matchers, "repeat_interval": duration(seconds)}
            for matchers, seconds in (
                (['alertname=~"OnlineBilling.*"'], settings.other_repeat_seconds),
                (['priority="K1"'], settings.k1_repeat_seconds),
                (['priority="K2"'], settings.k2_repeat_seconds),
                (['priority="K3"'], settings.k3_repeat_seconds),
                (['priority="K4"'], settings.k4_repeat_seconds),
                (['priority="K5"', 'severity="critical"'], settings.k5_critical_repeat_seconds),
            )
        )

    def leaves(self, name: str, kind: str, configs: list[Tree]) -> list[Tree]:
        """Two routes and their receivers: `send_resolved` belongs to a receiver, the label `res` chooses one."""
        if not configs:
            return [_route(receiver=NOBODY)]
        silent = [{**config, "send_resolved": False} for config in configs]
        self.receivers[f"{name}/res"] = {"name": f"{name}/res", kind: configs}
        self.receivers[f"{name}/nores"] = {"name": f"{name}/nores", kind: silent}
        return [
            _route(['res="no"'], receiver=f"{name}/nores", routes=self.repeat),
            _route(receiver=f"{name}/res", routes=self.repeat),
        ]


def _route(matchers: Iterable[str] = (), **items: Any) -> Tree:
    return {**({"matchers": list(matchers)} if matchers else {}), **items}


def _equals(label: str, value: str) -> str:
    return f"{label}={json.dumps(value, ensure_ascii=False)}"


def _pace(group_wait_seconds: float, group_interval_seconds: float) -> Tree:
    return {"group_wait": duration(group_wait_seconds), "group_interval": duration(group_interval_seconds)}


def _branch_route(config: _Config, branch: Branch) -> Tree:
    writer = branch_writer(branch, config.settings)
    prefix = f"{branch.dealer}/{branch.name}"
    chats = _telegram_routes(config, branch, writer, prefix)
    routes = [
        {"matchers": matchers, "continue": True, "receiver": NOBODY, "routes": chats}
        for matchers in _telegram_matchers(config.settings)
        if chats
    ]
    for manager in branch.managers.values():
        letters = _mail_routes(config, branch, writer, f"{prefix}/mail/{manager.name}", [manager])
        routes.append(_route([_equals("manager", manager.name)], group_by=MAIL_GROUP, routes=letters))
    # No manager on the alert (a Count of the whole branch), or one the inventory does not know: all of them.
    letters = _mail_routes(config, branch, writer, f"{prefix}/mail/{EVERYONE}", list(branch.managers.values()))
    routes.append(_route(group_by=MAIL_GROUP, routes=letters))
    return _route([_equals("dealer", branch.dealer), _equals("branch", branch.name)], routes=routes)


def _mail_routes(config: _Config, branch: Branch, writer: Writer, name: str, managers: list[Manager]) -> list[Tree]:
    """Letters to these managers and, by audience, to the boxes of the branch: whoever holds several roles gets one."""
    settings = config.settings
    slow = _pace(settings.usage_mail_group_wait_seconds, settings.usage_mail_group_interval_seconds)
    routes = []
    for audience in AUDIENCES:
        addresses = [manager.email for manager in managers]
        addresses += [email for contact in audience.contacts(branch) for email in contact.emails]
        leaves = config.leaves(f"{name}/{audience.name}", "email_configs", writer.mails(addresses))
        routes.append(_route(audience.matchers, **(slow if audience.name == "usage" else {}), routes=leaves))
    return routes


def _telegram_routes(config: _Config, branch: Branch, writer: Writer, prefix: str) -> list[Tree]:
    """The branch's chats, then the manager's own; for an alert of the whole branch the own chats of all managers."""
    routes: list[Tree] = []
    if any(contact.telegram_chat is not None for contact in (branch.technical, branch.usage)):
        children = _chat_routes(config, writer, f"{prefix}/telegram", lambda audience: _chats(branch, audience))
        routes.append({"continue": True, "group_by": TELEGRAM_GROUP, "routes": children})
    own = {manager.name: manager.telegram_chat for manager in branch.managers.values() if manager.telegram_chat}
    choices = [(name, name, [chat]) for name, chat in own.items()]
    choices += [("", EVERYONE, list(own.values()))] if own else []
    for manager, title, chats in choices:

        def others(audience: Audience, chats: list[int] = chats) -> list[int]:
            return [chat for chat in chats if chat not in _chats(branch, audience)]

        children = _chat_routes(config, writer, f"{prefix}/chat/{title}", others)
        routes.append(_route([_equals("manager", manager)], group_by=CHAT_GROUP, routes=children))
    return routes


def _chat_routes(config: _Config, writer: Writer, name: str, chats: Callable[[Audience], list[int]]) -> list[Tree]:
    routes = []
    for audience in AUDIENCES:
        leaves = config.leaves(f"{name}/{audience.name}", "telegram_configs", writer.telegrams(chats(audience)))
        routes.append(_route(audience.matchers, routes=leaves))
    return routes


def _chats(branch: Branch, audience: Audience) -> list[int]:
    return [contact.telegram_chat for contact in audience.contacts(branch) if contact.telegram_chat is not None]


def _telegram_matchers(settings: AlertingSettings) -> list[list[str]]:
    """Sets of matchers, of which at most one fits an alert, for what goes to Telegram.

    The rules set `tg` for a limit of K3 and for `telegram_always`; a stricter limit takes away, a wider one adds.
    """
    count = PRIORITIES.index(settings.telegram_max_priority) + 1
    high = f'priority=~"{"|".join(PRIORITIES[:count])}"'
    if settings.telegram_max_priority == "K3":
        return [['tg="yes"']]
    if count > PRIORITIES.index("K3") + 1:
        return [['tg="yes"'], ['tg!="yes"', high]]
    always = json.dumps(settings.telegram_always, ensure_ascii=False)
    return [['tg="yes"', f"alertname=~{always}"], ['tg="yes"', f"alertname!~{always}", high]]


def _watchdog_route(config: _Config) -> Tree:
    """To the dead-man switch, each time its group is flushed: the reminder is due before the flush comes."""
    settings = config.settings
    if settings.watchdog_url:
        hook = {"url": settings.watchdog_url, "send_resolved": False}
        config.receivers[WATCHDOG] = {"name": WATCHDOG, "webhook_configs": [hook]}
    return _route(
        ['alertname="SmartWatchdog"'],
        receiver=WATCHDOG if settings.watchdog_url else NOBODY,
        group_wait="1s",
        group_interval=duration(settings.watchdog_repeat_seconds),
        repeat_interval=duration(settings.watchdog_repeat_seconds / 2),
    )


def _operator(settings: AlertingSettings) -> Tree:
    writer = Writer("operator", settings, token=settings.operator_telegram_token)
    receiver: Tree = {"name": OPERATOR}
    if settings.operator_emails:
        receiver["email_configs"] = writer.mails(settings.operator_emails)
    if settings.operator_telegram_chat is not None:
        receiver["telegram_configs"] = writer.telegrams([settings.operator_telegram_chat])
    return receiver


def _global(settings: AlertingSettings) -> Tree:
    mail: Tree = {
        "smtp_smarthost": settings.smtp_smarthost,
        "smtp_from": settings.smtp_from,
        "smtp_hello": settings.smtp_hello,
        "smtp_require_tls": settings.smtp_require_tls,
    }
    if settings.smtp_username:
        mail["smtp_auth_username"] = settings.smtp_username
    if settings.smtp_password_file is not None:
        mail["smtp_auth_password_file"] = str(settings.smtp_password_file)
    return {**mail, "telegram_api_url": settings.telegram_api_url}


def _inhibit_rules(settings: AlertingSettings) -> list[Tree]:
    """`inhibit_rules` of base.yml, the only key it may have."""
    path = settings.base_file
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from None
    rules = document.get("inhibit_rules") if isinstance(document, dict) and len(document) == 1 else None
    if not isinstance(rules, list):
        raise ConfigError(f"{path}: must hold the list inhibit_rules and nothing else")
    return rules


class _Dumper(yaml.SafeDumper):
    """Lists of words on one line; only `_Shared` becomes an anchor with aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return not isinstance(data, _Shared)

    def generate_anchor(self, node: yaml.Node) -> str:  # noqa: ARG002
        return "reminders"


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    words = all(isinstance(item, str) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=words)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(_Shared, _represent_list)
