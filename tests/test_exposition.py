"""Pages of clients and branches: the text, its changes with time, and what a restart shows."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from smart.checks import read_facts
from smart.checks.base import DomainUsage, Facts, Sample, Usage
from smart.checks.registry import CHECKS, CLOCK_FIGURES, EVENT_FAMILIES, FIGURES
from smart.checks.textformat import Family, number
from smart.exposition import FOREVER, Exposition, render_body, render_branch
from smart.inventory.model import Branch, Client, Contact, Inventory, Kind, Thresholds
from smart.store.state import ClientState, Event
from smart.sysinfo.report import Alarm, OperUp, Protection, Report, Volume, VolumeError

GOLDEN = Path(__file__).parent / "golden"
MOSCOW = ZoneInfo("Europe/Moscow")
CLIENT = Client("romashka", "ООО «Ромашка»", "north-1", Kind.PUSH, MOSCOW, date(2026, 11, 1))
BRANCH = Branch("5990NORD", "north", "Север", MOSCOW, Contact(), Contact(), {}, {"romashka": CLIENT})
DAY = 86_400


def at(text: str, zone: ZoneInfo = MOSCOW) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


CREATED = at("2026-11-20T10:55:03")
NOW = CREATED + 600
DOMAIN = DomainUsage(requests=10, documents=4, searches=3, users=5, users_entered=4, cards_filled=1, active_users=2)
SOUND = Report(
    created=CREATED,
    regnum="599_12345",
    owner='ООО "Ромашка"',
    seats=25,
    seats_used=12,
    valid_until="2026-12-31",
    supported=True,
    protection=Protection("SenseLock", "ok", "", ""),
    maintenance=False,
    need_support=False,
    spp_ok=True,
    warnings=[],
    volumes=[
        Volume(
            "100001", "Нормы", r"D:\Kodeks\base\nps.db", "2311", "2026-11-30", [], [OperUp(r"D:\o\nps.upd", CREATED)]
        )
    ],
    has_users=True,
    has_rejections=True,
    has_searches=True,
    has_kassist=True,
)
KEY_LOST = replace(
    SOUND,
    protection=Protection("SenseLock", "error", "4111", "Not connected"),
    warnings=[Alarm("17", 'строка 1\nстрока 2 с "кавычками" и \\')],
    volumes=[
        Volume("1", "", r"\\srv\base\law.db", "", None, [VolumeError("", "Ошибка защиты 4111 Not connected")], [])
    ],
    spp_ok=None,
    has_searches=False,
)
BARE = Report(created=CREATED)
USAGE = Usage(
    DOMAIN, {"corp.local": DOMAIN}, {"intellectual": 3}, 10, {"auth": 1}, {}, False, ("2026-11-19", 1, 2, 3, 4)
)


def state_of(report: Report | None, **changes: object) -> ClientState:
    if report is None:
        return replace(ClientState(1, at("2026-11-02T12:00:00"), 1), **changes)
    samples = tuple(read_facts(Facts(CLIENT, report, USAGE, report.created + 60)))
    known = ClientState(1, at("2026-11-02T12:00:00"), 1, report.created, report.created + 60, "2026-11", samples)
    return replace(known, **changes)


def event(family: str = "KodeksRejectionEvents", expires: int = NOW + 900, **labels: str) -> Event:
    named = labels or {"user": "user017", "reason": "no-seats", "batch": "2026-11-20 10:55"}
    return Event(family, tuple(named.items()), expires)


def values(state: ClientState, now: int = NOW, client: Client = CLIENT) -> dict[tuple[str, ...], float]:
    """Every sample of a page: (metric, label values…) -> value, read by the parser of the client library."""
    text = render_body(BRANCH, client, state, now).plain.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


GOLDEN_STATES = {
    "sound": state_of(SOUND),
    "key_lost": state_of(
        KEY_LOST,
        events=(
            event(
                "KodeksSearchEmptyEvents",
                user=r"CORP\user017",
                query='гост "9.402"',
                searchtype="intellectual",
                batch="b",
            ),
            event(),
        ),
        left_out={"KodeksSearchEmptyEvents": 450},
        rejected_at=NOW - 5,
        rejected_reason="broken-xml",
    ),
    "bare": state_of(BARE),
    "never_reported": state_of(None),
}


@pytest.mark.parametrize("name", GOLDEN_STATES)
def test_a_page_is_what_it_was(name, request) -> None:
    """`pytest --update-golden` rewrites the files; the difference is to be reviewed."""
    path = GOLDEN / f"client_{name}.prom"
    text = render_body(BRANCH, CLIENT, GOLDEN_STATES[name], NOW).plain.decode()
    if request.config.getoption("--update-golden", default=False):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_a_page_is_read_back_by_another_parser() -> None:
    found = values(GOLDEN_STATES["key_lost"])
    assert found["KodeksXmlSensLockStatus",] == 0
    assert found["KodeksWarningInfo", "17", 'строка 1\nстрока 2 с "кавычками" и \\'] == 1
    assert found["KodeksDBerrors", r"\\srv\base\law.db", "4111", "protection"] == 1
    key = ("KodeksSearchEmptyEvents", r"CORP\user017", 'гост "9.402"', "intellectual", "", "", "b")
    assert found[key] == 1


def test_every_family_has_help_and_type_once_and_in_the_order_of_the_registry() -> None:
    lines = render_body(BRANCH, CLIENT, GOLDEN_STATES["key_lost"], NOW).plain.decode().splitlines()
    helped = [line.split()[2] for line in lines if line.startswith("# HELP")]
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE") and line.endswith(" gauge")]
    assert helped == typed
    assert len(set(helped)) == len(helped)
    order = [row.metric for row in (*CHECKS, *FIGURES, *CLOCK_FIGURES, *EVENT_FAMILIES)]
    assert set(helped) <= set(order)


def test_the_compressed_page_is_one_plain_gzip_member() -> None:
    body = render_body(BRANCH, CLIENT, state_of(SOUND), NOW)
    assert gzip.decompress(body.gzip) == body.plain
    assert body == render_body(BRANCH, CLIENT, state_of(SOUND), NOW)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=3))
def test_any_label_value_survives_the_text_format(texts) -> None:
    names = tuple(f"l{n}" for n in range(len(texts)))
    text = Family.of("KodeksX", "Help.", names).text([(tuple(texts), 1.5)])
    (family,) = text_string_to_metric_families(text)
    assert list(family.samples[0].labels.values()) == texts
    assert family.samples[0].value == 1.5


@given(st.floats(allow_nan=False))
def test_any_number_survives_the_text_format(value) -> None:
    assert float(number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (-3.0, "-3"), (0.25, "0.25"), (1795161303.0, "1795161303"), (1e300, "1e+300"), (float("inf"), "+Inf")],
)
def test_whole_numbers_have_no_point(value, text) -> None:
    assert number(value) == text


def test_not_a_number_is_written_as_prometheus_reads_it() -> None:
    assert number(float("nan")) == "NaN"
    assert number(float("-inf")) == "-Inf"


def test_a_lone_surrogate_cannot_break_the_page() -> None:
    state = state_of(SOUND, events=(event(user="a\ud800b", reason="auth", batch="1"),))
    assert 'user="a?b"' in render_body(BRANCH, CLIENT, state, NOW).plain.decode()


def test_a_help_text_with_a_line_break_stays_one_line() -> None:
    assert Family.of("KodeksX", "a\\b\nc", ()).head == "# HELP KodeksX a\\\\b\\nc\n# TYPE KodeksX gauge\n"


DAYS_LEFT = {
    "ten days before": ("2026-11-20T12:00:00", 10),
    "one second before midnight": ("2026-11-29T23:59:59", 1),
    "the last day counts in full": ("2026-11-30T00:00:00", 0),
    "its last second too": ("2026-11-30T23:59:59", 0),
    "the day after": ("2026-12-01T00:00:00", -1),
    "a year after": ("2027-11-30T12:00:00", -365),
}


@pytest.mark.parametrize(("moment", "days"), DAYS_LEFT.values(), ids=DAYS_LEFT.keys())
def test_days_left_are_days_of_the_clients_calendar(moment, days) -> None:
    found = values(state_of(SOUND), at(moment))
    assert found["KodeksLicenseDaysLeft", 'ООО "Ромашка"', "599_12345"] == days


def test_the_clients_midnight_decides_not_utc() -> None:
    vladivostok = replace(CLIENT, zone=ZoneInfo("Asia/Vladivostok"))
    samples = tuple(read_facts(Facts(vladivostok, SOUND, USAGE, CREATED)))
    before = at("2026-11-20T23:59:59", vladivostok.zone)
    state = state_of(SOUND, samples=samples)
    assert values(state, before, vladivostok)["KodeksLicenseDaysLeft", 'ООО "Ромашка"', "599_12345"] == 10
    assert values(state, before + 1, vladivostok)["KodeksLicenseDaysLeft", 'ООО "Ромашка"', "599_12345"] == 9


def test_no_days_left_without_a_term() -> None:
    assert not [key for key in values(state_of(BARE)) if key[0] == "KodeksLicenseDaysLeft"]


def test_monthly_figures_end_with_their_month_and_others_stay() -> None:
    last, first = values(state_of(SOUND), at("2026-11-30T23:59:59")), values(state_of(SOUND), at("2026-12-01T00:00:00"))
    assert last["KodeksMonthRequests",] == 10
    assert last["KodeksDomainMonthRequests", "corp.local"] == 10
    gone = {key[0] for key in last.keys() - first.keys()} - {"KodeksLicenseDaysLeft"}
    assert all("Month" in name or name in ("KodeksUserActivity", "KodeksUserInvolvement") for name in gone)
    assert "KodeksMonthRequests" in gone
    assert first["KodeksSeats",] == 25


SUPPORT = {
    "report says yes": (True, None, 1),
    "report says no": (False, None, 0),
    "inventory overrides": (True, False, 0),
    "inventory alone": (None, True, 1),
    "nobody says": (None, None, None),
}


@pytest.mark.parametrize(("reported", "listed", "expected"), SUPPORT.values(), ids=SUPPORT.keys())
def test_the_inventory_overrides_the_report_on_support(reported, listed, expected) -> None:
    client = replace(CLIENT, supported=listed)
    found = values(state_of(replace(SOUND, supported=reported)), client=client)
    assert found.get(("KodeksSupported",)) == expected


def test_the_earlier_of_created_and_received_is_the_time_of_a_report() -> None:
    assert values(state_of(SOUND))["SmartXMLfileTime",] == CREATED
    ahead = state_of(SOUND, received=CREATED - DAY)
    assert values(ahead)["SmartXMLfileTime",] == CREATED - DAY
    assert values(ahead)["SmartXMLfileCreatedTime",] == CREATED
    assert values(ahead)["SmartXMLfileReceivedTime",] == CREATED - DAY


def test_a_client_that_never_reported_counts_from_when_it_was_listed() -> None:
    found = values(state_of(None))
    assert found["SmartXMLfileTime",] == at("2026-11-02T12:00:00")
    assert ("SmartXMLfileCreatedTime",) not in found
    assert found["SmartClientInfo", "ООО «Ромашка»", ""] == 1


def test_a_client_listed_in_advance_counts_from_its_first_day() -> None:
    later = replace(CLIENT, since=date(2026, 11, 25))
    assert values(state_of(None), client=later)["SmartXMLfileTime",] == at("2026-11-25T00:00:00")


def test_the_name_the_installation_gives_wins_over_the_inventory() -> None:
    assert values(state_of(SOUND))["SmartClientInfo", 'ООО "Ромашка"', "599_12345"] == 1
    assert values(state_of(BARE))["SmartClientInfo", "ООО «Ромашка»", ""] == 1


def test_a_site_whose_silence_does_not_alarm_has_no_limit() -> None:
    closed = replace(CLIENT, kind=Kind.CLOSED, thresholds=Thresholds(None, 3600))
    found = values(state_of(SOUND), client=closed)
    assert ("SmartXMLfileMaxAge",) not in found
    assert found["SmartOperUpMaxAge",] == 3600
    assert values(state_of(SOUND))["SmartXMLfileMaxAge",] == 172_800


FULL_MONTH = {"before": ("2026-10-31", 1), "on the 1st": ("2026-11-01", 0), "after": ("2026-11-15", 0)}


@pytest.mark.parametrize(("since", "expected"), FULL_MONTH.values(), ids=FULL_MONTH.keys())
def test_a_full_month_is_one_watched_before_its_first(since, expected) -> None:
    client = replace(CLIENT, since=date.fromisoformat(since))
    assert values(state_of(SOUND), client=client)["SmartFullMonth",] == expected


def test_the_offset_follows_summer_time() -> None:
    berlin = replace(CLIENT, zone=ZoneInfo("Europe/Berlin"))
    change = at("2026-03-29T03:00:00", berlin.zone)
    assert values(state_of(SOUND), change - 1, berlin)["SmartClientUtcOffset",] == 3600
    assert values(state_of(SOUND), change, berlin)["SmartClientUtcOffset",] == 7200


def test_a_refused_file_is_told_while_it_is_the_newest() -> None:
    state = state_of(SOUND, rejected_at=NOW - 5, rejected_reason="bomb")
    assert values(state)["SmartFileRejectedTime", "bomb"] == NOW - 5
    assert not [key for key in values(state_of(SOUND)) if key[0] == "SmartFileRejectedTime"]


def test_an_event_is_shown_until_it_expires_and_equal_ones_once() -> None:
    state = state_of(SOUND, events=(event(), event()), left_out={"KodeksRejectionEvents": 7})
    key = ("KodeksRejectionEvents", "user017", "no-seats", "2026-11-20 10:55")
    assert values(state)[key] == 1
    assert values(state)["KodeksEventsLeftOut", "KodeksRejectionEvents"] == 7
    assert values(state)["KodeksEventsLeftOut", "KodeksNewUserEvents"] == 0
    assert key not in values(state, NOW + 900)
    assert values(state, NOW + 900)["KodeksEventsLeftOut", "KodeksRejectionEvents"] == 0


def test_samples_of_another_version_do_not_break_the_page(caplog) -> None:
    strange = (Sample("KodeksNoMore", (), 1.0), Sample("KodeksSeats", ("label",), 1.0), Sample("KodeksUsers", (), 3.0))
    found = values(state_of(SOUND, samples=strange))
    assert found["KodeksUsers",] == 3
    assert not [key for key in found if key[0] in ("KodeksNoMore", "KodeksSeats")]
    assert "KodeksSeats are of another version" in caplog.text


UNTIL = {
    "midnight": (MOSCOW, "2026-11-20T10:00:00", "2026-11-21T00:00:00"),
    "just before midnight": (MOSCOW, "2026-11-20T23:59:59", "2026-11-21T00:00:00"),
    "clocks go forward": (ZoneInfo("Europe/Berlin"), "2026-03-29T00:10:00", "2026-03-29T03:00:00"),
    "clocks go back": (ZoneInfo("Europe/Berlin"), "2026-10-25T00:10:00", None),
    "midnight that does not exist": (ZoneInfo("America/Santiago"), "2026-09-05T12:00:00", "2026-09-06T01:00:00"),
}


@pytest.mark.parametrize(("zone", "now", "until"), UNTIL.values(), ids=UNTIL.keys())
def test_a_page_is_true_until_the_calendar_or_the_offset_changes(zone, now, until) -> None:
    client = replace(CLIENT, zone=zone)
    moment = at(now, zone)
    body = render_body(BRANCH, client, state_of(SOUND), moment)
    if until is not None:
        assert body.valid_until == at(until, zone)
    state = state_of(SOUND)
    assert values(state, body.valid_until - 1, client) == values(state, moment, client)
    assert values(state, body.valid_until, client) != values(state, moment, client)


def test_a_page_is_true_until_its_first_event_ends() -> None:
    assert render_body(BRANCH, CLIENT, state_of(SOUND, events=(event(),)), NOW).valid_until == NOW + 900


def test_a_branch_has_the_thresholds_of_the_nine_count_alerts() -> None:
    body = render_branch(BRANCH)
    (family,) = text_string_to_metric_families(body.plain.decode())
    found = {sample.labels["alert"]: sample.value for sample in family.samples}
    assert found.pop("KodeksMaintenanceCount") == 31
    assert sorted(found.values()) == [5, 5, 5, 5, 10, 10, 10, 10]
    assert body.valid_until == FOREVER


class Store:
    """Stands in for the store: states by client, a version that counts changes."""

    def __init__(self) -> None:
        self.states: dict[int, ClientState] = {}
        self.ids: dict[tuple[str, str], int] = {}
        self.changed: list[tuple[int, int]] = []
        self.reads: list[int] = []
        self.fails = False

    def put(self, client_id: int, state: ClientState) -> None:
        version = len(self.changed) + 1
        self.states[client_id] = replace(state, client_id=client_id, version=version)
        self.changed.append((version, client_id))

    def sync_clients(self, inventory: Inventory, now: int) -> None:
        if self.fails:
            raise OSError("the store is away")
        for branch, client in inventory.clients():
            client_id = self.ids.setdefault((branch.dealer, client.name), len(self.ids) + 1)
            self.states.setdefault(client_id, ClientState(client_id, now, 0))

    def client_id(self, dealer: str, name: str) -> int | None:
        return self.ids.get((dealer, name))

    def client_state(self, client_id: int, now: int) -> ClientState:
        if self.fails:
            raise OSError("the store is away")
        self.reads.append(client_id)
        state = self.states[client_id]
        return replace(state, events=tuple(one for one in state.events if one.expires > now))

    def changed_since(self, version: int) -> tuple[int, list[int]]:
        return len(self.changed), sorted({one for changed, one in self.changed if changed > version})


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def inventory_of(*clients: Client) -> Inventory:
    return Inventory(branches=(replace(BRANCH, clients={client.name: client for client in clients}),))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def exposition(store, clock) -> Iterator[Exposition]:
    shown = Exposition(store, clock)
    shown.take_inventory(inventory_of(CLIENT))
    store.reads.clear()
    return shown


def text(exposition: Exposition, name: str = "romashka") -> str:
    body = exposition.body("5990NORD", name)
    assert body is not None
    return body.plain.decode()


def test_a_restart_shows_the_last_known_values_at_once(store, clock, exposition) -> None:
    store.put(1, state_of(KEY_LOST))
    restarted = Exposition(store, clock)
    assert restarted.body("5990NORD", "romashka") is None
    assert not restarted.loaded
    restarted.take_inventory(inventory_of(CLIENT))
    assert restarted.loaded
    assert "KodeksXmlSensLockStatus 0" in text(restarted)


def test_a_page_changes_when_a_report_was_stored(store, exposition) -> None:
    assert "KodeksSeats 25" not in text(exposition)
    store.put(1, state_of(SOUND))
    exposition.refresh([1, 99])
    assert "KodeksSeats 25" in text(exposition)


def test_what_another_replica_stored_is_taken_up_once(store, exposition) -> None:
    store.put(1, state_of(SOUND))
    exposition.follow()
    assert "KodeksSeats 25" in text(exposition)
    exposition.follow()
    assert store.reads == [1]


def test_a_client_gone_from_the_inventory_disappears_and_the_others_stay(store, exposition) -> None:
    other = replace(CLIENT, name="plant7")
    exposition.take_inventory(inventory_of(CLIENT, other))
    assert len(exposition) == 2
    exposition.take_inventory(inventory_of(other))
    assert exposition.body("5990NORD", "romashka") is None
    assert exposition.body("5990NORD", "plant7") is not None
    assert exposition.branch_body("5990NORD", "north") is not None
    assert exposition.branch_body("5990NORD", "south") is None


def test_a_reload_changes_pages_without_reading_the_store(store, exposition) -> None:
    exposition.take_inventory(inventory_of(replace(CLIENT, supported=False)))
    assert "KodeksSupported 0" in text(exposition)
    assert store.reads == []


def test_time_alone_changes_a_page_without_reading_the_store(store, clock, exposition) -> None:
    store.put(1, state_of(SOUND))
    exposition.refresh([1])
    store.reads.clear()
    clock.now = at("2026-12-01T00:00:00")
    assert "KodeksMonthRequests" not in text(exposition)
    assert 'KodeksLicenseDaysLeft{clientname="ООО \\"Ромашка\\"",regnum="599_12345"} -1' in text(exposition)
    assert store.reads == []


def test_when_an_event_ends_the_ones_left_out_are_read(store, clock, exposition) -> None:
    store.put(1, state_of(SOUND, events=(event(), event(expires=NOW + 5000, user="u2", reason="auth", batch="b"))))
    exposition.follow()
    store.reads.clear()
    clock.now = NOW + 899
    exposition.follow()
    assert store.reads == []
    clock.now = NOW + 900
    exposition.follow()
    assert store.reads == [1]
    assert text(exposition).count("KodeksRejectionEvents{") == 1
    exposition.follow()
    assert store.reads == [1]


def test_a_store_that_is_away_leaves_the_old_pages(store, exposition) -> None:
    store.put(1, state_of(SOUND))
    exposition.refresh([1])
    store.put(1, state_of(KEY_LOST))
    store.fails = True
    with pytest.raises(OSError, match="away"):
        exposition.follow()
    assert "KodeksXmlSensLockStatus 1" in text(exposition)
    store.fails = False
    exposition.follow()
    assert "KodeksXmlSensLockStatus 0" in text(exposition)


def test_an_inventory_that_came_while_the_store_was_away_is_taken_up_later(store, exposition) -> None:
    store.fails = True
    with pytest.raises(OSError, match="away"):
        exposition.take_inventory(inventory_of(replace(CLIENT, name="plant7")))
    assert exposition.body("5990NORD", "romashka") is not None
    store.fails = False
    exposition.follow()
    assert exposition.body("5990NORD", "romashka") is None
    assert exposition.body("5990NORD", "plant7") is not None


def test_a_page_asked_for_while_data_arrive_is_never_an_older_one_afterwards(store, clock, exposition) -> None:
    """Readers render again at midnight while reports come in; the newest report must win."""
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            clock.now += 3600
            text(exposition)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for seats in range(40):
            store.put(1, state_of(replace(SOUND, seats=seats)))
            exposition.refresh([1])
            assert f"KodeksSeats {seats}\n" in text(exposition)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
