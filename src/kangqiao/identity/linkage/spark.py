"""The same linkage beyond one machine: `linking` on Spark, with the same model file and the same decisions.

`pieces` says what each machine does with its piece; here the pieces meet. Whatever decides about two registrations lies
in one group of pairs that are worth a look, and such groups are small: each is decided whole, by what decides a file.

Wants `pyspark` (the extra `spark`) and this package on every machine. Registrations are read twice, the second time
knowing what many share.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import partial
from typing import NamedTuple, TypeAlias

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from kangqiao.identity.linkage import pieces
from kangqiao.identity.linkage.blocking import RULES
from kangqiao.identity.linkage.clusters import Decision
from kangqiao.identity.linkage.crowds import LIMITS, Crowds
from kangqiao.identity.linkage.model import Model, Thresholds, model_of
from kangqiao.identity.linkage.reading import READ
from kangqiao.identity.linkage.training import train_counted

Batches: TypeAlias = Iterator[pa.RecordBatch]
Change: TypeAlias = Callable[[pa.Table], pa.Table]


class ComparedOnSpark(NamedTuple):
    """As `linking.Compared`; both are kept by Spark once they are computed.

    registrations  record, speaker (the smallest record of the same content), entry
    pairs          left, right: speakers; rule; pattern
    """

    registrations: DataFrame
    pairs: DataFrame


class LinkedOnSpark(NamedTuple):
    """As `linking.Linkage`: persons (record, person), links (left, right, rule, pattern, weight, decision)."""

    persons: DataFrame
    links: DataFrame


def link_on_spark(spark: SparkSession, sources: Iterable[str], *, model: Model, today: date) -> LinkedOnSpark:
    """Link registrations of Parquet files or folders (columns `reading.READ`, records unique) with a model.

    Raises Spark's AnalysisException when a column is missing.
    """
    return decide_on_spark(compare_on_spark(spark, sources, today=today), model)


def compare_on_spark(spark: SparkSession, sources: Iterable[str], *, today: date) -> ComparedOnSpark:
    """Read registrations and compare every candidate pair."""
    source = spark.read.parquet(*sources).select(*READ)
    registrations = _registrations(source, today, _crowds(source, today)).persist()
    entries = registrations.where("record = speaker").select("record", "entry")
    return ComparedOnSpark(registrations, _compared(entries, _candidate_pairs(entries)).persist())


def _crowds(source: DataFrame, today: date) -> Crowds:
    seen = _each(source, partial(pieces.sightings, today=today), "sharing byte, value long, behind long")
    counts = seen.distinct().groupBy("sharing", "value").count()
    return pieces.crowds_in(
        counts.where(f.col("count") > _at("sharing", [each.more_than for each in LIMITS])).toArrow()
    )


def _registrations(source: DataFrame, today: date, crowds: Crowds) -> DataFrame:
    read = _each(
        source, partial(pieces.travelling, today=today, crowds=crowds), "record long, content long, entry binary"
    )
    speaker = f.min("record").over(Window.partitionBy("content"))
    return read.select("record", speaker.alias("speaker"), "entry")


def _candidate_pairs(entries: DataFrame) -> DataFrame:
    """Return left, right (records) and the first rule that proposes each pair."""
    keys = _each(entries, pieces.keyed, "record long, rule byte, key long")
    met = f.count("*").over(Window.partitionBy("rule", "key"))
    blocks = keys.withColumn("met", met).where(
        (f.col("met") > 1) & (f.col("met") <= _at("rule", [rule.most for rule in RULES]))
    )
    one, other = (blocks.select("rule", "key", f.col("record").alias(word)) for word in ("left", "right"))
    return (
        one.join(other, ["rule", "key"]).where("left < right").groupBy("left", "right").agg(f.min("rule").alias("rule"))
    )


def _compared(entries: DataFrame, pairs: DataFrame) -> DataFrame:
    one, other = (
        entries.select(f.col("record").alias(record), f.col("entry").alias(entry))
        for record, entry in (("left", "one"), ("right", "other"))
    )
    attached = pairs.join(one, "left").join(other, "right")
    return _each(attached, pieces.compared, "left long, right long, rule byte, pattern long")


def learn_on_spark(found: ComparedOnSpark, *, version: str, thresholds: Thresholds | None = None) -> Model:
    """Learn the weights from all pairs, as `linking.learn` does from up to `training.MOST_PAIRS`."""
    counts = found.pairs.groupBy("pattern").count().orderBy("pattern").toArrow()
    estimates = train_counted(counts["pattern"].to_numpy(), counts["count"].to_numpy())
    return model_of(estimates, version=version, thresholds=thresholds or Thresholds())


def decide_on_spark(found: ComparedOnSpark, model: Model) -> LinkedOnSpark:
    """Decide as `linking.decide` does."""
    groups = _groups(_each(found.pairs, partial(pieces.near, model=model), "left long, right long"))
    links = _decided(found, groups, model).persist()
    person = _stars(links.where(f.col("decision") == int(Decision.SAME))).toDF("speaker", "person")
    named = found.registrations.select("record", "speaker").join(person, "speaker", "left")
    return LinkedOnSpark(named.select("record", f.coalesce("person", "speaker").alias("person")), links)


def _decided(found: ComparedOnSpark, groups: DataFrame, model: Model) -> DataFrame:
    """Return the links within groups, many groups at a time; those of one group lie in one partition."""
    shares = f.lit(found.pairs.sparkSession.conf.get("spark.sql.shuffle.partitions")).cast("int")
    share = f.pmod(f.hash("group"), shares).alias("share")
    entries = found.registrations.join(groups, "record").select("record", "entry", share)
    one, other = groups.toDF("left", "group"), groups.toDF("right", "same")
    pairs = found.pairs.join(one, "left").join(other, "right").where("group = same")
    pairs = pairs.select("left", "right", "rule", "pattern", share)
    return (
        entries.groupBy("share")
        .cogroup(pairs.groupBy("share"))
        .applyInArrow(
            partial(pieces.decided, model=model),
            "left long, right long, rule string, pattern long, weight double, decision byte",
        )
    )


def _groups(pairs: DataFrame) -> DataFrame:
    """Return record and group (its smallest record) of whoever pairs hold together.

    Round by round, all that is known of a record meets. What two records of a pair are led to gets the smaller name of
    both, so that groups have their names when a round changes none.
    """
    stars, former = _stars(pairs), None
    while True:
        ends = stars.withColumn("end", f.explode(f.array("left", "right"))).repartition("end")
        stars = _stars(ends).distinct().persist()
        groups = stars.groupBy(f.col("left").alias("record")).agg(f.min("right").alias("group"))
        names = groups.agg(f.sum(f.col("group").cast("decimal(38, 0)"))).first()
        if names == former:
            return groups.persist()
        former = names


def _stars(pairs: DataFrame) -> DataFrame:
    """Return left and right: where pairs (left, right) of one partition lead."""
    return pairs.select("left", "right").mapInArrow(_in_stars, "left long, right long")


def _in_stars(batches: Batches) -> Batches:
    whole = list(batches)
    if whole:
        yield from pieces.stars(pa.Table.from_batches(whole)).to_batches()


def _at(place: str, numbers: list[int]) -> Column:
    """Return the number at the place that a column names."""
    return f.array(*map(f.lit, numbers))[f.col(place)]


def _each(frame: DataFrame, change: Change, schema: str) -> DataFrame:
    return frame.mapInArrow(partial(_changed, change), schema)


def _changed(change: Change, batches: Batches) -> Batches:
    for batch in batches:
        yield from change(pa.Table.from_batches([batch])).to_batches()
