"""Identifiers that sort by the time they were made."""

import os
import time
import uuid
from datetime import datetime


def uuid7() -> uuid.UUID:
    """Return a UUID version 7 (RFC 9562, section 5.7): milliseconds, twelve bits of their fraction, random bits.

    Time-ordered keys append to the right edge of a b-tree, so that inserting stays cheap as tables grow; with the
    fraction (section 6.2, method 3: steps of 244 ns) the keys of one process also keep the order of their making.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62
    return uuid.UUID(int=value | int.from_bytes(os.urandom(8), "big") >> 2)


def first_id_since(moment: datetime) -> uuid.UUID:
    """Return an id as small as any that was made since (RFC 9562, version 7)."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
