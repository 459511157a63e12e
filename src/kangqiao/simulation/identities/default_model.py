"""The model that comes with the program: learnt on a simulated city, for a city that has not learnt its own yet.

    python -m kangqiao.simulation.identities.default_model

writes it anew; that is due whenever the engine's rules, fields or levels change.
"""

import tempfile
from pathlib import Path
from typing import Final

from kangqiao.identity.linkage.linking import compare, learn
from kangqiao.identity.linkage.model import SIMULATED_CITY, save_model
from kangqiao.simulation.identities.generating import LAST_DAY, generate_identities

PEOPLE: Final = 226_000
EACH: Final = 4.4
SEED: Final = 1
VERSION: Final = "simulated-city-2"


def main() -> None:
    """Generate the city, learn, write the file."""
    with tempfile.TemporaryDirectory() as name:
        city = generate_identities(folder=Path(name), people=PEOPLE, records_per_person=EACH, seed=SEED)
        model = learn(compare(city.records, today=LAST_DAY), version=VERSION)
    save_model(model, SIMULATED_CITY)


if __name__ == "__main__":
    main()
