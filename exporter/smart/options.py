"""Options that several commands share, and how errors leave the command line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from smart.errors import SmartError
from smart.render.apply import apply
from smart.store.retention import KINDS

Command = TypeVar("Command", bound=Callable[..., Any])


class Failing(click.Group):
    """Turns every error raised on purpose into its text and exit code 1; a traceback then is always a defect."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SmartError as error:
            raise click.ClickException(str(error)) from error


def inventory_option(command: Command) -> Command:
    """--inventory, the same everywhere."""
    return click.option(
        "--inventory",
        type=click.Path(path_type=Path),
        default="inventory",
        show_default=True,
        envvar="SMART_INVENTORY",
        show_envvar=True,
        help="Directory of the inventory: dealers.yml and a file a branch.",
    )(command)


def alerting_option(command: Command) -> Command:
    """--alerting, the same everywhere."""
    return click.option(
        "--alerting",
        type=click.Path(path_type=Path),
        default="alerting.yml",
        show_default=True,
        envvar="SMART_ALERTING",
        show_envvar=True,
        help="Mail and Telegram servers, times, the operator's addresses.",
    )(command)


def address(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, int]:
    """HOST:PORT of an option; an IPv6 host stands in brackets."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{value!r} must be HOST:PORT")
    return host.strip("[]"), int(port)


def months(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, int]:
    """KIND=MONTHS of the option --keep."""
    kept = {}
    for item in value:
        kind, _, number = item.partition("=")
        if kind not in KINDS or not number.isdigit() or not 1 <= int(number) <= 1200:
            raise click.BadParameter(f"{item!r} must be KIND=MONTHS; kinds: {', '.join(sorted(KINDS))}")
        kept[kind] = int(number)
    return kept


def set_up_logging(verbose: bool) -> None:
    """To standard error, one line an event, times in UTC."""
    logging.Formatter.converter = lambda *_: datetime.now(UTC).timetuple()
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)sZ %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what a migration does is told by its failure


def database_url(url: str, file: Path | None, data_dir: Path) -> str:
    """The URL given, in a file, or of the SQLite file in the data directory."""
    if file is not None:
        try:
            return file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise click.ClickException(f"{file} cannot be read") from None
    if url:
        return url
    data_dir.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{data_dir.absolute()}/smart.db"


def output_options(command: Command) -> Command:
    """--output, --check and --reload-url of rendered configurations."""
    command = click.option("--output", type=click.Path(path_type=Path), required=True)(command)
    command = click.option(
        "--check", "only_check", is_flag=True, help="Write nothing; exit code 1 if the output is out of date."
    )(command)
    return click.option(
        "--reload-url", help="POST there after the file was replaced, such as http://host:9093/-/reload"
    )(command)


def put(text: str, output: Path, only_check: bool, **how: Any) -> None:
    """Write or compare."""
    if not only_check:
        click.echo(f"{output}: {'written' if apply(text, output, **how) else 'is up to date'}")
    elif not output.exists() or output.read_text("utf-8") != text:
        raise click.ClickException(f"{output} is out of date; run without --check")
