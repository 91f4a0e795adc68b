"""The rendered alertmanager.yml: amtool takes it, each alert has a route, branches are apart, no secret is in it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml
from render_tools import BASE, GOLDEN, ROOT, example_inventory, example_settings, receivers_of, rules

from smart.errors import ConfigError
from smart.inventory.model import Contact, Dealer, Inventory, Manager, Secret
from smart.render.alerting import AlertingSettings
from smart.render.alertmanager import render_alertmanager
from smart.render.apply import check_alertmanager

NORTH = {"dealer": "599DEMO", "branch": "north", "manager": "north-1", "client": "plant7"}
TOKEN = "123456789:a-token-that-must-not-be-seen-anywhere"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example's configuration in the form that Alertmanager 0.25 takes, whose tools the tests run."""
    return _write(tmp_path, example_inventory())


def _write(tmp_path: Path, inventory: Inventory, **changes: object) -> Path:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n", "utf-8")
    branches = tuple(
        replace(branch, telegram_token=Secret(file=token)) if branch.telegram_token else branch
        for branch in inventory.branches
    )
    settings = example_settings(
        inline_telegram_tokens=True, templates=(str(ROOT / "alertmanager/templates/*.tmpl"),), **changes
    )
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(replace(inventory, branches=branches), settings), "utf-8")
    return path


def test_amtool_takes_what_is_rendered(config: Path) -> None:
    check_alertmanager(config)


def test_the_example_renders_to_the_golden_file(request: pytest.FixtureRequest) -> None:
    text = render_alertmanager(example_inventory(), example_settings())
    golden = GOLDEN / "alertmanager.yml"
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_the_same_inventory_gives_the_same_text() -> None:
    settings = example_settings()
    assert render_alertmanager(example_inventory(), settings) == render_alertmanager(example_inventory(), settings)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param(
            {"audience": "technical", "tg": "yes", "res": "yes"},
            ["telegram/technical/res", "chat/north-1/technical/res", "mail/north-1/technical/res"],
            id="technical, both channels",
        ),
        pytest.param({"audience": "usage", "tg": "no", "res": "no"}, ["mail/north-1/usage/nores"], id="usage, mail"),
        pytest.param(
            {"audience": "both", "tg": "yes", "res": "no"},
            ["telegram/both/nores", "chat/north-1/both/nores", "mail/north-1/both/nores"],
            id="both, no RESOLVED",
        ),
        pytest.param(
            {"audience": "technical", "tg": "yes", "res": "yes", "manager": "north-2"},
            ["telegram/technical/res", "mail/north-2/technical/res"],
            id="a manager without a chat of his own",
        ),
        pytest.param(
            {"audience": "technical", "tg": "yes", "res": "yes", "manager": ""},
            ["telegram/technical/res", "chat/*/technical/res", "mail/*/technical/res"],
            id="the whole branch",
        ),
        pytest.param(
            {"audience": "technical", "tg": "no", "res": "yes", "manager": "gone"},
            ["mail/*/technical/res"],
            id="a manager nobody knows",
        ),
    ],
)
def test_routes_of_a_branch(config: Path, labels: dict[str, str], receivers: list[str]) -> None:
    chosen = {**NORTH, "alertname": "KodeksX", "priority": "K2", "severity": "critical", **labels}
    chosen = {name: value for name, value in chosen.items() if value}
    assert receivers_of(config, chosen) == [f"599DEMO/north/{name}" for name in receivers]


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param({"alertname": "SmartWatchdog", "audience": "operator"}, "watchdog", id="dead-man switch"),
        pytest.param({"alertname": "SmartSpoolStuck", "audience": "operator"}, "operator", id="about SMART"),
        pytest.param({"alertname": "X", **NORTH, "branch": "west"}, "operator", id="unknown branch"),
        pytest.param({"alertname": "X", **NORTH, "dealer": "600OTHER"}, "operator", id="unknown dealer"),
        pytest.param({"alertname": "X"}, "operator", id="no labels at all"),
    ],
)
def test_routes_beside_the_branches(config: Path, labels: dict[str, str], receiver: str) -> None:
    assert receivers_of(config, labels) == [receiver]


def test_without_an_address_the_watchdog_goes_nowhere(tmp_path: Path) -> None:
    config = _write(tmp_path, example_inventory(), watchdog_url="")
    assert receivers_of(config, {"alertname": "SmartWatchdog", "audience": "operator"}) == ["nobody"]


