"""Parts of addresses that are more than text."""

from kangqiao.quality.places import SHAPE, Place, place_of


class PlaceConverter:
    """A place: ``city``, ``county-530902``, ``institution-12``."""

    regex = SHAPE

    def to_python(self, value: str) -> Place:
        """Return the place an address names."""
        return place_of(value)

    def to_url(self, value: Place) -> str:
        """Return a place as addresses write it."""
        return str(value)


class RuleConverter:
    """A rule's word within its data set: ``quantity:range``."""

    regex = r"\w+:[\w-]+"

    def to_python(self, value: str) -> str:
        """Return the word."""
        return value

    def to_url(self, value: str) -> str:
        """Return the word."""
        return value
