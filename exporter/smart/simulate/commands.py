"""`smart simulate`: stand-in customers, servers and the demo, for those who try SMART out or test it."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from smart.errors import ConfigError, SmartError
from smart.simulate.agent import Push, Style
from smart.simulate.fleet import Clock, Fleet, stand_ins
from smart.simulate.incidents import CHANGES, Change, parse_change, parse_seconds
from smart.simulate.report import Key, ReportSpec, sized_spec, write_report, zip_report
from smart.simulate.telegram import TelegramMessage, TelegramStandIn

if TYPE_CHECKING:
    from smart.simulate.smtp_sink import Letter

T = TypeVar("T")

UNITS = {"KIB": 1 / 1024, "MIB": 1.0, "KB": 1 / 1024, "MB": 1.0}  # in MiB; what people call a 20 MB report is 20 MiB


class _Parsed(click.ParamType[T]):
    """An option whose value a function reads; its complaints become those of the option."""

    def __init__(self, name: str, read: Callable[[str], T]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> T:
        try:
            return self._read(str(value))
        except (SmartError, ValueError) as error:
            self.fail(str(error), param, ctx)


def parse_size(text: str) -> float:
    """`20MB`, `300KB` or `20` in MiB; raises ConfigError."""
    for unit, mib in UNITS.items():
        if text.upper().endswith(unit):
            text, factor = text[: -len(unit)], mib
            break
    else:
        factor = 1.0
    try:
        size = float(text) * factor
    except ValueError:
        size = 0.0
    if not 0 < size <= 1024:
        raise ConfigError(f"{text!r} is not a size (write 300KB or 20MB, at most 1024MB)")
    return size


SIZE: _Parsed[float] = _Parsed("size", parse_size)
DURATION: _Parsed[float] = _Parsed("time", parse_seconds)
CHANGE: _Parsed[Change] = _Parsed("change", parse_change)
MOMENT: _Parsed[datetime] = _Parsed("moment", datetime.fromisoformat)


@click.group()
def simulate() -> None:
    """Stand-in customers and servers, for the demo, for tests and for load."""


@simulate.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.option("--size", type=SIZE, help="Exact size of the XML, such as 300KB or 20MB (then 62,701 records).")
@click.option("--seed", default="1", show_default=True, help="The same seed gives the same report.")
@click.option("--client", default="romashka", show_default=True, help="Short name of the installation.")
@click.option("--created", type=MOMENT, help="Local time of the report, such as 2026-11-20T10:55:03. [default: now]")
@click.option("--key-lost", is_flag=True, help="The protection key does not work (4111).")
@click.option("--encoding", type=click.Choice(["utf-8", "windows-1251"]), default="utf-8", show_default=True)
@click.option("--zip", "zipped", is_flag=True, help="Write it as an installation answers type=zip.")
def report(
    out: Path,
    size: float | None,
    seed: str,
    client: str,
    created: datetime | None,
    key_lost: bool,
    encoding: str,
    zipped: bool,
) -> None:
    """Write one sysinfo report. A report of exact --size speaks of a fixed moment unless --created says another."""
    spec = ReportSpec().at(datetime.now().replace(microsecond=0)) if size is None else sized_spec(size)
    spec = replace(spec, client=client, key=Key.LOST if key_lost else Key.OK, encoding=encoding)
    if created is not None:
        spec = replace(spec, created=created.replace(microsecond=0, tzinfo=None), zone=created.tzinfo)
    try:
        with out.open("wb") as stream:
            counts = (zip_report if zipped else write_report)(spec, seed, stream)
    except (OSError, ValueError) as error:
        out.unlink(missing_ok=True)
        raise click.ClickException(str(error)) from error
    records = ", ".join(f"{count} {kind.value}" for kind, count in counts.items())
    click.echo(f"{out}: {out.stat().st_size} bytes, {sum(counts.values())} records ({records})", err=True)


@simulate.command()
@click.option("--server", required=True, help="Address of the intake, http://host:port.")
@click.option("--dealer", required=True, help="Name of the dealer, as in the inventory.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--seed", default="1", show_default=True)
@click.option("--for", "seconds", type=DURATION, default="0", help="How long to go on; 0 pushes once.  [default: 0]")
@click.option("--every", type=DURATION, default="1h", show_default=True, help="How often each customer reports.")
@click.option(
    "--speed", type=click.FloatRange(0.01, 3600), default=1.0, show_default=True, help="Of the fleet's clock."
)
@click.option("--begin", type=float, help="Unix time at which the fleet's clock starts. [default: now]")
@click.option("--incident", "schedule", type=CHANGE, multiple=True, help="AT:CLIENT:CHANGE, may be repeated.")
@click.option("--agents", type=click.Choice([style.value for style in Style]), default="new", show_default=True)
def fleet(
    server: str,
    dealer: str,
    token_file: Path,
    seed: str,
    seconds: float,
    every: float,
    speed: float,
    begin: float | None,
    schedule: tuple[Change, ...],
    agents: str,
) -> None:
    """Let stand-in customers report to a server for a time, with incidents.

    The customers are plant7, romashka and bridge of branch north, school3 and hospital5 of branch south: the inventory
    of the server must list them.
    """
    try:
        token = token_file.read_text("utf-8").strip()
        clock = Clock(begin, speed)
        with Fleet(
            stand_ins(seed), dealer=dealer, server=server, token=token, style=Style(agents), clock=clock
        ) as running:
            failed = 0

            def tell(event: Change | Push) -> None:
                nonlocal failed
                failed += isinstance(event, Push) and not event.ok
                click.echo(_told(event))

            running.run(seconds=seconds, interval=every, schedule=schedule, tell=tell)
    except (SmartError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if failed:
        raise click.ClickException(f"{failed} pushes failed")


fleet.help = f"{inspect.cleandoc(fleet.help or '')}\n\nChanges: {', '.join(CHANGES)}."


def _told(event: Change | Push) -> str:
    now = time.strftime("%H:%M:%S")
    if isinstance(event, Change):
        return f"{now} {event.client}: {event.what}"
    return f"{now} {event.client}: installation {event.fetched}, server {event.pushed} {event.answer}"


@simulate.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.  [default: 0]")
def smtp(port: int) -> None:
    """Run a mail server that prints letters instead of carrying them on, until Ctrl-C."""
    try:
        from smart.simulate.delivery import readable
        from smart.simulate.smtp_sink import SmtpSink
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'smart-exporter[dev]'") from error

    def show(letter: Letter) -> None:
        click.echo(
            f"From: {letter.sender}\nTo: {', '.join(letter.to)}\nSubject: {letter.subject}\n\n{readable(letter)}\n"
        )

    with _listening(), SmtpSink(port=port, on_letter=show) as sink:
        click.echo(f"mail server at {sink.address}; Ctrl-C ends it", err=True)
        _until_interrupted()


@simulate.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.  [default: 0]")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--chat", "chats", type=int, multiple=True, required=True, help="A chat the bot may write to.")
@click.option("--limited", is_flag=True, help="One message a second to a chat, 20 a minute to a group.")
def telegram(port: int, token_file: Path, chats: tuple[int, ...], limited: bool) -> None:
    """Run a stand-in for Telegram's Bot API that prints messages, until Ctrl-C."""

    def show(message: TelegramMessage) -> None:
        click.echo(f"Chat {message.chat}:\n{message.text}\n")

    token = token_file.read_text("utf-8").strip()
    with _listening(), TelegramStandIn(token, chats, limited=limited, on_message=show, port=port) as running:
        click.echo(f"Bot API at {running.url}; Ctrl-C ends it", err=True)
        _until_interrupted()


@contextmanager
def _listening() -> Iterator[None]:
    """A port that is taken is told, not thrown."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(str(error)) from error


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


@simulate.command()
@click.option("--once", is_flag=True, help="Play the incident, stop everything, exit 0 only if all was right.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="Emptied. [default: .demo]")
@click.option("--project", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder with rules/.")
def demo(once: bool, folder: Path | None, project: Path | None) -> None:
    """Show the main job, for real: a key is lost at a customer, its manager gets a letter and a Telegram message."""
    try:
        from smart.simulate.demo import run_demo
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'smart-exporter[dev]'") from error
    sys.exit(run_demo(once, folder, project))
