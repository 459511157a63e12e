"""Data quality: does every rule find what was planted, and how far is judging from merely reading the columns?

    .venv/bin/python bench/quality.py [residents] [seed] [rows]        (default 20000 11 10000000)

A synthetic city with planted defects goes through intake; then every rule is measured and held against the truth: of
the rows a rule flags, how many were planted (precision); of those planted, how many it flags (recall). A row counts as
clean when nothing was planted in it. Then laboratory results, visits and diagnoses are multiplied up to so many rows,
and all rules over them are timed beside one DuckDB scan of the same columns in the same process: the limit.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

CITY, LOAD = "--city", "--load"
console = Console(width=140)

RULE_OF = {
    "swapped-rh": "rh:outvoted",
    "born-after-visit": "registered_at:not-before",
    "discharge-before-admission": "discharged:not-before",
    "report-before-sampling": "reported:not-before",
    "swapped-pressures": "systolic:not-less",
    "no-diagnosis": "source_key:lacking",
    "no-visit": "encounter:orphan",
    "other-sex-diagnosis": "code:other-sex",
    "impossible-age-diagnosis": "code:other-age",
    "code-name-swapped": "code:name-of-another",
    "late-row": "revised_at:late",
    "duplicate-row": "source_key:repeated",
}
"""Which rule must find a kind of defect, whatever the column."""

RULE_OF_IDENTITY = {
    "no-id": "document_number:no-document",
    "junk-id": "document_number:unusable",
    "id-digit-swap": "document_number:unusable",
    "id-digit-wrong": "document_number:unusable",
    "fifteen-digit": "document_number:irregular",
    "untidy-id": "document_number:irregular",
    "borrowed-id": "document_number:other-birth-date",
    "newborn-mothers-id": "document_number:other-birth-date",
    "lunar-birthday": "document_number:other-birth-date",
    "estimated-birthday": "document_number:other-birth-date",
    "birth-date-wrong": "document_number:other-birth-date",
    "sex-wrong": "document_number:other-sex",
    "newborn-name": "name:placeholder",
    "homophone": "name:outvoted",
    "similar-glyph": "name:outvoted",
    "rare-character": "name:outvoted",
    "name-dot": "name:outvoted",
    "name-order": "name:outvoted",
    "changed-name": "name:outvoted",
    "no-phone": "phone:expected",
}
"""Which rule must find what is unusual in a registration; the others are no fault of the row."""

BY_THE_NUMBER = ("lunar-birthday", "estimated-birthday", "birth-date-wrong", "sex-wrong")
NOT_BY_A_NUMBER = ("no-id", "junk-id", "id-digit-swap", "id-digit-wrong", "passport-only", "residence-card")
NOT_BY_A_NUMBER += ("travel-permit", "birth-certificate")
"""Kinds found only beside a number that tells birth date and sex, and kinds of rows without such a number."""

RULE_OF_COLUMN = {
    "missing-required": "{column}:required",
    "unknown-code": "{column}:value-set",
    "lost-zero": "{column}:value-set",
    "code-name-mismatch": "{column}_name:name",
    "future-date": "{column}:future",
    "missing-parent": "{column}:orphan",
    "empty-field": "{column}:expected",
    "not-alive": "{column}:not-alive",
    "wrong-unit": "{column}:range",
    "wrong-sum": "{column}:adds-up",
}
TWIN = """, (SELECT min(other.source_key) FROM TABLE AS other WHERE other.institution_id = t.institution_id
    AND other.patient_id = t.patient_id AND other.occurred_at = t.occurred_at AND other.id <> t.id)"""
"""The key of the other row of a pair."""

NO_DEFECT = ("corrected-row", "voided-row")
"""Planted for versions; the row as it stands is right, or gone."""


def main() -> None:
    """Score the rules, then time them."""
    if sys.argv[1:2] == [CITY]:
        _generate(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        return
    if sys.argv[1:2] == [LOAD]:
        _load_and_measure(Path(sys.argv[2]))
        return
    residents, seed, rows = (int(text) for text in (*sys.argv[1:], "20000", "11", "10000000")[:3])
    with tempfile.TemporaryDirectory(prefix="kangqiao-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database's own user passes through
        _in_a_process(folder, CITY, str(folder / "city"), str(residents), str(seed))
        _in_a_process(folder, LOAD, str(folder / "city"))
        _set_up_django()
        _score(folder)
        _time(folder, rows)


def _in_a_process(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"KANGQIAO_HOME": str(folder / "home")}
    subprocess.run([sys.executable, __file__, *arguments], env=environment, check=True)


def _set_up_django() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "kangqiao.wiring.settings"
    django.setup()


def _generate(folder: Path, residents: int, seed: int) -> None:
    _set_up_django()
    from kangqiao.simulation.city import generate_city

    generate_city(folder=folder, residents=residents, years=3, seed=seed)


def _load_and_measure(folder: Path) -> None:
    from kangqiao.wiring.ready import ready

    with ready() as settings:
        from django.core.management import call_command

        from kangqiao.identity.rematching import match
        from kangqiao.infra.files import FileStore
        from kangqiao.intake.models import Door
        from kangqiao.intake.services import process_batch, submit_parcel
        from kangqiao.quality.services import measure
        from kangqiao.registry.services import import_registry
        from kangqiao.trust.actors import system_actor

        call_command("migrate", verbosity=0)
        actor, store = system_actor("bench"), FileStore(settings.archive_url)
        import_registry(path=folder / "registry.xlsx", actor=actor)
        for path in sorted((folder / "batches").iterdir()):
            batch = submit_parcel(path=path, door=Door.COMMAND, actor=actor, store=store)
            process_batch(batch_id=batch.id, store=store, work=settings.home / "work")
        match(actor=actor)
        for title in ("first", "again, nothing new"):
            found = measure(home=settings.home, store=store, actor=actor)
            stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in found.seconds.items())
            console.print(f"measurement, {title}: {found.rows:,} rows, {found.failed:,} findings; {stages}")
        _keep_for_scoring(settings.home)


def _keep_for_scoring(home: Path) -> None:
    """Copy what only PostgreSQL knows into the lake's folder: institutions, batches, failed days of series."""
    from django.db import connection

    with connection.cursor() as cursor, duckdb.connect(str(home / "lake" / "scoring.duckdb")) as kept:
        cursor.execute("SELECT id, code FROM registry_institution")
        kept.execute("CREATE TABLE institution (id INTEGER, code VARCHAR)")
        kept.executemany("INSERT INTO institution VALUES (?, ?)", cursor.fetchall())
        cursor.execute("SELECT institution_id, data_set, rule, day FROM quality_failedday WHERE rule LIKE 'day:%%'")
        kept.execute("CREATE TABLE broken_day (institution_id INTEGER, data_set VARCHAR, rule VARCHAR, day DATE)")
        if days := cursor.fetchall():
            kept.executemany("INSERT INTO broken_day VALUES (?, ?, ?, ?)", days)
        cursor.execute(
            "SELECT data_set, rule, sum(assessed), sum(failed) FROM quality_measure"
            " WHERE rule LIKE 'day:%%' GROUP BY 1, 2"
        )
        kept.execute("CREATE TABLE series (data_set VARCHAR, rule VARCHAR, assessed BIGINT, failed BIGINT)")
        if series := cursor.fetchall():
            kept.executemany("INSERT INTO series VALUES (?, ?, ?, ?)", series)
        cursor.execute("SELECT id, sender_id, manifest->'period'->>'from' FROM intake_batch ORDER BY received_at")
        kept.execute("CREATE TABLE batch (id UUID, period_start DATE)")
        seen: set[int] = set()
        for batch, sender, start in cursor.fetchall():
            kept.execute("INSERT INTO batch VALUES (?, ?)", [str(batch), start if sender in seen else None])
            seen.add(sender)


