"""Registrations of people as institutions write them down, at city scale, with the truth beside them.

What the master index of persons is measured on: :func:`kangqiao.simulation.identities.generating.generate_identities`.
"""
