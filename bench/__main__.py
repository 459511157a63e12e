"""`make bench`: every benchmark in turn, each in a process of its own. Takes a while; run it on a quiet machine."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = (
    *("intake", "city", "record_view", "fhir", "identity", "quality", "linkage", "linkage_spark", "matching"),
    "generator",
)
"""In the order of `docs/benchmarks.md`; the other files here are what they share."""


def main() -> None:
    """Run the benchmarks named on the command line, or all of them."""
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)


if __name__ == "__main__":
    main()
