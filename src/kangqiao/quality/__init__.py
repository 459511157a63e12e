"""Data quality: what is wrong with the data, where, whose it is, and following it until it is right.

The rules stand beside the fields and data sets (``standards``); this package measures them over what institutions
sent and keeps what was found.
"""
