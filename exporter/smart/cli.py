"""The command `smart`: click commands, wiring only; the one module that imports everything."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import requests

from smart import __version__
from smart.checks.signatures import with_operators
from smart.errors import InventoryError, ReportRejected, SmartError
from smart.intake.limits import MEBIBYTE, IntakeSettings
from smart.intake.worker import Reading
from smart.intake.workers import WorkerSettings
from smart.inventory.load import load_inventory
from smart.inventory.summary import summarize
from smart.inventory.tokens import new_token
from smart.options import (
    Failing,
    address,
    alerting_option,
    commands_md,
    database_url,
    inventory_option,
    months,
    output_options,
    put,
    set_up_logging,
)
from smart.parsefile import describe_file
from smart.render.alertmanager import render_alertmanager
from smart.render.apply import check_alertmanager, check_prometheus
from smart.render.docs import render_checks_md, render_metrics_md
from smart.render.prometheus import render_prometheus
from smart.render.settings import load_alerting
from smart.simulate.commands import simulate
from smart.sysinfo.profile import REFERENCE, load_profile
from smart.sysinfo.unpack import Limits
from smart.web.config import load_web_config

DEFAULT_INTAKE = "0.0.0.0:8600"  # agents come from outside
DEFAULT_OPERATIONS = "127.0.0.1:9600"
UPLOAD_SECONDS = 300
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


@click.group(cls=Failing, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="smart")
def main() -> None:
    """Watch installations of Kodeks/Techexpert: reports and probes become metrics, alerts and dashboards."""


@main.command()
@inventory_option
@alerting_option
@click.option("--web.config.file", "web_config", type=click.Path(path_type=Path), help="Check this file as well.")
@click.option("--profile", "profiles", multiple=True, type=click.Path(path_type=Path), help="And this report layout.")
@click.option("--signatures", type=click.Path(path_type=Path), help="And this file of error codes and texts.")
def check(
    inventory: Path, alerting: Path, web_config: Path | None, profiles: tuple[Path, ...], signatures: Path | None
) -> None:
    """Show every mistake of the inventory and the configuration at once, as file:line: field: what is wrong.

    Exit code 1 when there is one.
    """
    mistakes: list[str] = []
    summary = ""
    try:
        summary = str(summarize(load_inventory(inventory)))
    except InventoryError as error:
        mistakes += [str(problem) for problem in error.problems]
    checks: list[Callable[[], object]] = [lambda: with_operators(signatures)]
    checks += [partial(load_profile, profile) for profile in (*profiles, REFERENCE)]
    if alerting.exists() or alerting != Path("alerting.yml"):
        checks.append(lambda: load_alerting(alerting, date.today()))
    if web_config is not None:
        checks.append(lambda: load_web_config(web_config))
    for run_check in checks:
        try:
            run_check()
        except SmartError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        click.echo("\n".join(mistakes), err=True)
        click.echo(f"mistakes: {len(mistakes)}", err=True)
        sys.exit(1)
    click.echo(f"OK: {summary}")


@main.command()
@inventory_option
@click.option("--data-dir", type=click.Path(path_type=Path), default="data", show_default=True, envvar="SMART_DATA_DIR",
              help="Spool, rejected files, newest files, and the SQLite database.")  # fmt: skip
@click.option("--database", envvar="SMART_DATABASE_URL", show_envvar=True, default="",
              help="SQLAlchemy URL such as postgresql+psycopg://…; with a password in it, use the variable or"
                   " --database-file, hidden from lists of processes.  [default: SQLite in the data dir]")  # fmt: skip
@click.option("--database-file", type=click.Path(path_type=Path), help="A file that holds the URL.")
@click.option("--intake-listen", callback=address, default=DEFAULT_INTAKE, show_default=True,
              help="Where agents hand files in (the internet side).")  # fmt: skip
@click.option("--intake.web.config.file", "intake_web_config", type=click.Path(path_type=Path),
              help="TLS of the intake, in the format of Prometheus' exporters.")  # fmt: skip
@click.option("--operations-listen", callback=address, default=DEFAULT_OPERATIONS, show_default=True,
              help="Metrics, service discovery, health, reload (the inner side).")  # fmt: skip
@click.option("--web.config.file", "web_config", type=click.Path(path_type=Path),
              help="TLS and logins of the operations side, in the format of Prometheus' exporters.")  # fmt: skip
@click.option("--replica", "replicas", multiple=True, metavar="HOST:PORT",
              help="Every exporter over this database, as Prometheus reaches it; they share the clients.")  # fmt: skip
@click.option("--trusted-proxy", "trusted_proxies", multiple=True, metavar="ADDRESS",
              help="A proxy in front of the intake whose X-Forwarded-For is believed.")  # fmt: skip
@click.option("--profile", "profiles", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="A further report layout (YAML), tried before the reference layout.")  # fmt: skip
@click.option("--signatures", type=click.Path(path_type=Path),
              help="A YAML file of error codes and texts, looked at before the built-in ones.")  # fmt: skip
@click.option("--max-upload-mib", type=click.IntRange(1, 4096), default=64, show_default=True, help="Largest file.")
@click.option("--max-unpacked-mib", type=click.IntRange(1, 16384), default=512, show_default=True, help="Unpacked.")
@click.option("--requests-per-second", type=click.FloatRange(0.1), default=20.0, show_default=True,
              help="Of one dealer's token, in the long run.")  # fmt: skip
@click.option("--workers", type=click.IntRange(0, 256), default=0, show_default="as many as cores",
              help="Processes that read reports.")  # fmt: skip
@click.option("--keep", callback=months, multiple=True, metavar="KIND=MONTHS",
              help="How long records are kept, per kind; 13 months by default.")  # fmt: skip
@click.option("--runbooks", type=click.Path(path_type=Path), default=RUNBOOKS if RUNBOOKS.is_dir() else None,
              help="Pages of alerts, shown at /docs/errors/.  [default: docs/runbooks of the project]")  # fmt: skip
@click.option("--verbose", is_flag=True, help="Log more.")
def serve(inventory: Path, data_dir: Path, intake_listen: tuple[str, int], operations_listen: tuple[str, int],
          **options: Any) -> None:  # fmt: skip
    """Take reports in, read them, show their metrics. SIGHUP reloads the inventory."""
    from smart.serve import Listen, ServeSettings, run  # uvicorn and uvloop are not for the short commands

    set_up_logging(options["verbose"])
    run(
        ServeSettings(
            inventory=inventory,
            data_dir=data_dir,
            database_url=database_url(options["database"], options["database_file"], data_dir),
            intake=Listen(*intake_listen, options["intake_web_config"]),
            operations=Listen(*operations_listen, options["web_config"]),
            profiles=(*map(load_profile, options["profiles"]), load_profile(REFERENCE)),
            signatures=with_operators(options["signatures"]),
            intake_limits=IntakeSettings(
                max_bytes=options["max_upload_mib"] * MEBIBYTE,
                unpack=Limits(unpacked_bytes=options["max_unpacked_mib"] * MEBIBYTE),
                requests_per_second=options["requests_per_second"],
            ),
            workers=WorkerSettings(processes=options["workers"]),
            replicas=options["replicas"],
            trusted_proxies=",".join(options["trusted_proxies"]),
            runbooks=options["runbooks"],
            keep_months=options["keep"],
        )
    )


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--timezone", default="UTC", show_default=True, help="Of the times in the report that name none.")
@click.option("--profile", "profiles", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="A further report layout (YAML), tried before the reference layout.")  # fmt: skip
@click.option("--signatures", type=click.Path(exists=True, path_type=Path),
              help="A YAML file of error codes and texts, looked at before the built-in ones.")  # fmt: skip
def parse(file: Path, timezone: str, profiles: tuple[Path, ...], signatures: Path | None) -> None:
    """Say what the report in FILE holds: metrics and counts of records, or why it is refused (exit code 1)."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError):
        raise click.BadParameter(f"{timezone!r} is not a time zone", param_hint="--timezone") from None
    chosen = (*map(load_profile, profiles), load_profile(REFERENCE))
    try:
        click.echo("\n".join(describe_file(file, Reading(Limits(), chosen, with_operators(signatures)), zone)))
    except ReportRejected as error:
        raise click.ClickException(f"{file}: {error.reason}: {error}") from None


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--client", required=True, help="Whose report it is: the client's short name.")
@click.option("--dealer", required=True, envvar="SMART_DEALER", show_envvar=True, help="The dealer's mark.")
@click.option("--server", default="http://127.0.0.1:8600", show_default=True, envvar="SMART_SERVER", show_envvar=True)
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), envvar="SMART_TOKEN_FILE",
              help="A file that holds the dealer's upload token; else the variable SMART_TOKEN.")  # fmt: skip
