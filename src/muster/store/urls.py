"""Where the database is: the forms of its URL that Muster knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from muster.base.errors import Invalid


@dataclass(frozen=True, slots=True)
class SqliteFile:
    path: Path | None  # None: in memory, gone with the process

    @property
    def name(self) -> str:
        return ":memory:" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    url: URL

    @property
    def arguments(self) -> dict[str, Any]:
        """Say the same as asyncpg's own connect takes it."""
        known = {
            "host": self.url.query.get("host") or self.url.host,
            "port": self.url.port,
            "user": self.url.username,
            "password": self.url.password,
            "database": self.url.database,
            "ssl": self.url.query.get("ssl"),
        }
        return {name: value for name, value in known.items() if value is not None}


Place = SqliteFile | PostgresServer


def parsed(url: str) -> Place:
    """Return the place that `url` names. Raises `Invalid`, never showing a password."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise Invalid("the database URL is not one", field="database_url") from None
    if found.drivername == "sqlite":
        memory = found.database in (None, "", ":memory:")
        return SqliteFile(None if memory else Path(str(found.database)).absolute())
    if found.drivername in ("postgresql", "postgres", "postgresql+asyncpg"):
        return PostgresServer(_for_asyncpg(found))
    raise Invalid(
        f"databases of kind {found.drivername!r} are unknown: use sqlite:/// or postgresql://",
        field="database_url",
    )


def _for_asyncpg(url: URL) -> URL:
    query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query)
