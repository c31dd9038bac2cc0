"""Settings of the jobs service and of its worker."""

import os
from pathlib import Path

from pydantic import Field

from jobs_service.burn_in.settings import BurnInSettings
from jobs_service.credits.settings import CreditSettings
from jobs_service.recognition.settings import RecognitionSettings


class JobsSettings(CreditSettings, RecognitionSettings, BurnInSettings):
    """What the HTTP process and the worker both read."""

    port: int = Field(8003, ge=0, le=65535, description="The port to listen on.")
    auth_url: str = Field("http://127.0.0.1:8001", description="Where the auth service answers.")
    content_url: str = Field(
        "http://127.0.0.1:8002", description="Where the content service answers."
    )
    welcome_credits: int = Field(
        60, ge=0, le=1_000_000, description="Credits that a new account is given."
    )
    guest_credits: int = Field(
        5,
        ge=0,
        le=1_000_000,
        description="Credits that a new guest is given; they count as a part of the welcome of "
        "whoever registers.",
    )
    running_jobs_per_user: int = Field(
        2, ge=1, le=1000, description="Jobs of one user that run at the same time."
    )
    job_attempts: int = Field(
        3, ge=1, le=20, description="How often a job is tried before it counts as failed."
    )
    lease_seconds: float = Field(
        15.0, ge=1.5, le=3600, description="How long a silent worker keeps its job."
    )
    job_time_limit_seconds: float = Field(
        14_400.0, gt=0, description="How long one attempt at a job may take."
    )
    job_memory_bytes: int = Field(
        2 * 1024**3, ge=256 * 1024**2, description="Memory of the process that recognises speech."
    )
    worker_concurrency: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=256,
        description="Jobs that one worker runs at a time; by default one per processor.",
    )
    webhooks_per_user: int = Field(
        10, ge=1, le=1000, description="Webhooks that one user may have."
    )
    webhook_allow_private: bool = Field(
        False,
        description="Whether webhooks may lead to addresses of one's own network, this machine "
        "included, and to any port: only where every user may reach all that is there.",
    )
    caption_versions_kept: int = Field(
        100,
        ge=1,
        le=10_000,
        description="How many of the newest versions of a caption track are kept, beside its "
        "first.",
    )
    caption_tracks_per_user: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="Caption tracks that one user may have and still import files, which costs "
        "nothing; what jobs make is always kept.",
    )
    work_dir: Path | None = Field(
        None,
        description="A directory for videos under work; what a killed worker left there is removed "
        "at start. By default the system's for temporary files.",
    )