def upload(file: Path, client: str, dealer: str, server: str, token_file: Path | None) -> None:
    """Hand the report in FILE in by hand."""
    token = token_file.read_text("utf-8").strip() if token_file else os.environ.get("SMART_TOKEN", "")
    if not (token + dealer).isascii():
        raise click.ClickException("the token and the dealer's mark must be in latin letters")
    if not token:
        raise click.ClickException("a token is needed: --token-file or the variable SMART_TOKEN")
    headers = {"Authorization": f"Bearer {token}", "dealer": dealer}
    try:
        with file.open("rb") as body:
            answer = requests.put(
                f"{server.rstrip('/')}/upload/{client}{file.suffix or '.xml'}",
                data=body, headers=headers, timeout=UPLOAD_SECONDS, allow_redirects=False,
            )  # fmt: skip
    except requests.RequestException as error:
        raise click.ClickException(f"{server} cannot be reached: {type(error).__name__}") from None
    if not answer.ok:
        raise click.ClickException(f"{answer.status_code}: {answer.text.strip()[:2000]}")
    click.echo(answer.text.strip())


@main.command()
def token() -> None:
    """Make an upload token: the token for the agents, its hash for dealers.yml. It is shown once and kept nowhere."""
    secret, digest = new_token()
    click.echo("Token for the agents (shown once; keep it in a file that only they can read):")
    click.echo(f"  {secret}")
    click.echo("Line for upload_tokens in dealers.yml (two may be there while you rotate):")
    click.echo(f"  - sha256:{digest}")


