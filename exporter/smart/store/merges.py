"""SQL that merges what a report staged into the tables; the same text for both databases.

Parameters of all statements: client, moment (effective) and received of the report, newest (it is the client's),
quiet (too early to tell new users from old ones), oldest (users not seen since are not kept).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from smart.store.tables import CARD_FIELDS

# Kept are users seen since :oldest; whoever made a request was seen, whatever last_seen says.
_RECENT = """(coalesce(last_seen, registered, :received) >= :oldest
    OR (login, domain) IN (SELECT login, domain FROM stage_request))"""

# Users of an older report that comes late add what was not known and change nothing else.
_ACCOUNTS = """
INSERT INTO user_account (client_id, login, domain, registered, last_seen, first_seen_at, entered_before, card_filled)
SELECT :client, login, domain, max(registered), max(last_seen), :received,
    :quiet AND max(last_seen) IS NOT NULL, max(CASE WHEN {filled} THEN 1 ELSE 0 END) = 1
FROM stage_user WHERE {recent} GROUP BY login, domain
ON CONFLICT (client_id, login, domain) DO UPDATE SET
    registered = coalesce(user_account.registered, excluded.registered),
    last_seen = GREATEST(coalesce(user_account.last_seen, excluded.last_seen),
        coalesce(excluded.last_seen, user_account.last_seen)),
    entered_before = user_account.entered_before OR excluded.entered_before,
    card_filled = CASE WHEN :newest THEN excluded.card_filled ELSE user_account.card_filled END
WHERE (user_account.registered IS NULL AND excluded.registered IS NOT NULL)
    OR coalesce(user_account.last_seen, -1) < coalesce(excluded.last_seen, -1)
    OR (excluded.entered_before AND NOT user_account.entered_before)
    OR (:newest AND excluded.card_filled <> user_account.card_filled)
""".format(filled=" AND ".join(f"trim({field}) <> ''" for field in CARD_FIELDS), recent=_RECENT)

_CARDS = """
INSERT INTO user_card (client_id, login, domain, {fields})
SELECT :client, login, domain, {most} FROM stage_user
WHERE has_card = 1 AND {recent} GROUP BY login, domain
ON CONFLICT (client_id, login, domain) DO UPDATE SET {replaced}
WHERE {different}
""".format(
    recent=_RECENT,
    fields=", ".join(CARD_FIELDS),
    most=", ".join(f"max({field})" for field in CARD_FIELDS),
    replaced=", ".join(f"{field} = excluded.{field}" for field in CARD_FIELDS),
    different=" OR ".join(f"user_card.{field} <> excluded.{field}" for field in CARD_FIELDS),
)
# EXCEPT, not NOT IN: for a pair that is not there SQLite would look through the whole stage, in case of a NULL.
_CARDS_GONE = """
DELETE FROM user_card WHERE client_id = :client AND (login, domain) IN (
    SELECT login, domain FROM user_card WHERE client_id = :client
    EXCEPT SELECT login, domain FROM stage_user WHERE has_card = 1)
"""
_ALL_CARDS = "DELETE FROM user_card WHERE client_id = :client"

_GONE = """
UPDATE user_account SET gone_at = :moment WHERE client_id = :client AND gone_at IS NULL AND (login, domain) IN (
    SELECT login, domain FROM user_account WHERE client_id = :client AND gone_at IS NULL
    EXCEPT SELECT login, domain FROM stage_user)
"""
_BACK = """
UPDATE user_account SET gone_at = NULL WHERE client_id = :client AND gone_at IS NOT NULL
    AND (login, domain) IN (SELECT login, domain FROM stage_user)
"""

_UNLISTED = """
INSERT INTO user_account (client_id, login, domain, first_seen_at, entered_before, card_filled)
SELECT :client, login, domain, :received, :quiet, false FROM stage_request WHERE true
ON CONFLICT (client_id, login, domain) DO NOTHING
"""
_NEW_USERS = """
UPDATE user_account SET first_request_stored_at = :received
WHERE client_id = :client AND first_request IS NULL AND NOT entered_before
    AND (login, domain) IN (SELECT login, domain FROM stage_request)
    AND NOT EXISTS (SELECT 1 FROM user_account AS other WHERE other.client_id = :client
        AND other.login = user_account.login AND (other.first_request IS NOT NULL OR other.entered_before))
