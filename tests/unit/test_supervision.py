"""How long the supervisor waits before it starts a dead child again, and how many processes serve pages."""

import pytest

from kangqiao.wiring.supervision import pause_before_restart
from kangqiao.wiring.web import workers


@pytest.mark.parametrize(("deaths", "seconds"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (100_000, 30)])
def test_pauses_double_up_to_half_a_minute(deaths, seconds):
    assert pause_before_restart(deaths) == seconds


@pytest.mark.parametrize(("processors", "processes"), [(1, 1), (2, 1), (4, 2), (8, 4), (64, 8)])
def test_pages_get_half_of_the_processors(processors, processes):
    assert workers(processors) == processes
