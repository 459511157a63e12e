"""The files of others that pages load and reports are set in: copied from npm's packages, nothing comes from elsewhere.

`python -m kangqiao.portal.assets node_modules` fills `static/vendor/` and the folder of fonts; the versions are those
of package-lock.json.
"""

import re
import sys
from pathlib import Path

from kangqiao.formats import typesetting

VENDOR = Path(__file__).parent / "static" / "vendor"
COPIES = {
    "htmx/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx/LICENSE": "htmx.org/LICENSE",
    "echarts/echarts.min.js": "echarts/dist/echarts.min.js",
    "echarts/LICENSE": "echarts/LICENSE",
    "echarts/NOTICE": "echarts/NOTICE",
    "tabler/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",  # its head names the licence
}
FONTS = {name: f"@embedpdf/fonts-sc/fonts/{name}" for name in typesetting.FILES} | {
    "LICENSE": "@embedpdf/fonts-sc/LICENSE"
}
SOURCE_MAP = re.compile(rb"\n?(/\*#|//#) sourceMappingURL=\S+( \*/)?")


def copy(node_modules: Path) -> None:
    """Copy what is needed out of npm's folder. Mentions of source maps, which are left behind, are removed."""
    for target, source in COPIES.items():
        path = VENDOR / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SOURCE_MAP.sub(b"", (node_modules / source).read_bytes()))
    typesetting.FONTS.mkdir(exist_ok=True)
    for name, source in FONTS.items():
        (typesetting.FONTS / name).write_bytes((node_modules / source).read_bytes())


def missing() -> list[str]:
    """Return which of the files are not there yet."""
    pages = [target for target in COPIES if not (VENDOR / target).is_file()]
    return pages + [name for name in FONTS if not (typesetting.FONTS / name).is_file()]


if __name__ == "__main__":
    copy(Path(sys.argv[1]))
