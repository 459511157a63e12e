"""The same resources into `sekmet-fhir` 0.1.1 (PyPI), a FHIR R4 server in Python that installs here.

It keeps versions and a search index in one SQLite file (WAL, every commit synced), validates structure with
`fhir.resources`, assigns ids of its own on POST and logs every request with its body. It has no rows of data sets, no
gate beyond structure, no patients across institutions and no separate audit log. Installed into a throw-away folder.
"""

import subprocess
import sys
from pathlib import Path

VERSION = "0.1.1"
TOKEN = "bench-token"
HEADERS = f"Authorization: Bearer {TOKEN}\r\n"

SETTINGS = """
base_url: http://127.0.0.1:{port}/fhir
data_dir: {folder}/data
server_auth:
  types: [bearer]
  tokens: [{token}]
simulator:
  enabled: false
"""


def install(folder: Path) -> Path:
    """Install the peer into a virtual environment of its own and return its command."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    command = [str(folder / "venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, f"sekmet-fhir=={VERSION}"], check=True)
    return folder / "venv/bin/sekmet"


def command(folder: Path, port: int) -> list[str]:
    """Return the command that serves on a port, with its settings written down."""
    settings = folder / "settings.yaml"
    settings.write_text(SETTINGS.format(port=port, folder=folder, token=TOKEN))
    arguments = ["serve", "--config", str(settings), "--host", "127.0.0.1", "--port", str(port)]
    return [str(folder / "venv/bin/sekmet"), *arguments]