@main.group()
def render() -> None:
    """Write a configuration or a document; it is checked before it replaces the old one."""


@render.command("alertmanager")
@inventory_option
@alerting_option
@output_options
def render_alertmanager_command(
    inventory: Path, alerting: Path, output: Path, only_check: bool, reload_url: str | None
) -> None:
    """alertmanager.yml: who hears of what, from the inventory. Checked by amtool."""
    settings = load_alerting(alerting, date.today()).alertmanager
    text = render_alertmanager(load_inventory(inventory), settings)
    secret = settings.inline_telegram_tokens
    put(text, output, only_check, check=check_alertmanager, reload_url=reload_url, secret=secret)


@render.command("prometheus")
@alerting_option
@output_options
def render_prometheus_command(alerting: Path, output: Path, only_check: bool, reload_url: str | None) -> None:
    """prometheus.yml: what is scraped and which rules are evaluated. Checked by promtool."""
    text = render_prometheus(load_alerting(alerting, date.today()).prometheus)
    put(text, output, only_check, check=check_prometheus, reload_url=reload_url)


@render.command("docs")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default="docs", show_default=True)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit code 1 if a document is out of date.")
def render_docs_command(output: Path, only_check: bool) -> None:
    """The tables of checks, metrics and commands, from the code."""
    documents = {
        "checks.md": render_checks_md(),
        "metrics.md": render_metrics_md(),
        "commands.md": commands_md(main),
    }
    for name, text in documents.items():
        put(text, output / name, only_check, check=lambda _: None)


main.add_command(simulate)
