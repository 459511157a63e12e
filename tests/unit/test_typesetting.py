"""Setting type: from a template and its data to a PDF that needs nothing else."""

import datetime as dt
import io

import pypdf
import pytest

from kangqiao.formats import typesetting
from kangqiao.formats.typesetting import FontsMissing, typeset
from kangqiao.portal import assets

AT = dt.datetime(2026, 11, 2, 12, 30, 0, 500, tzinfo=dt.UTC)
TEMPLATE = """#let data = json(bytes(sys.inputs.data))
#set document(title: "测试")
#set text(font: "Noto Sans S Chinese", lang: "zh")
#data.said
"""


@pytest.fixture
def template(tmp_path):
    (tmp_path / "page.typ").write_text(TEMPLATE, encoding="utf-8")
    return tmp_path / "page.typ"


def test_words_of_the_data_are_printed_rare_characters_too(template):
    content = typeset(template, {"said": "勐撒镇卫生院 䶮喆"}, at=AT)
    assert "勐撒镇卫生院䶮喆" in "".join(pypdf.PdfReader(io.BytesIO(content)).pages[0].extract_text().split())


def test_the_same_data_make_the_same_file(template):
    assert typeset(template, {"said": "康桥"}, at=AT) == typeset(template, {"said": "康桥"}, at=AT)


def test_without_fonts_it_says_how_to_install_them(template, tmp_path, monkeypatch):
    monkeypatch.setattr(typesetting, "FONTS", tmp_path)
    with pytest.raises(FontsMissing, match="make setup"):
        typeset(template, {"said": "康桥"}, at=AT)
    assert set(typesetting.FILES) <= set(assets.missing())
