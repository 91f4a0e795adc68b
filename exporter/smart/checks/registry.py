"""Every check, figure and event family of a client: the only lists of them. HELP, docs and meta-tests read them.

Names are those of the alert specification to the letter; the order here is the order on a client's page.
"""

from __future__ import annotations

from smart.checks import databases, files, licences, state, users
from smart.checks.base import BranchFigure, ClockFigure, EventFamily, Figure, ReportCheck, Scope

CHECKS: tuple[ReportCheck, ...] = (
    ReportCheck(
        "KodeksXmlSensLockStatus",
        "1 if the newest report says that the SenseLock key works, 0 if it does not.",
        licences.check_xml_senselock,
    ),
    ReportCheck(
        "KodeksOfflineSensLockCheck",
        "1 if the report has the SenseLock section that reports of the last 30 days had, 0 if it vanished.",
        licences.check_offline_senselock,
    ),
    ReportCheck(
        "KodeksLimitsUsers",
        "1 if at least one seat is free, 0 if all are taken.",
        licences.check_limits_users,
        sourced=True,
    ),
    ReportCheck(
        "KodeksDBLicensesZero",
        "1 if every volume has a licence term, 0 if one or more have none.",
        databases.check_licences_zero,
    ),
    ReportCheck(
        "KodeksMaintenance",
        "1 if the server is not in maintenance mode, 0 if it is.",
        state.check_maintenance,
        sourced=True,
    ),
    ReportCheck(
        "KodeksNeedSupport",
        "1 if the main page has no notice that service is required, 0 if it has.",
        state.check_need_support,
        sourced=True,
    ),
    ReportCheck(
        "KodeksWarning", "1 if the server reports no alarm messages, 0 if it does.", state.check_warning, sourced=True
    ),
    ReportCheck(
        "KodeksSppStatus",
        "1 if the user-support service inside the product works, 0 if it does not.",
        state.check_spp,
        sourced=True,
    ),
)

_FROM_REPORT: tuple[Figure, ...] = (
    Figure(
        "KodeksProtectionInfo",
        "Protection section of the newest report, always 1.",
        licences.read_protection,
        ("type", "status", "code", "message"),
    ),
    Figure("KodeksWarningInfo", "Alarm message of the server, always 1.", state.read_warnings, ("code", "text")),
    Figure("KodeksSeats", "Seats in the reg-file.", licences.read_seats),
    Figure("KodeksSeatsUsed", "Seats taken.", licences.read_seats_used),
    Figure(
        "KodeksLicenseValidUntil",
        "Last second of the term of the reg-file, as unix time, in the client's zone.",
        licences.read_valid_until,
    ),
    Figure("KodeksDBVolumes", "Volumes named in the newest report.", databases.read_volumes),
    Figure("KodeksDBVolumesWithoutTerm", "Volumes without a licence term.", databases.read_volumes_without_term),
    Figure(
        "KodeksDBerrors",
        "Errors of that code on that volume in the newest report; code none when no number could be read.",
        databases.read_errors,
        ("filename", "code", "errclass"),
    ),
    Figure(
        "KodeksDBerrorInfo",
        "Message of the first of these errors, always 1.",
        databases.read_error_messages,
        ("filename", "code", "errclass", "message"),
    ),
    Figure("KodeksDBOperUpFiles", "OperUp files named in the newest report.", databases.read_operup_files),
    Figure(
        "KodeksDBOperUpTime",
        "Last update of that OperUp file, as unix time.",
        databases.read_operup_time,
        ("filename",),
    ),
    Figure(
        "KodeksDBOperUpOldestTime",
        "Last update of the OperUp file that was updated longest ago, as unix time.",
        databases.read_operup_oldest,
    ),
    Figure(
        "KodeksRequests24h",
        "Requests of all logins except the service user in the 24 hours before the report.",
        users.read_requests_24h,
    ),
    Figure(
        "KodeksUserActivity",
        "Intellectual searches and opened documents since the 1st.",
        users.read_user_activity,
        scope=Scope.MONTH,
    ),
    Figure(
        "KodeksUserInvolvement",
        "Logins with at least one request since the 1st, in percent of the seats.",
        users.read_user_involvement,
        scope=Scope.MONTH,
    ),
    Figure(
        "KodeksMonthSearches",
        "Searches since the 1st by type.",
        users.read_month_searches,
        ("searchtype",),
        Scope.MONTH,
    ),
    Figure(
        "KodeksMonthRejections",
        "Logins refused since the 1st by reason.",
        users.read_month_rejections,
        ("reason",),
        Scope.MONTH,
    ),
    Figure(
        "KodeksRejections1h", "Logins refused in the hour before the report.", users.read_rejections_1h, ("reason",)
    ),
    Figure(
        "KodeksKassistLinks",
        "Links kAssist handled on the day of KodeksKassistDayTime: added, unique, unmatched, checked.",
        users.read_kassist_links,
        ("links",),
    ),
    Figure(
        "KodeksKassistDayTime",
        "Start of the newest day that kAssist reports, as unix time, in the client's zone.",
        users.read_kassist_day,
    ),
    Figure(
        licences.OWNER,
        "Legal entity and registration number as the newest report gives them.",
        licences.read_owner,
        ("clientname", "regnum"),
        Scope.INPUT,
    ),
    Figure(
        licences.SUPPORTED,
        "1 if the newest report says that the maintenance contract is alive.",
        licences.read_supported,
        scope=Scope.INPUT,
    ),
    Figure(
        licences.FIRST_END,
        "Last second of the earliest licence term among all volumes, as unix time.",
        licences.read_first_end,
        scope=Scope.INPUT,
    ),
)