"""
_REQUESTS = """
UPDATE user_account SET
    first_request = LEAST(coalesce(first_request, first_hour), first_hour),
    last_request = GREATEST(coalesce(last_request, last_hour), last_hour)
FROM stage_request AS told
WHERE user_account.client_id = :client AND user_account.login = told.login AND user_account.domain = told.domain
    AND (first_request IS NULL OR first_hour < first_request OR last_hour > last_request)
"""

_SESSIONS_BEFORE = "DELETE FROM session WHERE client_id = :client AND reported_at = :moment"
_SESSIONS = """
INSERT INTO session (client_id, reported_at, ordinal, login, domain, ip, browser, since, seat)
SELECT :client, :moment, ordinal, login, domain, ip, browser, since, CASE seat WHEN 1 THEN true WHEN 0 THEN false END
FROM stage_session
"""

_KASSIST_COLUMNS = ("added", "unique_links", "unmatched", "checked")
_KASSIST = """
INSERT INTO kassist_day (client_id, day, {columns})
SELECT :client, day, {most} FROM stage_kassist WHERE true GROUP BY day
ON CONFLICT (client_id, day) DO UPDATE SET {grown} WHERE {larger}
""".format(
    columns=", ".join(_KASSIST_COLUMNS),
    most=", ".join(f"max({name})" for name in _KASSIST_COLUMNS),
    grown=", ".join(f"{name} = GREATEST(kassist_day.{name}, excluded.{name})" for name in _KASSIST_COLUMNS),
    larger=" OR ".join(f"excluded.{name} > kassist_day.{name}" for name in _KASSIST_COLUMNS),
)


def run(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> sa.CursorResult[Any]:
    """Executes a statement in which GREATEST and LEAST stand for what each database calls them.

    They differ on NULL (SQLite: the result is NULL), so no argument may be NULL unless a coalesce goes around.
    """
    return connection.execute(_prepared(connection.dialect.name, statement), parameters)


@cache
def _prepared(dialect: str, statement: str) -> sa.TextClause:
    if dialect == "sqlite":
        statement = statement.replace("GREATEST(", "max(").replace("LEAST(", "min(")
    return sa.text(statement)


def merge_users(connection: Connection, parameters: Mapping[str, Any], keep_cards: bool, listed: bool) -> int:
    """Accounts and cards; `listed`: the report had users. How many accounts are new or changed."""
    changed = 0
    if listed:
        changed = run(connection, _ACCOUNTS, parameters).rowcount
    if not keep_cards:
        run(connection, _ALL_CARDS, parameters)
    if listed and parameters["newest"]:
        run(connection, _GONE, parameters)
        run(connection, _BACK, parameters)
        if keep_cards:
            run(connection, _CARDS_GONE, parameters)
            run(connection, _CARDS, parameters)
    return changed


def merge_requests(connection: Connection, parameters: Mapping[str, Any]) -> None:
    """First and last request of each login; those whose first ever this report brings become news unless `quiet`."""
    run(connection, _UNLISTED, parameters)
    if not parameters["quiet"]:
        run(connection, _NEW_USERS, parameters)
    run(connection, _REQUESTS, parameters)


def merge_sessions(connection: Connection, parameters: Mapping[str, Any]) -> int:
    """The sessions of this report in place of those an earlier file of the same moment told."""
    run(connection, _SESSIONS_BEFORE, parameters)
    return run(connection, _SESSIONS, parameters).rowcount


def merge_kassist(connection: Connection, parameters: Mapping[str, Any]) -> int:
    """Days only grow: an older report that comes late knows less of its last day."""
    return run(connection, _KASSIST, parameters).rowcount
