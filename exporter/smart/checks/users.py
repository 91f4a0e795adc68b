"""How people use the product: counters of the month, windows up to the report, users and domains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter

from smart.checks.base import DomainUsage, Facts, Scope
from smart.checks.labels import bounded, clip

Rows = Iterator[tuple[tuple[str, ...], float]]
MAX_DOMAINS = 50
OTHER_DOMAINS = "Прочие"
NO_DOMAIN = "НеОпределён"
SEARCH_TYPES = ("intellectual", "attribute")
REJECTIONS = ("no-seats", "auth")
_COUNTS: Callable[[DomainUsage], tuple[int, ...]] = attrgetter(*(field.name for field in fields(DomainUsage)))


def has_users(facts: Facts) -> bool:
    """Did the report have the section of users, where activity stands?"""
    return facts.report.has_users


def has_searches(facts: Facts) -> bool:
    """Did the report have the section of searches?"""
    return facts.report.has_searches


def keeps_cards(facts: Facts) -> bool:
    """Are the cards of users kept for this client? Without them nothing can be said of their completeness."""
    return facts.report.has_users and facts.client.keep_cards


@dataclass(frozen=True, slots=True)
class UsageFigure:
    """One number about what people did, for the installation as a whole and for each domain."""

    name: str  # metric: Kodeks<name>, and KodeksDomain<name>{domain}
    help: str
    of: Callable[[DomainUsage], float | None]  # None: cannot be told
    reported: Callable[[Facts], bool] = has_users
    scope: Scope = Scope.MONTH

    def read_total(self, facts: Facts) -> Rows:
        """The number of the whole installation."""
        if self.reported(facts) and (value := self.of(facts.usage.total)) is not None:
            yield (), float(value)

    def read_domains(self, facts: Facts) -> Rows:
        """The number of each domain."""
        if self.reported(facts):
            for domain, usage in facts.usage.domains.items():
                if (value := self.of(usage)) is not None:
                    yield (domain,), float(value)


def activity(usage: DomainUsage) -> float:
    """Everything users did, database requests not added on top: opening a document is one already."""
    opened = usage.documents + usage.free_documents
    return usage.searches + opened + usage.services + usage.saved + usage.printed


def doc_or_service(usage: DomainUsage) -> float:
    """Searches, counted documents and service uses."""
    return usage.searches + usage.documents + usage.services


def cards_filled(usage: DomainUsage) -> float | None:
    """Percentage of those who ever logged in whose card is filled."""
    return 100 * usage.cards_filled / usage.users_entered if usage.users_entered else None


USAGE_FIGURES: tuple[UsageFigure, ...] = (
    UsageFigure("MonthRequests", "Requests to databases since the 1st.", lambda u: u.requests),
    UsageFigure("MonthDocuments", "Documents opened that the licence counts, since the 1st.", lambda u: u.documents),
    UsageFigure("MonthFreeDocuments", "Documents opened that do not count, since the 1st.", lambda u: u.free_documents),
    UsageFigure("MonthServices", "Uses of services since the 1st.", lambda u: u.services),
    UsageFigure("MonthSaved", "Documents saved, opened elsewhere or mailed since the 1st.", lambda u: u.saved),
    UsageFigure("MonthPrinted", "Documents printed since the 1st.", lambda u: u.printed),
    UsageFigure(
        "MonthDocService", "Doc or Service: searches, documents and service uses since the 1st.", doc_or_service
    ),
    UsageFigure("MonthActivity", "Everything users did since the 1st (dashboards, formula F3).", activity),
    UsageFigure("MonthActiveUsers", "Logins with at least one request since the 1st.", lambda u: u.active_users),
    UsageFigure(
        "MonthEmptySearches", "Searches since the 1st that found nothing.", lambda u: u.empty_searches, has_searches
    ),
    UsageFigure("MonthKassistRequests", "Requests of kAssist since the 1st.", lambda u: u.kassist),
    UsageFigure(
        "EmptySearches24h",
        "Searches that found nothing in the 24 hours before the report.",
        lambda u: u.empty_searches_24h,
        has_searches,
        Scope.ALWAYS,
    ),
    UsageFigure(
        "KassistRequests30d",
        "Requests of kAssist in the 30 days before the report.",
        lambda u: u.kassist_30d,
        scope=Scope.ALWAYS,
    ),
    UsageFigure("Users", "Logins seen in the last 13 months.", lambda u: u.users, scope=Scope.ALWAYS),
    UsageFigure(
        "UsersIdle30d",
        "Of these logins, without a request for 30 days.",
        lambda u: u.users_idle_30d,
        scope=Scope.ALWAYS,
    ),
    UsageFigure(
        "UsersIdle60d",
        "Of these logins, not seen (or registered and never seen) for 60 days or more.",
        lambda u: u.users_idle_60d,
        scope=Scope.ALWAYS,
    ),
    UsageFigure(
        "CardsFilledPercent",
        "Of the logins that ever entered, those with all five fields of the card filled, in percent.",
        cards_filled,
        keeps_cards,
        scope=Scope.ALWAYS,
    ),
)


def fold_domains(domains: Mapping[str, DomainUsage]) -> dict[str, DomainUsage]:
    """Domains under the names shown: the largest by users, the rest summed up; none is «НеОпределён»."""
    ranked = sorted(domains.items(), key=lambda item: (-item[1].users, -item[1].requests, item[0]))
    alike: dict[str, list[DomainUsage]] = {}
    for domain, usage in ranked[:MAX_DOMAINS]:
        alike.setdefault(clip(domain, 100) or NO_DOMAIN, []).append(usage)
    if len(ranked) > MAX_DOMAINS:
        alike.setdefault(OTHER_DOMAINS, []).extend(usage for _, usage in ranked[MAX_DOMAINS:])
    return {name: total(usages) for name, usages in alike.items()}


def total(usages: Iterable[DomainUsage]) -> DomainUsage:
    """The sum of domains. There may be a hundred thousand of them."""
    return DomainUsage(*map(sum, zip(*map(_COUNTS, usages), strict=True)))


def read_month_searches(facts: Facts) -> Rows:
    """Searches of the month by type. Source: stored searches; not shown without a section of searches."""
    if facts.report.has_searches:
        yield from bounded(facts.usage.searches_by_type, SEARCH_TYPES)


def read_domain_month_searches(facts: Facts) -> Rows:
    """Searches of the month by domain, all types. Source: users/user/activity."""
    if facts.report.has_users:
        for domain, usage in facts.usage.domains.items():
            yield (domain,), float(usage.searches)


def read_month_rejections(facts: Facts) -> Rows:
    """Refused logins of the month by reason. Source: stored rejections."""
    if facts.report.has_rejections:
        yield from bounded(facts.usage.rejections_month, REJECTIONS)


def read_rejections_1h(facts: Facts) -> Rows:
    """Refused logins of the hour before the report by reason. Source: stored rejections."""
    if facts.report.has_rejections:
        yield from bounded(facts.usage.rejections_1h, REJECTIONS)


def read_requests_24h(facts: Facts) -> Rows:
    """Requests of all logins but the service user in the 24 hours before the report."""
    if facts.report.has_users:
        yield (), float(facts.usage.requests_24h)


def read_user_activity(facts: Facts) -> Rows:
    """Intellectual searches and opened documents of the month, as the time-of-month alert defines activity.

    Searches come from the list of searches, which tells the types apart; a report without it gives the total only.
    """
    usage = facts.usage
    if not facts.report.has_users:
        return
    searches = usage.searches_by_type.get("intellectual", 0) if facts.report.has_searches else usage.total.searches
    yield (), float(searches + usage.total.documents)


def read_user_involvement(facts: Facts) -> Rows:
    """Logins with a request this month as a percentage of the seats. Not told without seats."""
    seats = facts.report.seats
    if facts.report.has_users and seats:
        yield (), 100 * facts.usage.total.active_users / seats


def read_kassist_links(facts: Facts) -> Rows:
    """Links that kAssist handled on the newest day told, by what became of them. Source: kassist/day."""
    if facts.report.has_kassist and facts.usage.kassist_day is not None:
        counts = facts.usage.kassist_day[1:]
        for links, count in zip(("added", "unique", "unmatched", "checked"), counts, strict=True):
            yield (links,), float(count)


def read_kassist_day(facts: Facts) -> Rows:
    """Start of the day that KodeksKassistLinks speaks of, client's zone. Source: kassist/day date."""
    if facts.report.has_kassist and facts.usage.kassist_day is not None:
        day = datetime.fromisoformat(facts.usage.kassist_day[0])
        yield (), day.replace(tzinfo=facts.client.zone).timestamp()
