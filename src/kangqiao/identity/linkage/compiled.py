"""Compiled code that is kept beside the sources, and gone when these have changed.

numba compiles functions of other files into a function and keeps the result as long as that function's own file stays
the same, a limitation its manual names: after an upgrade it would go on computing what was right before.
"""

import hashlib
from contextlib import suppress
from pathlib import Path


def forget_outdated(package: Path) -> None:
    """Delete what was compiled from other sources of a package, in the package and beside it.

    Where nothing may be deleted nothing happens.
    """
    sources = hashlib.blake2b(b"".join(path.read_bytes() for path in sorted(package.glob("*.py")))).hexdigest()
    known = package / "__pycache__" / "compiled-from"
    with suppress(OSError):
        if known.is_file() and known.read_text() == sources:
            return
        for kept in package.parent.rglob("*.nb[ic]"):
            kept.unlink(missing_ok=True)
        known.parent.mkdir(exist_ok=True)
        known.write_text(sources)
