"""What people are called, by the naming habits of their ethnic group, generation and sex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kangqiao.simulation.draws import Choices
from kangqiao.simulation.facts import facts
from kangqiao.simulation.sheets import concatenated, text_of

LONGER_NAME = 0.35
"""Share of indigenous names with one syllable more (岩温 → 岩温香)."""


@dataclass(frozen=True)
class Surnames:
    """Surnames per naming habit, drawn by frequency; a surname is kept as its row in ``surnames.csv``."""

    choices: Choices
    habits: dict[str, int]

    @classmethod
    def load(cls) -> Surnames:
        table = facts("surnames")
        habits = {habit: number for number, habit in enumerate(dict.fromkeys(table["naming"]))}
        weights = np.zeros((len(habits), len(table)))
        weights[[habits[habit] for habit in table["naming"]], np.arange(len(table))] = table.numbers("weight")
        return cls(Choices.of(weights), habits)

    def draw(self, random: np.random.Generator, habit: np.ndarray) -> np.ndarray:
        """Return a surname row for every person's naming habit (number in ``habits``)."""
        return self.choices.draw(random, habit)


@dataclass(frozen=True)
class GivenNames:
    """Given names: a first and a second syllable from the lists of (naming habit, generation, sex)."""

    list_of: np.ndarray
    before: np.ndarray
    start: np.ndarray
    length: np.ndarray
    single: np.ndarray
    syllables: pa.Array
    habits: dict[str, int]

    @classmethod
    def load(cls) -> GivenNames:
        table = facts("given_names")
        habits = {habit: number for number, habit in enumerate(dict.fromkeys(table["naming"]))}
        lists = [text for pair in zip(table["first"], table["second"], strict=True) for text in pair]
        length = np.array([len(text) for text in lists]).reshape(-1, 2)
        start = (np.cumsum(length.ravel()) - length.ravel()).reshape(-1, 2)
        years = np.unique(table.numbers("born_before"))
        list_of = np.zeros((len(habits), len(years), 2), dtype=np.int32)
        for habit, number in habits.items():
            for sex in (1, 2):
                rows = np.flatnonzero((table["naming"] == habit) & (table["sex"] == str(sex)))
                list_of[number, :, sex - 1] = rows[np.searchsorted(table.numbers("born_before")[rows], years)]
        syllables = text_of([*"".join(lists), "", "·"])
        return cls(list_of, years, start, length, table.numbers("single_share"), syllables, habits)

    def draw(
        self, random: np.random.Generator, *, habit: np.ndarray, born: np.ndarray, sex: np.ndarray, surname: np.ndarray
    ) -> pa.Array:
        """Return whole names; ``habit`` numbers are those of ``habits``, ``surname`` -1 where people have none."""
        count = len(habit)
        row = self.list_of[habit, np.searchsorted(self.before, born, side="right"), sex - 1]
        empty, dot = len(self.syllables) - 2, len(self.syllables) - 1
        first = self._syllable(random, row, 0)
        second = np.where(random.random(count) < self.single[row], empty, self._syllable(random, row, 1))
        local = (self.single[row] == 0) & (habit != self.habits["han"])
        third = np.where(local & (random.random(count) < LONGER_NAME), self._syllable(random, row, 1), empty)
        foreign = habit == self.habits["burmese"]
        third = np.where(foreign, self._syllable(random, row, 1), third)
        surnames = text_of([*facts("surnames")["surname"], ""])
        return concatenated(
            surnames.take(pa.array(np.where(surname < 0, len(surnames) - 1, surname))),
            self.syllables.take(pa.array(first)),
            self.syllables.take(pa.array(np.where(foreign, dot, empty))),
            self.syllables.take(pa.array(second)),
            self.syllables.take(pa.array(third)),
        )

    def _syllable(self, random: np.random.Generator, row: np.ndarray, place: int) -> np.ndarray:
        skewed = random.random(len(row)) ** 1.5
        return self.start[row, place] + (skewed * self.length[row, place]).astype(np.int64)


def strangers(random: np.random.Generator, *, born: np.ndarray, sex: np.ndarray) -> pa.Array:
    """Return names of people who are no residents of the city, by year of birth and sex (1 or 2)."""
    given, surnames = GivenNames.load(), Surnames.load()
    habit = np.full(len(born), given.habits["han"])
    surname = surnames.draw(random, np.full(len(born), surnames.habits["han"]))
    return given.draw(random, habit=habit, born=born, sex=sex, surname=surname)
