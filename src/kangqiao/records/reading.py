"""Statements that the server plans once per connection: planning the timeline takes longer than running it."""

from collections.abc import Mapping
from typing import Any, LiteralString, cast

import psycopg
from django.db import connection


def prepared(statement: str, arguments: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection, in its transaction, and return all rows.

    Django binds values on the client, so that its statements are planned anew every time; this one is prepared.
    """
    connection.ensure_connection()
    session = cast(psycopg.Connection[Any], connection.connection)
    session.prepare_threshold = session.prepare_threshold or 1
    with psycopg.Cursor(session) as cursor:
        return cursor.execute(cast(LiteralString, statement), arguments, prepare=True).fetchall()
