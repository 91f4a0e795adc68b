"""A PostgreSQL server of its own for tests and benchmarks, from Debian's packages."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg
from psycopg import sql

from servers_processes import free_port

ROLE = "smart"  # as in production: not a superuser, owns its database only
PASSWORD = "store-password-of-tests"
_SPEED = ("fsync=off", "full_page_writes=off", "autovacuum=off")


def find_binary(name: str) -> Path:
    """A program of PostgreSQL, the newest version there is. Raises RuntimeError that says what to install."""
    on_path = shutil.which(name)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not versions and on_path is None:
        raise RuntimeError(f"{name} was not found: the tests need PostgreSQL (apt-get install postgresql)")
    return versions[-1] if versions else Path(str(on_path))


class PostgresServer:
    """A server on a free port of 127.0.0.1 with its data in a temporary directory; `stop` removes both.

    `durable=True` keeps fsync on, as benchmarks need it.
    """

    def __init__(self, durable: bool = False, settings: tuple[str, ...] = ()) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="smart-postgres-"))
        self._user: str | None = None
        if os.geteuid() == 0:  # the server refuses to run as root
            self._user = next((name for name in ("postgres", "nobody") if _exists(name)), None)
            entry = pwd.getpwnam(self._user or "nobody")
            os.chown(self._directory, entry.pw_uid, entry.pw_gid)
        self._data = self._directory / "data"
        self.port = free_port()
        try:
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
            hba = ("host all postgres 127.0.0.1/32 trust", "host all all 127.0.0.1/32 scram-sha-256", "")
            (self._data / "pg_hba.conf").write_text("\n".join(hba))
            options = [f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._directory}"]
            options += [*settings, *(() if durable else _SPEED)]
            self._flags = " ".join(f"-c {option}" for option in options)
            self.resume()
            self._sql(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD)))
        except BaseException:
            self.stop()
            raise

    def new_database(self) -> str:
        """The SQLAlchemy URL of a new empty database that belongs to ROLE."""
        name = f"test_{uuid.uuid4().hex}"
        self._sql(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE)))
        return f"postgresql+psycopg://{ROLE}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Removes a database made by new_database, whoever is connected."""
        self._sql(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(url.rsplit("/", 1)[1])))

    def disconnect(self, url: str) -> None:
        """Cuts all connections to a database made by new_database."""
        name = sql.Literal(url.rsplit("/", 1)[1])
        self._sql(sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(name))

    def halt(self) -> None:
        """Ends the server as a crash does; its data stay."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def resume(self) -> None:
        """Starts it on the same port and data."""
        self._run("pg_ctl", "-D", self._data, "-l", self._directory / "log", "-w", "-o", self._flags, "start")

    def stop(self) -> None:
        """Stops the server and removes its data."""
        try:
            if (self._data / "postmaster.pid").exists():
                self.halt()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _sql(self, statement: sql.Composed) -> None:
        address = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, name: str, *arguments: object) -> None:
        command = [str(find_binary(name)), *map(str, arguments)]
        if self._user is not None:
            command = ["runuser", "-u", self._user, "--", *command]
        with (self._directory / "output").open("ab") as output:  # the server inherits it, so a pipe would never end
            done = subprocess.run(
                command, cwd=self._directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
        if done.returncode:
            log = self._directory / "log"
            told = (self._directory / "output").read_text() + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{name} failed with exit code {done.returncode}:\n{told}")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
