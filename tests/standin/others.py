"""An installation of dsqltok beside which keyring backends of others are installed, as packages from PyPI bring them.

`others.Plaintext` writes into a file of the home directory, and comes before all that encrypt; `others.Asking` has the
Secret Service ask for a password where the collection is locked.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

from . import people

if TYPE_CHECKING:
    from pathlib import Path

PLAINTEXT = "others.Plaintext"
ASKING = "others.Asking"
_BACKENDS = """
from pathlib import Path
from keyring.backend import KeyringBackend
from keyring.backends import SecretService

class Plaintext(KeyringBackend):
    priority = 99
    file = Path.home() / "plaintext"
    def get_password(self, service, username):
        return self.file.read_text() if self.file.exists() else None
    def set_password(self, service, username, password):
        self.file.write_text(password)
    def delete_password(self, service, username):
        self.file.unlink()

class Asking(SecretService.Keyring):
    priority = 0.1
"""
_ABOUT = {
    "METADATA": "Metadata-Version: 2.1\nName: others\nVersion: 1\n",
    "entry_points.txt": "[keyring.backends]\nothers = others\n",
}


def install(place: Path) -> str:
    """Install at `place`, which is to be made, and return the Python whose modules are there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = next(place.glob("lib/python3*/site-packages"))
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (packages / "others.py").write_text(_BACKENDS)
    about = packages / "others-1.dist-info"
    about.mkdir()
    for name, text in _ABOUT.items():
        (about / name).write_text(text)
    people.ordinary().own(place)
    return str(place / "bin/python")
