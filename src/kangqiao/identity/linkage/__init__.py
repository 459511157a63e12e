"""Which registrations are of one person: the linkage engine of the master index, pure, over columns.

The way of a file of registrations: `reading` (with `documents`, `names`, `days`) normalises it into `columns`, `crowds`
says what many share, `entries` takes the same content once, `blocking` proposes pairs by keys (`hashing`, `grouping`),
`scoring` compares them by the levels of `comparison`, `training` learns what each is worth, `model` keeps that,
`clusters` decides who is one person.
`linking` is the whole, `increments` the same for a few new registrations among millions.
"""

from pathlib import Path

from kangqiao.identity.linkage.compiled import forget_outdated

forget_outdated(Path(__file__).parent)
