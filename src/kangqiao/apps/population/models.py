"""What was counted last: people, households and events of every division, ready to be read by a page.

A row stands under its village and once more under township, county and city, so that a page of any division reads
only its own rows. `NOWHERE` and `ELSEWHERE` stand beside the codes of divisions.
"""

from typing import Final

from django.db import models
from django.db.models import F, Q

from kangqiao.identity.models import Resident
from kangqiao.registry.models import DIVISION_CODE

NOWHERE: Final = "000000000000"
"""Nobody says where."""
ELSEWHERE: Final = "999999999999"
"""Outside the cities of the registry."""


class Tally(models.Model):
    """统计: one count of the whole population. The counts of the newest one are kept, its row says of when they are."""

    started_at = models.DateTimeField("开始时间")
    finished_at = models.DateTimeField("完成时间")
    day = models.DateField("统计日", help_text="ages are completed years on this day")
    people = models.IntegerField("在世居民数")

    class Meta:
        verbose_name = "人口统计"
        verbose_name_plural = verbose_name
        constraints = [
            models.CheckConstraint(name="tally_ends_after_it_begins", condition=Q(finished_at__gte=F("started_at"))),
            models.CheckConstraint(name="tally_counts_up", condition=Q(people__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.day}"


class Headcount(models.Model):
    """人数: living residents of a division of one sex (1 man, 2 woman, 9 unknown), age (NULL unknown) and state."""

    division = models.CharField("区划", max_length=12)
    sex = models.CharField("性别", max_length=1)
    age = models.SmallIntegerField("周岁", null=True)
    state = models.CharField("状态", max_length=10, choices=Resident.State)
    people = models.IntegerField("人数")

    class Meta:
        verbose_name = "人数"
        constraints = [
            models.UniqueConstraint(
                fields=["division", "sex", "age", "state"], name="headcount_counts_once", nulls_distinct=False
            ),
            models.CheckConstraint(name="headcount_division_is_a_code", condition=Q(division__regex=DIVISION_CODE)),
            models.CheckConstraint(name="headcount_sex_is_known", condition=Q(sex__in=["1", "2", "9"])),
            models.CheckConstraint(name="headcount_age_is_lived", condition=Q(age__isnull=True) | Q(age__gte=0)),
            models.CheckConstraint(name="headcount_is_of_living", condition=Q(state__in=["confirmed", "pending"])),
            models.CheckConstraint(name="headcount_is_of_somebody", condition=Q(people__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.division} {self.people}"


class HouseholdCount(models.Model):
    """户数: registered households of a division."""

    division = models.CharField("区划", max_length=12, primary_key=True)
    households = models.IntegerField("户数")

    class Meta:
        verbose_name = "户数"
        constraints = [
            models.CheckConstraint(name="household_count_is_of_some", condition=Q(households__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.division} {self.households}"


class Event(models.TextChoices):
    """What changes a population."""

    BIRTH = "birth", "出生"
    DEATH = "death", "死亡"
    MOVE_IN = "move-in", "迁入和流入"
    MOVE_OUT = "move-out", "迁出和流出"


class EventCount(models.Model):
    """变动数: births, deaths and moves of a division in a year. A move within the division is none of its moves."""

    division = models.CharField("区划", max_length=12)
    year = models.SmallIntegerField("年份")
    event = models.CharField("变动", max_length=10, choices=Event)
    people = models.IntegerField("人数")

    class Meta:
        verbose_name = "变动数"
        constraints = [
            models.UniqueConstraint(fields=["division", "year", "event"], name="event_count_counts_once"),
            models.CheckConstraint(
                name="event_count_event_is_known", condition=Q(event__in=["birth", "death", "move-in", "move-out"])
            ),
            models.CheckConstraint(name="event_count_is_of_somebody", condition=Q(people__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.division} {self.year} {self.event}"