_BY_DOMAIN: tuple[Figure, ...] = (
    *(
        Figure(
            f"KodeksDomain{figure.name}", f"By domain: {figure.help}", figure.read_domains, ("domain",), figure.scope
        )
        for figure in users.USAGE_FIGURES
    ),
    Figure(
        "KodeksDomainMonthSearches",
        "By domain: searches of all types since the 1st.",
        users.read_domain_month_searches,
        ("domain",),
        Scope.MONTH,
    ),
)

FIGURES: tuple[Figure, ...] = (
    *_FROM_REPORT,
    *(
        Figure(f"Kodeks{figure.name}", figure.help, figure.read_total, (), figure.scope)
        for figure in users.USAGE_FIGURES
    ),
    *_BY_DOMAIN,
    Figure(
        "KodeksSeriesLeftOut",
        "Series of that family beyond the limit of a client's page, which are not shown.",
        lambda facts: (),  # noqa: ARG005
        ("family",),
    ),
)

CLOCK_FIGURES: tuple[ClockFigure, ...] = (
    ClockFigure(
        "SmartClientInfo",
        "Legal entity as the installation reports it, else as the inventory has it, always 1.",
        licences.show_client_info,
        ("clientname", "regnum"),
    ),
    ClockFigure(
        "KodeksSupported",
        "1 if the maintenance contract is alive by the inventory, else by the report, 0 if it is not.",
        licences.show_supported,
    ),
    ClockFigure(
        "KodeksLicenseDaysLeft",
        "Days to the end of the earliest licence term among all volumes; 0 on the last day, negative after it.",
        licences.show_days_left,
        ("clientname", "regnum"),
    ),
    ClockFigure(
        "SmartXMLfileTime",
        "The earlier of creation and receipt of the newest report, as unix time; without one, the start of watching.",
        files.show_file_time,
    ),
    ClockFigure("SmartXMLfileCreatedTime", "Time inside the newest report, as unix time.", files.show_created),
    ClockFigure("SmartXMLfileReceivedTime", "When the newest report came, as unix time.", files.show_received),
    ClockFigure(
        "SmartFileRejectedTime",
        "When the newest file came, as unix time, while it is one that was refused.",
        files.show_rejected,
        ("reason",),
    ),
    ClockFigure("SmartXMLfileMaxAge", "How old a report may become, in seconds.", files.show_max_age),
    ClockFigure("SmartOperUpMaxAge", "How old an OperUp file may become, in seconds.", files.show_operup_max_age),
    ClockFigure("SmartClientUtcOffset", "Seconds to add to UTC for the client's local time.", files.show_utc_offset),
    ClockFigure(
        "SmartFullMonth", "1 if the client was under watch before the 1st of this month, else 0.", files.show_full_month
    ),
    ClockFigure(
        "KodeksEventsLeftOut",
        "Events of that family beyond the limit, which are not shown.",
        files.show_left_out,
        ("family",),
    ),
)

_SEARCH = ("user", "query", "searchtype", "catalog", "url", "batch")
EVENT_FAMILIES: tuple[EventFamily, ...] = (
    EventFamily("KodeksSearchEmptyEvents", "A search that returned no document, always 1.", _SEARCH),
    EventFamily("KodeksSearchErrorEvents", "A search that the engine could not execute, always 1.", _SEARCH),
    EventFamily("KodeksRejectionEvents", "A login refused, always 1.", ("user", "reason", "batch")),
    EventFamily("KodeksNewUserEvents", "First requests ever of a login, always 1.", ("user", "domain", "batch")),
)

BRANCH_FIGURES: tuple[BranchFigure, ...] = (
    BranchFigure(
        "SmartCountThreshold",
        "How many must fail together for that Count alert to fire.",
        files.show_count_thresholds,
        ("alert",),
    ),
)

Entry = ReportCheck | Figure | ClockFigure | EventFamily | BranchFigure
EVERYTHING: tuple[Entry, ...] = (*CHECKS, *FIGURES, *CLOCK_FIGURES, *EVENT_FAMILIES, *BRANCH_FIGURES)
