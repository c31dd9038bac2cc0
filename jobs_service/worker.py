"""`python -m jobs_service.worker`: a process that runs jobs, and answers only its health."""

import sys

from jobs_service.settings import JobsSettings
from jobs_service.worker_service import build_worker
from shared.http.clients import over_http
from shared.runtime.entry_point import main

if __name__ == "__main__":
    sys.exit(
        main(
            "jobs_service.worker",
            JobsSettings,
            lambda settings, broker: build_worker(
                settings, broker, content=over_http(settings.content_url)
            ),
        )
    )
