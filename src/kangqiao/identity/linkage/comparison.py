"""What can be said when two registrations are compared: per field a few named levels, in a clerk's words.

Level 0 of every field says nothing either way and weighs nothing. `scoring` decides which level holds; what a level is
worth is learnt and stands in the `model`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

BITS: Final = 4
"""A pattern (one level per field) is one integer of so many bits per field, the first field lowest."""

LEVELS: Final = 1 << BITS


class Document(IntEnum):
    """The numbers of the identity documents."""

    SILENT = 0
    SAME = 1
    SAME_OF_SEVERAL = 2
    SAME_OF_MANY = 3
    SAME_NOT_OWN = 4
    SAME_OTHER = 5
    SAME_INVALID = 6
    NEIGHBOURS_INVALID = 7
    NEIGHBOURS_VALID = 8
    DIFFERENT_INVALID = 9
    DIFFERENT_VALID = 10
    DIFFERENT_OTHER = 11
    DIFFERENT_KINDS = 12
    NOT_OWN = 13


class Name(IntEnum):
    """The names; those of newborns without a name of their own are compared with mothers'."""

    SILENT = 0
    SAME_RARE = 1
    SAME_USUAL = 2
    SAME_COMMON = 3
    REORDERED = 4
    HOMOPHONE = 5
    ONE_CHARACTER = 6
    ONE_OF_TWO = 7
    SURNAME = 8
    DIFFERENT = 9
    UNNAMED_SAME_MOTHER = 10
    NAMED_SAME_MOTHER = 11
    OTHER_MOTHER = 12
    SAME_EVERYWHERE = 13
    UNWRITTEN = 14
    LAST_CHARACTER = 15


class Birth(IntEnum):
    """The recorded birth dates, and those inside the numbers."""

    SILENT = 0
    SAME = 1
    BY_NUMBER = 2
    MISTYPED = 3
    LUNAR = 4
    ESTIMATED = 5
    SAME_YEAR = 6
    DIFFERENT = 7
    FAR = 8


class Sex(IntEnum):
    """The sexes, as a person's own number tells them or as recorded."""

    SILENT = 0
    SAME = 1
    DIFFERENT = 2


class Phone(IntEnum):
    """The phones, by how many surnames stand behind one."""

    SILENT = 0
    SAME = 1
    SAME_HOUSEHOLD = 2
    SAME_CROWD = 3
    DIFFERENT = 4


class Place(IntEnum):
    """The divisions people live in."""

    SILENT = 0
    SAME_VILLAGE = 1
    SAME_TOWNSHIP = 2
    SAME_COUNTY = 3
    DIFFERENT = 4
    RENUMBERED = 5


class Card(IntEnum):
    """The health cards."""

    SILENT = 0
    SAME = 1
    DIFFERENT = 2


class Mother(IntEnum):
    """What both say about the mother."""

    SILENT = 0
    SAME_DOCUMENT = 1
    SAME_NAME = 2
    DIFFERENT = 3


