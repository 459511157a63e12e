"""Linkage on Spark decides as it does on one machine: the same persons, the same links, the same model."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import kangqiao
from kangqiao.identity.linkage.crowds import crowds_among
from kangqiao.identity.linkage.linking import Compared, compare, decide, learn
from kangqiao.identity.linkage.model import Model, content_of
from kangqiao.simulation.identities.generating import generate_identities
from linkage_records import TODAY, shuffled

sql = pytest.importorskip("pyspark.sql", reason="没有安装 pyspark：请运行 make spark")
from kangqiao.identity.linkage.spark import (  # noqa: E402
    ComparedOnSpark,
    compare_on_spark,
    decide_on_spark,
    learn_on_spark,
)

JAVA = 17
"""The oldest that Spark runs on."""
FILES = 3
QUICK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.executorEnv.PYTHONPATH": str(Path(kangqiao.__file__).parents[1]),
}
"""Hardly anything to compute: what Spark does to compute much of it fast would take the longest."""


def java() -> int:
    """Return the version of Java on this machine, 0 without any."""
    try:
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    version = re.search(r'version "(\d+)', told)
    return int(version[1]) if version else 0


@pytest.fixture(scope="module")
def spark() -> Iterator["sql.SparkSession"]:
    """Two workers, each a process of its own, with a Python of their own."""
    if java() < JAVA:
        pytest.skip(f"需要 Java {JAVA} 或更新：例如 sudo apt-get install default-jre-headless")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        builder = sql.SparkSession.builder.master("local-cluster[2,1,1024]")
        for word, value in QUICK.items():
            builder = builder.config(word, value)
        with builder.getOrCreate() as session:
            session.sparkContext.setLogLevel("OFF")
            yield session


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files among which the registrations of a small city are shuffled."""
    city, folder = (tmp_path_factory.mktemp(word) for word in ("city", "shuffled"))
    generate_identities(folder=city, people=4_000, records_per_person=2, seed=31)
    table = pq.read_table(city / "records.parquet")
    for place, rows in enumerate(np.array_split(np.random.default_rng(7).permutation(len(table)), FILES)):
        pq.write_table(shuffled(table, rows.tolist()), folder / f"{place}.parquet")
    return folder


@pytest.fixture(scope="module")
def found(files: Path) -> Compared:
    return compare(files, today=TODAY)


@pytest.fixture(scope="module")
def model(found: Compared) -> Model:
    return learn(found, version="试用-1")


@pytest.fixture(scope="module")
def found_on_spark(spark: "sql.SparkSession", files: Path) -> ComparedOnSpark:
    return compare_on_spark(spark, [str(files)], today=TODAY)


def test_numbers_phones_and_names_of_many_are_among_the_registrations(found: Compared) -> None:
    """Otherwise the tests below would not tell whether these are counted over all machines."""
    crowds = crowds_among(found.entries.rows, found.entries.names)
    assert all(len(shared) for shared in (crowds.keys, crowds.phones, crowds.forms))


def test_the_model_learnt_on_spark_is_that_of_one_machine(found_on_spark: ComparedOnSpark, model: Model) -> None:
    assert content_of(learn_on_spark(found_on_spark, version="试用-1")) == content_of(model)


def test_persons_and_links_on_spark_are_those_of_one_machine(
    found_on_spark: ComparedOnSpark, found: Compared, model: Model
) -> None:
    on_spark, here = decide_on_spark(found_on_spark, model), decide(found, model)
    by_ends = [("left", "ascending"), ("right", "ascending")]
    assert on_spark.persons.sort("record").toArrow().to_pylist() == here.persons.to_pylist()
    assert on_spark.links.toArrow().sort_by(by_ends).to_pylist() == here.links.sort_by(by_ends).to_pylist()
