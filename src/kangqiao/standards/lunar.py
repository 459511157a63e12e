"""Lunar dates of many days at once: whose birthday is kept by the lunar calendar, and written as if it were solar.

New moons and the sun's longitude by the leading periodic terms (J. Meeus, Astronomical Algorithms, as commonly
implemented): good to about a quarter of an hour, so that a date can be a day off where a new moon falls at midnight.
"""

from __future__ import annotations

import numpy as np

SYNODIC_MONTH = 29.530588861
J2000 = 2451545.0
UNIX_EPOCH = 2440587.5
BEIJING = 8 / 24
DYNAMICAL_TIME = 60 / 86_400
"""By how much the time of the formulas is ahead of clocks, in days; a mean of the last century."""


def lunar_month_and_day(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lunar month (1–12; a leap month has its predecessor's number) and day (1–30) of days."""
    number = days.astype("datetime64[D]").astype(np.int64)
    moon = np.floor((number + UNIX_EPOCH - 2451550.1) / SYNODIC_MONTH).astype(np.int64) + 1
    moon = moon - (_new_moon(moon) > number)
    moon = moon - (_new_moon(moon) > number)
    first, after = _new_moon(moon), _new_moon(moon + 1)
    reached = np.floor(_longitude(after - BEIJING + UNIX_EPOCH) / 30).astype(np.int64)
    return (reached + 1) % 12 + 1, number - first + 1


def written_as_solar(born: np.ndarray) -> np.ndarray:
    """Return the days on which people seem to be born whose lunar birthday is taken for a solar one.

    The 30th of the second month becomes the last day of February. The lunar year begins in January or February: the
    last lunar months before belong to the year before.
    """
    month, day = lunar_month_and_day(born)
    solar = born.astype("datetime64[M]")
    year = solar.astype("datetime64[Y]")
    late = (month > 10) & (solar.astype(np.int64) % 12 < 2)
    first = (year - late).astype("datetime64[M]") + (month - 1)
    last = (first + 1).astype("datetime64[D]") - 1
    return np.minimum(first.astype("datetime64[D]") + (day - 1), last)


def _new_moon(moon: np.ndarray) -> np.ndarray:
    """Return the day in Beijing (from 1970-01-01) on which new moons fall, numbered from 2000-01-06."""
    century = moon / 1236.85
    mean = 2451550.09766 + SYNODIC_MONTH * moon + 0.00015437 * century**2
    sun = np.radians(2.5534 + 29.10535670 * moon)
    anomaly = np.radians(201.5643 + 385.81693528 * moon + 0.0107582 * century**2)
    latitude = np.radians(160.7108 + 390.67050284 * moon)
    shift = (
        -0.40720 * np.sin(anomaly)
        + 0.17241 * np.sin(sun)
        + 0.01608 * np.sin(2 * anomaly)
        + 0.01039 * np.sin(2 * latitude)
        + 0.00739 * np.sin(anomaly - sun)
        - 0.00514 * np.sin(anomaly + sun)
        + 0.00208 * np.sin(2 * sun)
    )
    return np.floor(mean + shift - DYNAMICAL_TIME + BEIJING - UNIX_EPOCH).astype(np.int64)


def _longitude(julian: np.ndarray) -> np.ndarray:
    """Return the sun's apparent longitude in degrees at Julian days."""
    century = (julian - J2000) / 36525
    mean = 280.46646 + 36000.76983 * century
    anomaly = np.radians(357.52911 + 35999.05029 * century)
    centre = (1.914602 - 0.004817 * century) * np.sin(anomaly) + 0.019993 * np.sin(2 * anomaly)
    return (mean + centre - 0.00569) % 360
