"""Where a cluster listens and how to sign in."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kangqiao.infra.configuration import write_secret
from kangqiao.infra.postgres.place import socket_folder

DATABASE = "kangqiao"
ROLE = "kangqiao"
SUPERUSER = "postgres"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where a cluster listens and how to sign in; kept in `<home>/postgres.json`, for its owner only."""

    place: Path
    port: int
    password: str
    superuser_password: str

    def url(self, database: str = DATABASE) -> str:
        """Return the URL for the program's role, over the Unix socket where its path is short enough."""
        return self._url(database, ROLE, self.password)

    def superuser_url(self, database: str = "postgres") -> str:
        """Return the URL for maintenance: creating databases and roles."""
        return self._url(database, SUPERUSER, self.superuser_password)

    def _url(self, database: str, user: str, password: str) -> str:
        folder = socket_folder(self.place)
        if folder is None:
            return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}:{password}@/{database}?host={quote(str(folder), safe='/')}&port={self.port}"


def recorded(home: Path) -> Connection | None:
    """Return the connection of the cluster created in `home`, or None when there is none yet."""
    try:
        found = json.loads((home / "postgres.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Connection(
        place=home / found["place"],
        port=found["port"],
        password=found["password"],
        superuser_password=found["superuser_password"],
    )


def record(home: Path, connection: Connection) -> None:
    """Keep how to reach the cluster; a place inside `home` is kept relative, so that the folder may be moved."""
    inside = connection.place.is_relative_to(home)
    content = {
        "place": str(connection.place.relative_to(home) if inside else connection.place),
        "port": connection.port,
        "password": connection.password,
        "superuser_password": connection.superuser_password,
    }
    write_secret(home / "postgres.json", json.dumps(content))
