"""Tables of the store, in the words of the dashboards' data items; the migrations make exactly these.

Instants are BIGINT, unix seconds UTC (Grafana filters them with $__unixEpochFilter); booleans say yes or no about the
newest report. `client_id` is first in every key, so that all records of one client in a span of time lie side by side:
that is how they are written, summed up, shown and deleted. Keys are natural ones, so reading a report twice stores
nothing twice. The tables of bulk records carry no foreign key: a check per row costs as much as the row, their
client_id comes from the client row which the same transaction holds locked, and client rows are never deleted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# Bytewise order: quicker than a language's, and the same as SQLite's.
_KEY_TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _key(name: str, kind: Any = BigInteger) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _client() -> Column[Any]:
    return Column("client_id", Integer, ForeignKey("client.id"), primary_key=True, autoincrement=False)


def _number(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _number_or_none(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=True)


def _words(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


# One row; its value is raised by every transaction that changes what a client shows, and the row lock held until the
# commit makes the numbers visible in their order: who has seen number n has seen all below it.
change_counter = Table("change_counter", metadata, _key("id", Integer), _number("value"))

client = Table(  # the inventory as last seen: rows are never deleted, `listed` tells who is under watch now
    "client",
    metadata,
    Column("id", Integer, primary_key=True),
    *[_words(name) for name in ("dealer", "name", "branch", "legal_entity", "manager", "kind", "address", "zone")],
    _words("service_login"),
    _flag("keep_cards"),
    _flag("keep_query_text"),
    _flag("listed"),
    _number("listed_at"),  # when it was first seen in the inventory
    _words("owner"),  # the legal entity and the registration number of its newest report
    _words("regnum"),
    _number_or_none("first_report_at"),  # receipt of its first accepted report
    _number("version"),  # value of change_counter when what it shows last changed; 0: never
    UniqueConstraint("dealer", "name"),
    Index(None, "version"),
)

snapshot = Table(  # the newest report of each client: its samples as exposed
    "snapshot",
    metadata,
    _client(),
    _number("created"),
    _number("received"),
    _number("effective"),  # min(created, received)
    _words("month"),  # YYYY-MM in the client's zone
    _words("samples"),  # JSON: [[metric, [label, ...], value], ...]
)

report = Table(  # every accepted report: times, size, way it came
    "report",
    metadata,
    _client(),
    _key("created"),
    _key("digest", LargeBinary),
    _number("received"),  # the first time; the same file handed in again is not fresh
    _number("last_received"),
    _number("size"),
    _words("way"),
    _words("module_version"),
    _words("protection_type"),  # '' when the report has no protection section
    _words("counts"),  # JSON: kind of record -> [in the report, new]
    Index(None, "client_id", "last_received"),
    sqlite_with_rowid=False,
)

rejected_file = Table(
    "rejected_file",
    metadata,
    _client(),
    _key("received"),
    _key("digest", LargeBinary),
    _number("size"),
    _words("reason"),
    _words("text"),
    _words("name"),
    sqlite_with_rowid=False,
)

USER_COUNTERS = ("requests", "documents", "free_documents", "services", "saved", "printed", "searches", "kassist")

user_hour = Table(  # what one user did in one clock hour
    "user_hour",
    metadata,
    _key("client_id", Integer),
    _key("hour"),
    _key("login", _KEY_TEXT),
    _key("domain", _KEY_TEXT),
    *[_number(name) for name in USER_COUNTERS],
    sqlite_with_rowid=False,
)

search_event = Table(  # one search; found -1: the query failed; stored_at: receipt of the report that first told it
    "search_event",
    metadata,
    _key("client_id", Integer),
    _key("time"),
    _key("login", _KEY_TEXT),
    _key("digest"),
    _words("catalog"),
    _words("type"),
    _words("source"),
    _number("found"),
    _number_or_none("duration_ms"),
    _words("text"),
    _number("stored_at"),
    sqlite_with_rowid=False,
)
_NOTHING = text("found <= 0")
Index(
    "ix_search_event_nothing_stored",
    search_event.c.client_id,
    search_event.c.stored_at,
    sqlite_where=_NOTHING,
    postgresql_where=_NOTHING,
)
Index(  # all that counting empty searches needs, so that the table is not visited
    "ix_search_event_nothing_found",
    search_event.c.client_id,
    search_event.c.time,
    search_event.c.found,
    search_event.c.login,
    sqlite_where=_NOTHING,
    postgresql_where=_NOTHING,
)

rejection = Table(  # one login refused
    "rejection",
    metadata,
    _key("client_id", Integer),
    _key("time"),
    _key("login", _KEY_TEXT),
    _key("reason", _KEY_TEXT),
    _number("stored_at"),
    Index(None, "client_id", "stored_at"),
    sqlite_with_rowid=False,
)

user_account = Table(  # the logins an installation knows
    "user_account",
    metadata,
    _client(),
    _key("login", _KEY_TEXT),
    _key("domain", _KEY_TEXT),
    _number_or_none("registered"),
    _number_or_none("last_seen"),
    _number_or_none("first_request"),  # first and last hour with a request that any report told
    _number_or_none("last_request"),
    _number("first_seen_at"),  # when first stored
    _number_or_none("first_request_stored_at"),  # receipt of the report with the first requests ever, when that is news
    _flag("entered_before"),  # had logged in before new users were watched for: an old user who returns is not new
    _number_or_none("gone_at"),  # effective moment of the first report that no longer lists it
    _flag("card_filled"),  # all five fields; known even where cards are not kept
    sqlite_with_rowid=False,
)
_IS_NEWS = text("first_request_stored_at IS NOT NULL")
Index(
    "ix_user_account_new",
    user_account.c.client_id,
    user_account.c.first_request_stored_at,
    sqlite_where=_IS_NEWS,
    postgresql_where=_IS_NEWS,
)

CARD_FIELDS = ("fullname", "phone", "email", "position", "department")

user_card = Table(  # personal data: the newest report's cards only
    "user_card",
    metadata,
    _client(),
    _key("login", _KEY_TEXT),
    _key("domain", _KEY_TEXT),
    *[_words(name) for name in CARD_FIELDS],
    sqlite_with_rowid=False,
)

session = Table(  # who was connected when a report was made; the newest reported_at is "now"
    "session",
    metadata,
    _client(),
    _key("reported_at"),
    _key("ordinal", Integer),  # place in the report: one user may be connected several times from one address
    *[_words(name) for name in ("login", "domain", "ip", "browser")],
    _number_or_none("since"),
    Column("seat", Boolean, nullable=True),
    sqlite_with_rowid=False,
)

kassist_day = Table(
    "kassist_day",
    metadata,
    _client(),
    _key("day", _KEY_TEXT),  # YYYY-MM-DD of the installation's calendar
    *[_number(name) for name in ("added", "unique_links", "unmatched", "checked")],
    sqlite_with_rowid=False,
)

operup_file = Table(
    "operup_file",
    metadata,
    _client(),
    _key("filename", _KEY_TEXT),
    _words("volume"),  # number of the volume it belongs to
    _number_or_none("updated"),
    _number("first_seen"),  # min(created, received) of the first and the last report that named it
    _number("last_seen"),
    _flag("present"),  # in the newest report
    sqlite_with_rowid=False,
)

db_error = Table(
    "db_error",
    metadata,
    _client(),
    _key("filename", _KEY_TEXT),
    _key("code", _KEY_TEXT),
    _key("message_crc"),  # CRC-32 of the message, which may be too long for a key
    *[_words(name) for name in ("volume", "name", "message")],
    _number("first_seen"),
    _number("last_seen"),
    _flag("present"),
    sqlite_with_rowid=False,
)

component_version = Table(  # `product` and `sysinfo` beside the components a report names
    "component_version",
    metadata,
    _client(),
    _key("component", _KEY_TEXT),
    _key("version", _KEY_TEXT),
    _number("first_seen"),
    _number("last_seen"),
    sqlite_with_rowid=False,
)

online_search_event = Table(  # searches of hosted accesses; login is that of the access
    "online_search_event",
    metadata,
    _client(),
    _key("time"),
    _key("login", _KEY_TEXT),
    _key("digest"),
    *[_words(name) for name in ("url", "catalog", "type", "source")],
    _number("found"),
    _number_or_none("duration_ms"),
    _words("text"),
    _number("stored_at"),
    sqlite_with_rowid=False,
)

online_check_error = Table(
    "online_check_error",
    metadata,
    _client(),
    _key("time"),
    _key("login", _KEY_TEXT),
    _key("url", _KEY_TEXT),
    _words("catalog"),
    _words("error"),
    sqlite_with_rowid=False,
)

asrp_event = Table(
    "asrp_event",
    metadata,
    _client(),
    _key("time"),
    *[_words(name) for name in ("state", "response", "upload_number", "identifier")],
    sqlite_with_rowid=False,
)

alert_event = Table(  # alerts as they fired; client '' for alerts of a whole branch
    "alert_event",
    metadata,
    _key("dealer", _KEY_TEXT),
    _key("branch", _KEY_TEXT),
    _key("starts_at"),
    _key("fingerprint", _KEY_TEXT),
    *[_words(name) for name in ("client", "alertname", "priority", "severity", "text", "labels")],
    _number_or_none("ends_at"),
    sqlite_with_rowid=False,
)