class Obstacle(IntEnum):
    """What forbids to take two registrations for one person, whatever else agrees."""

    SILENT = 0
    TWO_DOCUMENTS = 1
    MOTHER_AND_CHILD = 2
    NEWBORN_AND_ADULT = 3
    TWO_NEWBORNS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is compared: its word, its Chinese name, and the Chinese of each level."""

    word: str
    title: str
    levels: dict[IntEnum, str]


FIELDS: Final = (
    Field(
        "document",
        "证件",
        {
            Document.SILENT: "至少一方没有可用的证件号",
            Document.SAME: "证件号相同",
            Document.SAME_OF_SEVERAL: "证件号相同，但有几个人用过",
            Document.SAME_OF_MANY: "证件号相同，但有许多人用过",
            Document.SAME_NOT_OWN: "证件号相同，但与一方登记的出生日期不符",
            Document.SAME_OTHER: "其他证件的号码相同",
            Document.SAME_INVALID: "证件号相同，但都未通过校验",
            Document.NEIGHBOURS_INVALID: "证件号只差一处，其中有未通过校验的",
            Document.NEIGHBOURS_VALID: "证件号只差一处，都通过校验",
            Document.DIFFERENT_INVALID: "证件号不同，其中有未通过校验的",
            Document.DIFFERENT_VALID: "证件号不同，都通过校验",
            Document.DIFFERENT_OTHER: "其他证件的号码不同",
            Document.DIFFERENT_KINDS: "一方是身份证号，一方是其他证件",
            Document.NOT_OWN: "一方的证件号与其出生日期不符，可能不是本人的",
        },
    ),
    Field(
        "name",
        "姓名",
        {
            Name.SILENT: "至少一方没有姓名",
            Name.SAME_RARE: "姓名相同，少有人叫",
            Name.SAME_USUAL: "姓名相同",
            Name.SAME_COMMON: "姓名相同，但同名者多",
            Name.REORDERED: "姓名用字相同，次序不同",
            Name.HOMOPHONE: "姓名同音",
            Name.ONE_CHARACTER: "姓名只差一字，不是末字",
            Name.ONE_OF_TWO: "两字姓名，一字相同",
            Name.SURNAME: "只有姓相同",
            Name.DIFFERENT: "姓名不同",
            Name.UNNAMED_SAME_MOTHER: "都未取名，母亲相同",
            Name.NAMED_SAME_MOTHER: "一方未取名，母亲相同",
            Name.OTHER_MOTHER: "未取名者的母亲与另一方不符",
            Name.SAME_EVERYWHERE: "姓名相同，但同名者极多",
            Name.UNWRITTEN: "姓名相同，但有打不出的字",
            Name.LAST_CHARACTER: "姓名只差末字",
        },
    ),
    Field(
        "birth",
        "出生日期",
        {
            Birth.SILENT: "至少一方没有出生日期",
            Birth.SAME: "出生日期相同",
            Birth.BY_NUMBER: "出生日期不同，但与证件号中的相同",
            Birth.MISTYPED: "出生日期只错一位，或月日颠倒",
            Birth.LUNAR: "一方的出生日期是另一方的农历日期",
            Birth.ESTIMATED: "出生日期一方只知道大概年份",
            Birth.SAME_YEAR: "出生年份相同",
            Birth.DIFFERENT: "出生日期不同，相差不到十年",
            Birth.FAR: "出生日期相差十年以上",
        },
    ),
    Field("sex", "性别", {Sex.SILENT: "至少一方性别不明", Sex.SAME: "性别相同", Sex.DIFFERENT: "性别不同"}),
    Field(
        "phone",
        "电话",
        {
            Phone.SILENT: "至少一方没有电话",
            Phone.SAME: "电话相同",
            Phone.SAME_HOUSEHOLD: "电话相同，但有几个姓的人用",
            Phone.SAME_CROWD: "电话相同，但有许多人用",
            Phone.DIFFERENT: "电话不同",
        },
    ),
    Field(
        "place",
        "住址",
        {
            Place.SILENT: "至少一方没有住址",
            Place.SAME_VILLAGE: "村（社区）相同",
            Place.SAME_TOWNSHIP: "乡镇（街道）相同",
            Place.SAME_COUNTY: "县（区）相同",
            Place.DIFFERENT: "县（区）不同",
            Place.RENUMBERED: "按另一版区划代码相同",
        },
    ),
    Field(
        "card",
        "健康卡",
        {Card.SILENT: "至少一方没有健康卡号", Card.SAME: "健康卡号相同", Card.DIFFERENT: "健康卡号不同"},
    ),
    Field(
        "mother",
        "母亲",
        {
            Mother.SILENT: "至少一方没有登记母亲",
            Mother.SAME_DOCUMENT: "母亲证件号相同",
            Mother.SAME_NAME: "母亲姓名相同",
            Mother.DIFFERENT: "母亲不同",
        },
    ),
    Field(
        "obstacle",
        "排除",
        {
            Obstacle.SILENT: "没有排除的理由",
            Obstacle.TWO_DOCUMENTS: "各有各的有效证件",
            Obstacle.MOTHER_AND_CHILD: "一方登记为另一方的母亲",
            Obstacle.NEWBORN_AND_ADULT: "一方是未取名的新生儿，另一方年长十岁以上",
            Obstacle.TWO_NEWBORNS: "同一机构先后登记的两名新生儿，可能是双胞胎",
        },
    ),
)
"""In the order of a pattern's bits."""

OBSTACLE: Final = len(FIELDS) - 1
"""The place of the field that forbids."""


def pattern_of(*levels: IntEnum) -> int:
    """Return the pattern of one level per field, in the order of `FIELDS`; fields left out at the end are silent."""
    return sum(int(level) << (BITS * place) for place, level in enumerate(levels))


def levels_of(pattern: int) -> tuple[IntEnum, ...]:
    """Return the level of each field; raises ValueError for a number that is no pattern."""
    return tuple(
        type(next(iter(field.levels)))(pattern >> (BITS * place) & (LEVELS - 1)) for place, field in enumerate(FIELDS)
    )
