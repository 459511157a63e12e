"""Dates as numbers: yyyymmdd for what people read, days since 1970 for how far apart."""
# mypy: disable-error-code="no-untyped-def"

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def is_date(number):  # pragma: no cover - compiled
    """Say whether yyyymmdd is a day of the calendar."""
    year, month, day = number // 10000, number // 100 % 100, number % 100
    if month < 1 or month > 12 or day < 1:
        return False
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return day <= (29 if leap else 28)
    return day <= (30 if month in (4, 6, 9, 11) else 31)


@numba.njit(cache=True, nogil=True)
def day_of(number):  # pragma: no cover - compiled
    """Return days since 1970 of yyyymmdd; a day the month does not have counts on into the next."""
    year, month, day = number // 10000, number // 100 % 100, number % 100
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@numba.njit(cache=True, nogil=True)
def date_of(day):  # pragma: no cover - compiled
    """Return yyyymmdd of days since 1970."""
    day += 719_468
    era = day // 146_097
    of_era = day - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year += era * 400 + (1 if month <= 2 else 0)
    return year * 10000 + month * 100 + of_year - (153 * shifted + 2) // 5 + 1


@numba.njit(cache=True, nogil=True)
def dates_of(days):  # pragma: no cover - compiled
    """Return yyyymmdd (int32) of days since 1970."""
    found = np.empty(len(days), np.int32)
    for row in range(len(days)):
        found[row] = date_of(np.int64(days[row]))
    return found
