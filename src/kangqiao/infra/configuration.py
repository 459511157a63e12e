"""What an operator decides, read once from the environment."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kangqiao.infra.errors import ConfigurationError

_TRUE = {"1", "true", "yes", "on", "是"}
_FALSE = {"", "0", "false", "no", "off", "否"}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The settings of one installation; all else is decided in code."""

    home: Path
    database_url: str | None
    secret_key: str
    archive_url: str
    inbox: Path
    host: str
    port: int
    debug: bool
    allowed_hosts: tuple[str, ...]
    secure_cookies: bool


def load(environment: Mapping[str, str] = os.environ) -> Configuration:
    """Return the configuration named by `KANGQIAO_*` variables; everything has a safe default.

    Creates the home folder and, at the first start, the secret key inside it (mode 0600).
    Raises `ConfigurationError` for a value that cannot be understood.
    """
    home = Path(environment.get("KANGQIAO_HOME") or ".kangqiao").expanduser().absolute()
    create_home(home)
    return Configuration(
        home=home,
        database_url=environment.get("KANGQIAO_DATABASE_URL") or None,
        secret_key=environment.get("KANGQIAO_SECRET_KEY") or _kept_secret(home / "secret-key"),
        archive_url=environment.get("KANGQIAO_ARCHIVE_URL") or (home / "archive").as_uri(),
        inbox=Path(environment.get("KANGQIAO_INBOX") or home / "inbox").expanduser().absolute(),
        host=environment.get("KANGQIAO_HOST") or "127.0.0.1",
        port=_port(environment.get("KANGQIAO_PORT") or "8000"),
        debug=_switch("KANGQIAO_DEBUG", environment.get("KANGQIAO_DEBUG", "")),
        allowed_hosts=_names(environment.get("KANGQIAO_ALLOWED_HOSTS") or "localhost,127.0.0.1,[::1]"),
        secure_cookies=_switch("KANGQIAO_SECURE_COOKIES", environment.get("KANGQIAO_SECURE_COOKIES", "")),
    )


def create_home(home: Path) -> None:
    """Create the home folder: others may pass through it (the database's own user must), not list it."""
    if not home.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o711)


def write_secret(path: Path, content: str) -> None:
    """Write a file that only its owner can read, in one step: a reader sees the old content or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _kept_secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except PermissionError as error:
        raise ConfigurationError(f"{path} 属于另一个用户：请用建立该目录的用户运行，或换一个 KANGQIAO_HOME") from error
    except FileNotFoundError:
        pass
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_secret(draft, secrets.token_urlsafe(48))
    try:
        os.link(draft, path)  # of two first starts at once, one key wins and both use it
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ConfigurationError("KANGQIAO_PORT 应为 1–65535 之间的整数")
    return int(text)


def _switch(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigurationError(f"{name} 应为 1(开)或 0(关)")
    return word in _TRUE


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
