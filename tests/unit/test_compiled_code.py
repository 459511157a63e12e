"""Compiled code goes when a source it was compiled from has changed, and stays otherwise."""

from pathlib import Path

from kangqiao.identity.linkage.compiled import forget_outdated


def test_compiled_code_goes_when_any_source_of_the_package_has_changed(tmp_path: Path) -> None:
    package = tmp_path / "linkage"
    (package / "__pycache__").mkdir(parents=True)
    (package / "scoring.py").write_text("LEVELS = 16")
    kept = [tmp_path / "traits.one.nbc", package / "__pycache__" / "scoring.one.nbi"]
    found = []
    for source in ("LEVELS = 16", "LEVELS = 16", "LEVELS = 17"):
        (package / "scoring.py").write_text(source)
        forget_outdated(package)
        found.append([each.exists() for each in kept])
        for each in kept:
            each.touch()
    assert found[1:] == [[True, True], [False, False]]


def test_sources_that_nobody_may_write_beside_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "scoring.py").write_text("LEVELS = 16")
    (tmp_path / "__pycache__").write_text("no folder")
    forget_outdated(tmp_path)
    assert (tmp_path / "__pycache__").read_text() == "no folder"
