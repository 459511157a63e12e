"""Keeping messages as they came, and reading them again."""

from __future__ import annotations

import threading
from typing import Final
from uuid import UUID

import zstandard

from kangqiao.records.models import Original

LEVEL: Final = 1

TABLE: Final = Original._meta.db_table

COLUMNS: Final = (
    "id",
    "institution_id",
    "source_key",
    "kind",
    "version",
    "media_type",
    "content",
    "patient_id",
    "received_at",
)

CURRENT: Final = f"""
SELECT asked.place, original.id, original.version, original.content, original.patient_id
  FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS asked(institution_id, source_key, place)
 CROSS JOIN LATERAL (
    SELECT * FROM {TABLE} o WHERE o.institution_id = asked.institution_id AND o.source_key = asked.source_key
     ORDER BY o.version DESC LIMIT 1) original
"""
"""The current version of each key that has one; ``place`` counts the keys from 1."""

_of_this_thread = threading.local()


def packed(content: bytes) -> bytes:
    """Return the bytes as they are stored."""
    if not hasattr(_of_this_thread, "compressor"):
        _of_this_thread.compressor = zstandard.ZstdCompressor(level=LEVEL)
    return bytes(_of_this_thread.compressor.compress(content))


def unpacked(stored: bytes) -> bytes:
    """Return the bytes as they came."""
    if not hasattr(_of_this_thread, "decompressor"):
        _of_this_thread.decompressor = zstandard.ZstdDecompressor()
    return bytes(_of_this_thread.decompressor.decompress(stored))


def original_of(batch_id: UUID) -> Original | None:
    """Return the message a row was made of, None where the row came in a batch."""
    return Original.objects.filter(id=batch_id).first()
