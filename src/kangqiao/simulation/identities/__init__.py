"""Registrations of people as institutions write them down, at city scale, with the truth beside them.

The patients of a synthetic city are registered like this (:mod:`kangqiao.simulation.registration`), and so are the
larger numbers of people on whom linkage is measured
(:func:`kangqiao.simulation.identities.generating.generate_identities`).
"""
