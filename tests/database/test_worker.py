"""Jobs of a worker that was killed are begun again; jobs of a living one are left alone."""

import asyncio

import psycopg
import pytest
from procrastinate.contrib.django import app as jobs

from kangqiao.wiring import worker


@pytest.fixture
def taken_job(committed_database):
    """Let a worker take a job and fall silent for some seconds; then rescue, and return what became of the job."""

    def take(silent: float) -> tuple[int, str]:
        with psycopg.connect(committed_database, autocommit=True) as session:
            number = session.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))"
                " RETURNING id",
                [silent],
            ).fetchone()[0]
            session.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
                " VALUES ('intake', 'intake.process', 'doing', %s)",
                [number],
            )
            rescued = asyncio.run(_rescue())
            return rescued, session.execute("SELECT status::text FROM procrastinate_jobs").fetchone()[0]

    return take


async def _rescue() -> int:
    app = jobs.with_connector(jobs.connector.get_worker_connector())
    async with app.open_async():
        return await worker.rescue_stalled(app)


def test_a_job_of_a_silent_worker_is_begun_again(taken_job):
    assert taken_job(worker.STALLED_AFTER_SECONDS + 5) == (1, "todo")


def test_a_job_of_a_worker_that_was_heard_just_now_is_left_alone(taken_job):
    assert taken_job(worker.HEARTBEAT_SECONDS) == (0, "doing")
