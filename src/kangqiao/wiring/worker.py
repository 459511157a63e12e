"""The worker process: runs the jobs of every package. Started by `kangqiao up`."""

import asyncio
import logging
import os

import django
from procrastinate import App, BaseConnector
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.django_connector import DjangoConnector

from kangqiao.wiring.lifeline import end_with_parent

HEARTBEAT_SECONDS = 2.0
STALLED_AFTER_SECONDS = 15.0
CONCURRENCY = 2
STOP_AFTER_SECONDS = 5.0

log = logging.getLogger(__name__)


async def run() -> None:
    """Run jobs until told to stop; jobs that a killed worker left half done are begun again."""
    app = jobs.with_connector(_worker_connector(jobs))
    async with app.open_async():
        rescue = asyncio.create_task(_rescue_forever(app))
        try:
            await app.run_worker_async(
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=2.0,
                shutdown_graceful_timeout=STOP_AFTER_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_AFTER_SECONDS,
                delete_jobs="never",
            )
        finally:
            rescue.cancel()


def _worker_connector(jobs: App) -> BaseConnector:
    assert isinstance(jobs.connector, DjangoConnector)
    return jobs.connector.get_worker_connector()


async def rescue_stalled(app: App) -> int:
    """Put back jobs whose worker has shown no sign of life for a while; returns how many."""
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_SECONDS))
    for job in stalled:
        log.warning("a job of a dead worker is begun again", extra={"job": job.id, "task": job.task_name})
        await app.job_manager.retry_job(job)
    return len(stalled)


async def _rescue_forever(app: App) -> None:
    while True:
        await rescue_stalled(app)
        await asyncio.sleep(HEARTBEAT_SECONDS)


def main() -> None:
    """Set up Django and run until told to stop."""
    end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kangqiao.wiring.settings")
    django.setup()
    asyncio.run(run())


if __name__ == "__main__":
    # Under its own name, by which procrastinate knows where an app was made.
    from kangqiao.wiring import worker  # noqa: PLW0406

    worker.main()