def _score(folder: Path) -> None:
    truth = folder / "city" / "truth"
    planted = _planted(truth)
    found, rows = _found(folder / "home" / "lake", planted)
    _print_scores(planted, _consequences(truth), found, rows)
    _print_spells(folder)


def _consequences(truth: Path) -> set[tuple[str, str, str]]:
    """Return (data set, institution code, source key) of rows that rightly fail without a defect of their own.

    They suffer from another row's defect, or are registrations that show somebody otherwise than they are.
    """
    from kangqiao.simulation.identities.kinds import MISTAKEN

    return set(
        duckdb.execute(
            f"""SELECT data_set, institution_code, source_key FROM read_parquet('{truth}/consequences/*.parquet')
                UNION SELECT 'patient-registration', institution_code, 'P' || patient_number
                FROM read_parquet('{truth}/patients/*.parquet') WHERE kinds & {MISTAKEN} <> 0"""
        ).fetchall()
    )


def _planted(truth: Path) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Return (data set, kind or kind.column) → {(institution code, source key)}."""
    rows = duckdb.execute(
        f"SELECT data_set, kind, coalesce(\"column\", ''), institution_code, source_key"
        f" FROM read_parquet('{truth}/defects/*.parquet')"
    ).fetchall()
    planted: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for data_set, kind, column, institution, key in rows:
        planted[data_set, f"{kind}.{column}"].add((institution, key))
    patients = duckdb.execute(
        f"SELECT institution_code, 'P' || patient_number, kinds FROM read_parquet('{truth}/patients/*.parquet')"
    ).fetchall()
    for institution, key, kinds in patients:
        for kind in _kinds_that_show(kinds):
            planted["patient-registration", f"{kind}."].add((institution, key))
    return planted


def _kinds_that_show(kinds: int) -> set[str]:
    """Return what a rule can find of all that is unusual in a registration."""
    from kangqiao.simulation.identities.kinds import words

    known = set(words(kinds))
    return known & set(RULE_OF_IDENTITY) - (set(BY_THE_NUMBER) if known & set(NOT_BY_A_NUMBER) else set())


def _found(lake: Path, planted: dict) -> tuple[dict[tuple[str, str], set[tuple[str, str]]], dict[str, int]]:
    """Return (data set, rule) → {(institution code, source key)} of every failing row, and rows by data set.

    Of two equal rows nobody can say which was entered first: the one that was planted stands for both.
    """
    from kangqiao.quality.judging import BITS, begin, judged_rules, judged_sql, prepare
    from kangqiao.standards.data_set import data_sets

    session = duckdb.connect(str(lake / "records.duckdb"))
    session.execute(f"SET TimeZone = 'Asia/Shanghai'; ATTACH '{lake / 'scoring.duckdb'}' AS kept")
    begin(session)
    session.execute("INSERT INTO batch FROM kept.batch")
    found: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    rows: dict[str, int] = {}
    for word, data_set in data_sets().items():
        rules, table = judged_rules(word), data_set.table()
        prepare(session, data_set, rules)
        session.execute(f"CREATE OR REPLACE TEMPORARY TABLE judged AS {judged_sql(data_set, rules)}")
        rows[word] = session.execute("SELECT count(*) FROM judged").fetchall()[0][0]
        for place, rule in enumerate(rules):
            group, bit = divmod(place, BITS)
            failing = (
                f"SELECT i.code, source_key{TWIN if rule.word.endswith(':double') else ''}"
                f" FROM judged JOIN {table} AS t USING (id) JOIN kept.institution i ON i.id = t.institution_id"
                f" WHERE judged.failed_{group} & {1 << bit}::BIGINT <> 0"
            )
            for code, key, *twins in session.execute(failing.replace("TABLE", table)).fetchall():
                entered = {(code, one) for one in (key, *twins)} & planted.get((word, "double-entry."), set())
                found[word, rule.word].add(min(entered, default=(code, key)))
    for word, rule, code, key in session.execute(
        "SELECT data_set, unnest(words), i.code, source_key FROM refused"
        " JOIN kept.institution i ON i.id = refused.institution_id"
    ).fetchall():
        found[word, rule].add((code, key))
        rows[word] = rows.get(word, 0) + 1
    session.close()
    return found, rows


def _rules_for(data_set: str, kind: str, column: str) -> list[str]:
    if kind == "double-entry":
        from kangqiao.quality.catalogue import rules_of

        return [rule.word for rule in rules_of(data_set) if rule.word.endswith(":double")]
    if kind == "wrong-total":
        return ["total:sum-differs" if data_set == "charge" else f"{column}:adds-up"]
    if kind == "wrong-unit" and data_set == "lab-result":
        return [f"{column}:not-alive"]
    return [RULE_OF.get(kind) or RULE_OF_IDENTITY.get(kind) or RULE_OF_COLUMN[kind].format(column=column)]


def _print_scores(planted: dict, consequences: set, found: dict, rows: dict[str, int]) -> None:
    wanted: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    spoilt: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for data_set, institution, key in consequences:
        spoilt[data_set].add((institution, key))
    for (data_set, word), keys in planted.items():
        kind, _, column = word.partition(".")
        spoilt[data_set] |= keys
        if kind in NO_DEFECT:
            continue
        for rule in _rules_for(data_set, kind, column):
            wanted[data_set, rule] |= keys
            kinds[data_set, rule].add(kind)
    table = Table("data set", "rule", "planted as", "planted", "flagged", "precision", "recall", "false on clean rows")
    total: Counter[str] = Counter()
    for data_set, rule in sorted(wanted):
        truth, flagged = wanted[data_set, rule], found.get((data_set, rule), set())
        hit, false = truth & flagged, flagged - spoilt[data_set]
        total.update(planted=len(truth), hit=len(hit), flagged=len(flagged), false=len(false))
        table.add_row(
            data_set,
            rule,
            ", ".join(sorted(kinds[data_set, rule])),
            f"{len(truth):,}",
            f"{len(flagged):,}",
            f"{len(flagged & spoilt[data_set]) / len(flagged):.3f}" if flagged else "–",
            f"{len(hit) / len(truth):.3f}",
            f"{len(false)} of {rows[data_set] - len(spoilt[data_set]):,}",
        )
    console.print(table)
    blind = [" ".join(key) for key in sorted(wanted) if not wanted[key] & found.get(key, set())]
    clean = sum(rows.values()) - sum(len(keys) for keys in spoilt.values())
    console.print(f"planted {total['planted']:,}, found {total['hit']:,}; found nothing: {', '.join(blind) or 'none'}")
    rate = 1e4 * total["false"] / clean
    console.print(f"false alarms on clean rows: {total['false']:,} of {clean:,} = {rate:.3f} in 10,000")
    _print_others(found, wanted, spoilt)


def _print_others(found: dict, wanted: dict, spoilt: dict) -> None:
    """Print the rules for which nothing was planted and that flag rows all the same."""
    table = Table(
        "data set", "rule for which nothing was planted", "rows it flags in which nothing was planted", "severity"
    )
    from kangqiao.quality.catalogue import rule_by_key

    for (data_set, word), flagged in sorted(found.items()):
        known = rule_by_key().get(f"{data_set}.{word}")
        if (data_set, word) not in wanted and (clean := flagged - spoilt[data_set]):
            table.add_row(data_set, word, f"{len(clean):,}", known.severity if known else "–")
    console.print(table)


def _print_spells(folder: Path) -> None:
    """Score weekend gaps and sudden drops: a spell is found when a day of it (or of the week behind it) is flagged."""
    path = folder / "city" / "truth" / "spells.parquet"
    session = duckdb.connect(str(folder / "home" / "lake" / "scoring.duckdb"))
    series = session.execute("SELECT data_set, rule, assessed, failed FROM series ORDER BY ALL").fetchall()
    session.execute(f"CREATE TEMPORARY VIEW spell AS FROM read_parquet('{path}')")
    table = Table("series rule", "spells planted", "found", "days judged", "days flagged", "flagged outside any spell")
    for rule in ("weekend-gap", "sudden-drop"):
        hit_by = f"b.institution_id = i.id AND b.rule = 'day:{rule}' AND b.day BETWEEN s.first_day AND s.last_day + 14"
        spells, hit = session.execute(
            f"""SELECT count(*), count(*) FILTER (EXISTS (
                    SELECT 1 FROM broken_day b WHERE {hit_by} AND b.data_set = s.data_set))
                FROM spell s JOIN institution i ON i.code = s.institution_code
                WHERE s.kind = '{rule}' AND s.data_set IN (SELECT data_set FROM series)"""
        ).fetchall()[0]
        (outside,) = session.execute(
            f"""SELECT count(*) FROM broken_day b WHERE b.rule = 'day:{rule}' AND NOT EXISTS (
                SELECT 1 FROM spell s JOIN institution i ON i.code = s.institution_code WHERE {hit_by})"""
        ).fetchall()[0]
        judged, failed = (sum(row[place] for row in series if row[1] == f"day:{rule}") for place in (2, 3))
        table.add_row(rule, str(spells), str(hit), f"{judged:,}", f"{failed:,}", f"{outside:,}")
    console.print(table)


def _time(folder: Path, wanted: int) -> None:
    """Multiply every table of the lake to so many rows together; time all rules beside one scan of their columns."""
    from kangqiao.quality import judging
    from kangqiao.standards.data_set import data_sets

    session = duckdb.connect(str(folder / "scaled.duckdb"), config={"memory_limit": "8GB"})
    session.execute("SET TimeZone = 'Asia/Shanghai'")
    session.execute(f"ATTACH '{folder / 'home' / 'lake' / 'records.duckdb'}' AS small (READ_ONLY)")
    session.execute(f"ATTACH '{folder / 'home' / 'lake' / 'scoring.duckdb'}' AS kept (READ_ONLY)")
    session.execute("CREATE TABLE batches AS FROM kept.batch; CREATE TABLE refused AS FROM small.refused")
    counts = " UNION ALL ".join(f"SELECT count(*) AS rows FROM small.{one.table()}" for one in data_sets().values())
    count = session.execute(f"SELECT sum(rows) FROM ({counts})").fetchall()[0][0]
    times = max(1, round(wanted / count))
    own = "md5(id::VARCHAR || '-' || copy)::UUID AS id, md5(resident_id::VARCHAR || '-' || copy)::UUID AS resident_id"
    session.execute(
        f"CREATE TABLE patient AS SELECT * REPLACE ({own}) FROM small.patient, range({times}) AS copies(copy)"
    )
    session.execute("ALTER TABLE patient DROP COLUMN copy")
    for data_set in data_sets().values():
        session.execute(_multiplied(data_set, times))
        session.execute(f"ALTER TABLE {data_set.table()} DROP COLUMN copy")
    session.execute("CHECKPOINT; DETACH small; DETACH kept")
    scans, judgements = [], []
    for _ in range(3):
        started = time.perf_counter()
        for data_set in data_sets().values():
            session.execute(_scan(data_set)).fetchall()
        scans.append(time.perf_counter() - started)
        started = time.perf_counter()
        judging.begin(session)
        session.execute("INSERT INTO batch FROM batches")
        judging.judge_all(session, list(data_sets()))
        judgements.append(time.perf_counter() - started)
    rows = session.execute("SELECT sum(rows) FROM volume").fetchall()[0][0]
    rules = sum(len(judging.judged_rules(word)) for word in data_sets())
    table = Table("rows", "rules", "all rules, s (runs)", "one scan of their columns, s (runs)", "ratio of medians")
    ratio = statistics.median(judgements) / statistics.median(scans)
    shown = [" ".join(f"{seconds:.2f}" for seconds in run) for run in (judgements, scans)]
    table.add_row(f"{rows:,}", str(rules), *shown, f"{ratio:.1f}")
    console.print(table)


def _multiplied(data_set, times: int) -> str:
    from kangqiao.standards.data_set import Record
    from kangqiao.standards.quality import LeadsSomewhere, stored_rules_of

    links = [rule.field.name for rule in stored_rules_of(data_set) if isinstance(rule, LeadsSomewhere)]
    changed = [f"{name} || '-' || copy AS {name}" for name in ("source_key", *links)] + ["uuidv7() AS id"]
    if issubclass(data_set, Record):
        changed.append("md5(patient_id::VARCHAR || '-' || copy)::UUID AS patient_id")
    listed = ", ".join(changed)
    return (
        f"CREATE TABLE {data_set.table()} AS SELECT * REPLACE ({listed})"
        f" FROM small.{data_set.table()}, range({times}) AS copies(copy)"
    )


def _scan(data_set) -> str:
    """Read every value of the columns that the rules of a data set look at, once."""
    from kangqiao.quality.judging import judged_rules, judged_sql
    from kangqiao.records.lake import kept_columns

    text = judged_sql(data_set, judged_rules(data_set.word))
    used = [name for name in kept_columns(data_set) if f'"{name}"' in text or f"t.{name}" in text]
    return f"SELECT {', '.join(f'max({name})::VARCHAR' for name in used)} FROM {data_set.table()} WHERE NOT voided"


if __name__ == "__main__":
    main()