def test_every_alert_of_the_rules_has_a_route_that_fits_its_labels(config: Path) -> None:
    alerts = list(rules())
    assert alerts
    for rule in alerts:
        labels = {
            "alertname": rule["alert"],
            **{name: value for name, value in rule["labels"].items() if "{{" not in value},
        }
        if rule["labels"]["audience"] == "operator":
            expected = ["watchdog" if rule["alert"] == "SmartWatchdog" else "operator"]
        else:
            labels |= NORTH
            end = f"{labels['audience']}/{'res' if labels['res'] == 'yes' else 'nores'}"
            channels = ["telegram", "chat/north-1"] if labels["tg"] == "yes" else []
            if labels["audience"] == "usage":  # north has no chat for usage
                channels = [channel for channel in channels if channel != "telegram"]
            expected = [f"599DEMO/north/{channel}/{end}" for channel in [*channels, "mail/north-1"]]
        receivers = [name for name in receivers_of(config, labels) if name != "nobody"]
        assert receivers == expected, rule["alert"]


def _three_branches_of_two_dealers() -> Inventory:
    """The example's two, and a branch of the same name at another dealer."""
    inventory = example_inventory()
    stranger = replace(inventory.branches[0], dealer="600OTHER", technical=Contact(("other@example.com",), -5))
    dealers = {**inventory.dealers, "600OTHER": Dealer("600OTHER", "Другой", ())}
    return replace(inventory, dealers=MappingProxyType(dealers), branches=(*inventory.branches, stranger))


def test_branches_never_see_each_other(tmp_path: Path) -> None:
    inventory = _three_branches_of_two_dealers()
    config = _write(tmp_path, inventory)
    for one, other in permutations(inventory.branches, 2):
        for manager in ("", *one.managers, *other.managers):
            for audience in ("technical", "usage", "both", ""):
                labels = {"alertname": "KodeksX", "dealer": one.dealer, "branch": one.name, "tg": "yes"}
                labels |= {name: value for name, value in (("manager", manager), ("audience", audience)) if value}
                for receiver in receivers_of(config, labels):
                    assert receiver == "nobody" or receiver.startswith(f"{one.dealer}/{one.name}/")


def test_every_way_into_a_branch_is_below_its_dealer_and_its_name(tmp_path: Path) -> None:
    inventory = _three_branches_of_two_dealers()
    document = yaml.safe_load(_write(tmp_path, inventory).read_text("utf-8"))
    for route in document["route"]["routes"]:
        inside = set(re.findall(r"'receiver': '([^']+)'", str(route))) - {"nobody", "operator", "watchdog"}
        if inside:
            dealer, branch = (re.fullmatch(r'\w+="(.*)"', matcher)[1] for matcher in route["matchers"])  # type: ignore[index]
            assert all(name.startswith(f"{dealer}/{branch}/") for name in inside)
            assert "continue" not in route
    assert len(document["receivers"]) == len({receiver["name"] for receiver in document["receivers"]})


def test_one_person_in_several_roles_is_one_address() -> None:
    inventory = example_inventory()
    branch = replace(
        inventory.branches[0],
        technical=Contact(("One@example.org", "two@example.org"), -7),
        usage=Contact(("one@example.org",), -7),
        managers=MappingProxyType({"north-1": Manager("north-1", "ONE@example.org", telegram_chat=-7)}),
    )
    document = yaml.safe_load(render_alertmanager(replace(inventory, branches=(branch,)), example_settings()))
    for receiver in document["receivers"]:
        addresses = [config["to"].lower() for config in receiver.get("email_configs", ())]
        assert len(addresses) == len(set(addresses))
        assert len(receiver.get("telegram_configs", ())) <= 1
        assert "/chat/" not in receiver["name"]


def test_reminders_come_by_priority() -> None:
    root = yaml.safe_load(render_alertmanager(example_inventory(), example_settings()))["route"]
    reminders = {", ".join(route["matchers"]): route["repeat_interval"] for route in root["routes"][-1]["routes"]}
    assert reminders == {
        'alertname=~"OnlineBilling.*"': "7d",
        'priority="K1"': "2h",
        'priority="K2"': "4h",
        'priority="K3"': "12h",
        'priority="K4"': "1d",
        'priority="K5", severity="critical"': "1d",
    }
    assert root["repeat_interval"] == "7d"
    assert (root["group_wait"], root["group_interval"]) == ("90s", "5m")


