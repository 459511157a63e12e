"""Which registrations are of one person: the linkage engine of the master index, pure, over columns.

The way of a file of registrations: `columns` (with `names`) reads and normalises it, `blocking` proposes pairs,
`scoring` compares them by the levels of `comparison`, `training` learns what each level is worth, `model` keeps that,
`clusters` decides who is one person. `linking` is the whole.
"""
