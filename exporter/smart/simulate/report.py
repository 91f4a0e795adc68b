"""Writes sysinfo reports in the reference layout, as a stand-in installation would. Same spec and seed, same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from smart.simulate import content
from smart.simulate.content import Query, Refusal, Work
from smart.simulate.head import head
from smart.simulate.spec import Key, Period, ReportSpec, sized_spec
from smart.simulate.words import BROWSERS, DEPARTMENTS, POSITIONS, login_of, rng, search_text
from smart.sysinfo.report import Records

__all__ = ["Key", "Period", "ReportSpec", "report_of_size", "sized_spec", "write_report", "zip_report"]

FLUSH_BYTES = 1 << 18
PAD_BYTES = 1024  # left for blanks before the end of a report of exact size, longer than one search can stray
SHORTEST_TEXT = 12  # characters


def write_report(spec: ReportSpec, seed: object, out: BinaryIO) -> Mapping[Records, int]:
    """Write the report to `out` as it is made and return how many bulk records of each kind it holds.

    Raises ValueError when `spec.records` or `spec.size` cannot be met.
    """
    return _Writer(spec, seed, out).run()


def report_of_size(mib: float, seed: object = 1) -> bytes:
    """A report of exactly `mib` MiB with the mixture of records that `sized_spec` describes."""
    buffer = io.BytesIO()
    write_report(sized_spec(mib), seed, buffer)
    return buffer.getvalue()


def zip_report(spec: ReportSpec, seed: object, out: BinaryIO) -> Mapping[Records, int]:
    """Write the report as an installation answers `type=zip`: one XML in a zip, its bytes repeatable too."""
    created = spec.created
    stamp = (created.year, created.month, created.day, created.hour, created.minute, created.second)
    member = zipfile.ZipInfo(f"{spec.client}.xml", stamp)
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w") as archive, archive.open(member, "w") as stream:
        return write_report(spec, seed, stream)  # type: ignore[arg-type]  # typed IO[bytes], only written to


class _Writer:
    """One report on its way out: counts bytes and records, since a report of exact size depends on both."""

    def __init__(self, spec: ReportSpec, seed: object, out: BinaryIO) -> None:
        self.spec, self.seed, self.out = spec, seed, out
        self.written = 0
        self.parts: list[str] = []
        self.waiting = 0
        self.counts: dict[Records, int] = {}

    def run(self) -> Mapping[Records, int]:
        spec = self.spec
        work = content.month_work(spec, self.seed)
        refused = content.refusals(spec, self.seed)
        connected = content.connected(spec, work)
        if spec.bom and spec.encoding == "utf-8":
            self.out.write(b"\xef\xbb\xbf")
            self.written += 3
        for line in head(spec, seats_used=len(connected)):
            self.add(line)
        if spec.records is not None:
            work = self.plan(spec.records, work, len(refused), len(connected))
        self.section("users", Records.USERS, self.users(work))
        self.section("sessions", Records.SESSIONS, self.sessions(connected))
        self.section("rejections", Records.REJECTIONS, map(self.rejection, refused))
        planned = work if spec.records is not None else None
        self.counts[Records.ACTIVITY] = 0 if "users" in spec.without else len(work)
        self.section("searches", Records.SEARCHES, self.searches(content.queries(spec, self.seed, planned), work))
        self.section("kassist", Records.KASSIST, self.kassist())
        self.finish()
        return self.counts

    def plan(self, records: int, work: list[Work], refused: int, connected: int) -> list[Work]:
        """Spread the searches that make up the number over the month's working hours."""
        fixed = self.spec.users + self.spec.newcomers + 1 + connected + 1 + refused + len(list(self.kassist()))
        if not work or records < fixed + len(work):
            work = work[: max(0, records - fixed)]  # the earliest
        left = records - fixed - len(work)
        if left < 0 or (left and not work):
            raise ValueError(f"a report of {records} records cannot be made: {fixed} are users, sessions and the like")
        each, more = divmod(left, len(work) or 1)
        planned = []
        for number, row in enumerate(work):
            searches = each + (number < more)
            planned.append(row._replace(searches=searches, requests=row.requests - row.searches + searches))
        return planned

    def add(self, line: str) -> None:
        self.parts.append(line)
        self.waiting += len(line)
        if self.waiting > FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        text = self.spec.newline.join([*self.parts, ""])
        data = text.encode(self.spec.encoding, "xmlcharrefreplace")
        self.out.write(data)
        self.written += len(data)
        self.parts, self.waiting = [], 0

    def section(self, name: str, kind: Records, lines: Iterator[str]) -> None:
        """Write one section and count its records, or leave it out when the installation does not report it."""
        if name in self.spec.without:
            self.counts[kind] = 0
            return
        self.add(f"  <{name}>")
        count = 0
        for line in lines:
            count += 1
            self.add(line)
        self.counts[kind] = count
        self.add(f"  </{name}>")

    def finish(self) -> None:
        end = "</sysinfo>"
        self.flush()
        if self.spec.size is not None:
            blanks = self.spec.size - self.written - len(end) - len(self.spec.newline)
            if blanks < 0:
                raise ValueError(f"a report of {self.spec.size} bytes is too small: {self.written} bytes were needed")
            end = " " * blanks + end
        self.add(end)
        self.flush()

    def users(self, work: list[Work]) -> Iterator[str]:
        spec = self.spec
        by_user: dict[int, list[Work]] = {}
        for row in work:
            by_user.setdefault(row.user, []).append(row)
        yield (
            f'    <user login="{content.SERVICE_LOGIN}" domain="" registered="2023-01-10" '
            f'last-seen="{self.time(spec.created)}"/>'
        )
        for user in range(spec.users + spec.newcomers):
            if user >= spec.users and spec.newcomers_since > spec.created:
                continue
            yield self.user(user, by_user.get(user, []))

    def user(self, user: int, rows: list[Work]) -> str:
        """One user with its card and hours; users who only have an account have neither."""
        login, domain = login_of(user)
        registered = datetime(2024, 2, 1) + timedelta(days=user * 3 % 600)
        if user >= self.spec.users:
            registered = self.spec.newcomers_since
        opening = f'    <user login={quoteattr(login)} domain="{domain}" registered="{registered:%Y-%m-%d}"'
        if not content.entered(user):
            return opening + "/>"
        seen = rows[-1].hour + timedelta(minutes=user % 60) if rows else registered
        lines = [f'{opening} last-seen="{self.time(seen)}">', self.card(user)]
        lines += [
            f'      <activity hour="{self.time(row.hour)}" requests="{row.requests}" documents="{row.documents}" '
            f'free-documents="{row.free_documents}" services="{row.services}" saved="{row.saved}" '
            f'printed="{row.printed}" searches="{row.searches}" kassist="{row.kassist}"/>'
            for row in rows
        ]
        lines.append("    </user>")
        return self.spec.newline.join(lines)

    @staticmethod
    def card(user: int) -> str:
        """Some cards are full, some lack a field: the message of a table is its empty cells."""
        phone = f"+7 000 000-{user // 100 % 100:02}-{user % 100:02}" if user % 3 else ""
        email = f"user{user:03}@corp.example" if user % 4 else ""
        return (
            f'      <card fullname="Пользователь {user}" phone="{phone}" email="{email}" '
            f'position="{POSITIONS[user % len(POSITIONS)]}" department="{DEPARTMENTS[user % len(DEPARTMENTS)]}"/>'
        )

    def sessions(self, connected: list[Work]) -> Iterator[str]:
        created = self.spec.created
        for row in connected:
            login, domain = login_of(row.user)
            since = min(row.hour + timedelta(minutes=row.user % 60, seconds=row.user % 59), created)
            yield (
                f'    <session login={quoteattr(login)} domain="{domain}" '
                f'ip="10.1.{row.user // 250}.{row.user % 250 + 1}" '
                f'browser="{BROWSERS[row.user % len(BROWSERS)]}" since="{self.time(since)}" seat="yes"/>'
            )
        yield (
            f'    <session login="{content.SERVICE_LOGIN}" domain="" ip="10.1.0.1" browser="smartdownload" '
            f'since="{self.time(created)}" seat="no"/>'
        )

    def rejection(self, refusal: Refusal) -> str:
        login = quoteattr(content.login_text(refusal.user))
        return f'    <rejection login={login} time="{self.time(refusal.time)}" reason="{refusal.reason}"/>'

    def searches(self, found: Iterator[Query], work: list[Work]) -> Iterator[str]:
        size, left = self.spec.size, sum(row.searches for row in work)
        ending = len(
            self.spec.newline.join(["  </searches>", "  <kassist>", *self.kassist(), "  </kassist>", "</sysinfo>"])
        )
        for query in found:
            if size is None:
                yield self.search(query, 0)
                continue
            room = size - PAD_BYTES - ending - self.written - self.pending()
            yield self.search(query, max(1, room // max(1, left)))
            left -= 1

    def pending(self) -> int:
        """Bytes of the lines not yet written; flushed often, for a text's length depends on what is left."""
        self.flush()
        return 0

    def search(self, query: Query, room: int) -> str:
        """One search; `room` in bytes makes the text as long as it takes."""
        spec = self.spec
        source = rng(self.seed, query.draw)
        kind = "intellectual" if source.random() < 0.85 else "attribute"
        engine = "kassist" if source.random() < 0.08 else "ksrv"
        found, turn = source.randrange(1, 400), source.random()
        if turn < spec.empty_share or (spec.nothing_found is not None and query.time in spec.nothing_found):
            found = 0
        elif turn > 1 - spec.failed_share:
            found = -1
        opening = (
            f'    <search time="{self.time(query.time)}" login={quoteattr(content.login_text(query.user))} '
            f'catalog="/docs" type="{kind}" source="{engine}" found="{found}" ms="{source.randrange(20, 4000)}">'
        )
        length = max(SHORTEST_TEXT, int((room - len(opening) - 12) / 1.8)) if room else 0
        text = search_text(source, round(length * (0.4 + source.random() * 0.8)) if room else 0)
        return f"{opening}{escape(text)}</search>"

    def kassist(self) -> Iterator[str]:
        """Links handled in each of the last 30 days before the report."""
        for back in range(30, 0, -1):
            day = (self.spec.created - timedelta(days=back)).date()
            source = rng(self.seed, self.spec.client, day.isoformat(), "kassist")
            added = source.randrange(0, 40)
            unique = source.randrange(0, added + 1)
            unmatched = source.randrange(0, unique + 1)
            yield (
                f'    <day date="{day}" added="{added}" unique="{unique}" unmatched="{unmatched}" '
                f'checked="{added + source.randrange(0, 60)}"/>'
            )

    def time(self, moment: datetime) -> str:
        zone = self.spec.zone
        return (moment if zone is None else moment.replace(tzinfo=zone)).isoformat(timespec="seconds")
