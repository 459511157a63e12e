"""Accounts, permissions, tokens and the audit log: who did what to whose data, and whether they may."""
