"""A worker whose captions jobs take no time: what is left is what the machinery costs.

python -m tests.bench.jobs_worker
"""

import sys

from jobs_service import worker_service
from jobs_service.jobs.domain import Job
from jobs_service.settings import JobsSettings
from jobs_service.work.performing import Result
from jobs_service.work.progress import Progress
from shared.http.clients import over_http
from shared.runtime.entry_point import main


async def nothing(job: Job, progress: Progress) -> Result:
    """The work of a job, were there none."""
    return Result()


if __name__ == "__main__":
    worker_service.PERFORMERS = (lambda base: {"captions": nothing},)
    sys.exit(
        main(
            "jobs_service.worker",
            JobsSettings,
            lambda settings, broker: worker_service.build_worker(
                settings, broker, content=over_http(settings.content_url)
            ),
        )
    )