def test_usage_mail_waits_longer_and_is_grouped_by_manager_and_batch() -> None:
    root = yaml.safe_load(render_alertmanager(example_inventory(), example_settings()))["route"]
    mail = next(route for route in root["routes"][2]["routes"] if route.get("matchers") == ['manager="north-1"'])
    assert mail["group_by"] == ["alertname", "dealer", "branch", "manager", "batch"]
    usage, *others = mail["routes"]
    assert (usage["group_wait"], usage["group_interval"]) == ("10m", "30m")
    assert all("group_wait" not in route for route in others)


@pytest.mark.parametrize(
    ("limit", "labels", "told"),
    [
        pytest.param("K3", {"priority": "K4", "tg": "yes"}, True, id="K3: as the rule says"),
        pytest.param("K3", {"priority": "K4", "tg": "no"}, False, id="K3: not told what the rule does not tell"),
        pytest.param("K2", {"priority": "K3", "tg": "yes"}, False, id="K2 takes K3 away"),
        pytest.param("K2", {"priority": "K2", "tg": "yes"}, True, id="K2 leaves K2"),
        pytest.param("K2", {"alertname": "KodeksDBerrorsNoCode", "priority": "K4", "tg": "yes"}, True, id="exception"),
        pytest.param("K4", {"priority": "K4", "tg": "no"}, True, id="K4 adds K4"),
        pytest.param("K4", {"priority": "K5", "tg": "no"}, False, id="K4 does not add K5"),
    ],
)
def test_the_limit_of_telegram_is_a_setting(tmp_path: Path, limit: str, labels: dict[str, str], told: bool) -> None:
    config = _write(tmp_path, example_inventory(), telegram_max_priority=limit)
    chosen = {"alertname": "KodeksX", **NORTH, "audience": "technical", "res": "yes", **labels}
    receivers = receivers_of(config, chosen)
    assert receivers.count("599DEMO/north/telegram/technical/res") == int(told)
    assert receivers.count("599DEMO/north/mail/north-1/technical/res") == 1


def test_a_token_is_named_not_written(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN, "utf-8")
    inventory = example_inventory()
    branches = tuple(replace(branch, telegram_token=Secret(file=token)) for branch in inventory.branches)
    text = render_alertmanager(replace(inventory, branches=branches), example_settings())
    assert TOKEN not in text
    assert f"bot_token_file: {token}" in text
    assert "smtp_auth_password_file: /etc/smart/secrets/smtp-password" in text


def test_a_token_in_the_environment_cannot_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_TEST_TOKEN", TOKEN)
    inventory = example_inventory()
    north = replace(inventory.branches[0], telegram_token=Secret(environment="SMART_TEST_TOKEN"))
    inventory = replace(inventory, branches=(north,))
    with pytest.raises(ConfigError, match="SMART_TEST_TOKEN") as caught:
        render_alertmanager(inventory, example_settings())
    assert TOKEN not in str(caught.value)
    assert f"bot_token: {TOKEN}" in render_alertmanager(inventory, example_settings(inline_telegram_tokens=True))


def test_a_chat_without_a_bot_is_refused() -> None:
    inventory = example_inventory()
    north = replace(inventory.branches[0], telegram_token=None)
    with pytest.raises(ConfigError, match="branch 599DEMO/north: a Telegram chat is given, but no token"):
        render_alertmanager(replace(inventory, branches=(north,)), example_settings())


def test_words_of_the_inventory_are_never_code(tmp_path: Path) -> None:
    inventory = example_inventory()
    awkward = 'a"b\\c {{ .Labels }} `x` } end'
    north = replace(
        inventory.branches[0],
        title=awkward,
        help_link=f"https://t.me/{awkward}",
        managers=MappingProxyType({awkward: Manager(awkward, "north-1@example.org")}),
    )
    config = _write(tmp_path, replace(inventory, branches=(north,)))
    check_alertmanager(config)
    wrapped = next(
        receiver["email_configs"][0]["html"]
        for receiver in yaml.safe_load(config.read_text("utf-8"))["receivers"]
        if receiver["name"].startswith("599DEMO/north/mail/")
    )
    assert '{{ "a\\"b\\\\c {{ .Labels }} `x` } end" }}' in wrapped


def test_settings_are_complete_without_an_inventory(tmp_path: Path) -> None:
    settings = AlertingSettings(operator_emails=("operator@example.org",), base_file=BASE, templates=())
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(Inventory(), settings), "utf-8")
    check_alertmanager(path)
    assert receivers_of(path, {"alertname": "X"}) == ["operator"]
