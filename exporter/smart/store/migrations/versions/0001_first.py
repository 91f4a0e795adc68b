"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

key_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From an empty database."""
    op.create_table(
        "alert_event",
        sa.Column("dealer", key_text, autoincrement=False, nullable=False),
        sa.Column("branch", key_text, autoincrement=False, nullable=False),
        sa.Column("starts_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", key_text, autoincrement=False, nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("alertname", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("dealer", "branch", "starts_at", "fingerprint", name="pk_alert_event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "change_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change_counter"),
    )
    op.create_table(
        "client",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dealer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("legal_entity", sa.Text(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("service_login", sa.Text(), nullable=False),
        sa.Column("keep_cards", sa.Boolean(), nullable=False),
        sa.Column("keep_query_text", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("regnum", sa.Text(), nullable=False),
        sa.Column("first_report_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_client"),
        sa.UniqueConstraint("dealer", "name", name="uq_client_dealer_name"),
    )
    op.create_index("ix_client_version", "client", ["version"], unique=False)
    op.create_table(
        "rejection",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("reason", key_text, autoincrement=False, nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "time", "login", "reason", name="pk_rejection"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rejection_client_id_stored_at", "rejection", ["client_id", "stored_at"], unique=False)
    op.create_table(
        "search_event",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("catalog", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "time", "login", "digest", name="pk_search_event"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_search_event_nothing_found",
        "search_event",
        ["client_id", "time", "found", "login"],
        unique=False,
        sqlite_where=sa.text("found <= 0"),
        postgresql_where=sa.text("found <= 0"),
    )
    op.create_index(
        "ix_search_event_nothing_stored",
        "search_event",
        ["client_id", "stored_at"],
        unique=False,
        sqlite_where=sa.text("found <= 0"),
        postgresql_where=sa.text("found <= 0"),
    )
    op.create_table(
        "user_hour",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("domain", key_text, autoincrement=False, nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.Column("free_documents", sa.BigInteger(), nullable=False),
        sa.Column("services", sa.BigInteger(), nullable=False),
        sa.Column("saved", sa.BigInteger(), nullable=False),
        sa.Column("printed", sa.BigInteger(), nullable=False),
        sa.Column("searches", sa.BigInteger(), nullable=False),
        sa.Column("kassist", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "hour", "login", "domain", name="pk_user_hour"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "asrp_event",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("upload_number", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_asrp_event_client_id"),
        sa.PrimaryKeyConstraint("client_id", "time", name="pk_asrp_event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "component_version",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("component", key_text, autoincrement=False, nullable=False),
        sa.Column("version", key_text, autoincrement=False, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_component_version_client_id"),
        sa.PrimaryKeyConstraint("client_id", "component", "version", name="pk_component_version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "db_error",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("filename", key_text, autoincrement=False, nullable=False),
        sa.Column("code", key_text, autoincrement=False, nullable=False),
        sa.Column("message_crc", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("volume", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_db_error_client_id"),
        sa.PrimaryKeyConstraint("client_id", "filename", "code", "message_crc", name="pk_db_error"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kassist_day",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", key_text, autoincrement=False, nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("unique_links", sa.BigInteger(), nullable=False),
        sa.Column("unmatched", sa.BigInteger(), nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_kassist_day_client_id"),
        sa.PrimaryKeyConstraint("client_id", "day", name="pk_kassist_day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "online_check_error",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("url", key_text, autoincrement=False, nullable=False),
        sa.Column("catalog", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_online_check_error_client_id"),
        sa.PrimaryKeyConstraint("client_id", "time", "login", "url", name="pk_online_check_error"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "online_search_event",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("catalog", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_online_search_event_client_id"),
        sa.PrimaryKeyConstraint("client_id", "time", "login", "digest", name="pk_online_search_event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operup_file",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("filename", key_text, autoincrement=False, nullable=False),
        sa.Column("volume", sa.Text(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_operup_file_client_id"),
        sa.PrimaryKeyConstraint("client_id", "filename", name="pk_operup_file"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rejected_file",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("received", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_rejected_file_client_id"),
        sa.PrimaryKeyConstraint("client_id", "received", "digest", name="pk_rejected_file"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "report",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("last_received", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("module_version", sa.Text(), nullable=False),
        sa.Column("protection_type", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_report_client_id"),
        sa.PrimaryKeyConstraint("client_id", "created", "digest", name="pk_report"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_report_client_id_last_received", "report", ["client_id", "last_received"], unique=False)
    op.create_table(
        "session",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reported_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("seat", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_session_client_id"),
        sa.PrimaryKeyConstraint("client_id", "reported_at", "ordinal", name="pk_session"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshot",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("samples", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_snapshot_client_id"),
        sa.PrimaryKeyConstraint("client_id", name="pk_snapshot"),
    )
    op.create_table(
        "user_account",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("domain", key_text, autoincrement=False, nullable=False),
        sa.Column("registered", sa.BigInteger(), nullable=True),
        sa.Column("last_seen", sa.BigInteger(), nullable=True),
        sa.Column("first_request", sa.BigInteger(), nullable=True),
        sa.Column("last_request", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("first_request_stored_at", sa.BigInteger(), nullable=True),
        sa.Column("entered_before", sa.Boolean(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("card_filled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_user_account_client_id"),
        sa.PrimaryKeyConstraint("client_id", "login", "domain", name="pk_user_account"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_user_account_new",
        "user_account",
        ["client_id", "first_request_stored_at"],
        unique=False,
        sqlite_where=sa.text("first_request_stored_at IS NOT NULL"),
        postgresql_where=sa.text("first_request_stored_at IS NOT NULL"),
    )
    op.create_table(
        "user_card",
        sa.Column("client_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("login", key_text, autoincrement=False, nullable=False),
        sa.Column("domain", key_text, autoincrement=False, nullable=False),
        sa.Column("fullname", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_user_card_client_id"),
        sa.PrimaryKeyConstraint("client_id", "login", "domain", name="pk_user_card"),
        sqlite_with_rowid=False,
    )

    op.execute("INSERT INTO change_counter (id, value) VALUES (1, 0)")


def downgrade() -> None:
    """To an empty database."""
    for table in (
        "user_card",
        "user_account",
        "snapshot",
        "session",
        "report",
        "rejected_file",
        "operup_file",
        "online_search_event",
        "online_check_error",
        "kassist_day",
        "db_error",
        "component_version",
        "asrp_event",
        "user_hour",
        "search_event",
        "rejection",
        "client",
        "change_counter",
        "alert_event",
    ):
        op.drop_table(table)
