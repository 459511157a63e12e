"""Pages to print: a Typst template and its data become a PDF with its fonts embedded.

The PDF is of the kind that archives and screen readers ask for (PDF/A-2a and PDF/UA-1): every glyph it needs is in it,
its headings and tables are marked as such. Fonts lie in ``fonts/``, copied from npm; nothing is fetched.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

FONTS = Path(__file__).parent / "fonts"
FILES = ("NotoSansHans-Regular.otf", "NotoSansHans-Bold.otf")
"""Noto Sans S Chinese with all but 18 of the characters of GBK."""


class FontsMissing(Exception):
    """The fonts were not installed; the Chinese text says how to."""

    def __init__(self) -> None:
        super().__init__("缺少打印报告用的中文字体，请运行 make setup 安装")


def typeset(template: Path, data: Mapping[str, Any], *, at: dt.datetime) -> bytes:
    """Return the PDF that a template makes of its data, which it reads as JSON from ``sys.inputs.data``.

    ``at`` is the moment the document says it was made. Raises :class:`FontsMissing`.
    """
    require_fonts()
    document = typst.compile(
        str(template),
        root=str(template.parent),
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=["a-2a", "ua-1"],
        timestamp=at.replace(microsecond=0),
    )
    assert isinstance(document, bytes)
    return document


def require_fonts() -> None:
    """Raise :class:`FontsMissing` unless all fonts are there."""
    if not all((FONTS / name).is_file() for name in FILES):
        raise FontsMissing
