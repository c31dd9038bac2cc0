"""Every request for a job that can be made, told apart by `type`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from jobs_service.burn_in.domain import CaptionsNotDrawable, NothingToBurnIn
from jobs_service.burn_in.schemas import EXAMPLE_BURN_IN, BurnInRequest
from jobs_service.captions.schemas import EXAMPLE_CAPTIONS, CaptionsRequest
from jobs_service.generation.problems import ModelUnknown, ProviderNotConfigured
from jobs_service.generation.schemas import EXAMPLE_TEXT, TextRequest
from jobs_service.jobs.domain import JobNotFound
from jobs_service.jobs.kinds import JobOptions
from jobs_service.recognition.domain import ProviderNotOffered, UnsupportedLanguage
from jobs_service.tracks.domain import (
    CaptionsDeleted,
    CaptionsNotReady,
    TrackNotFound,
    VersionNotFound,
)
from jobs_service.translation.domain import NothingToTranslate, TranslationNotOffered
from jobs_service.translation.schemas import EXAMPLE_TRANSLATION, TranslationRequest
from jobs_service.videos.domain import VideoHasNoPicture, VideoHasNoSound, VideoNotFound
from shared.errors import Invalid

JobRequest = CaptionsRequest | TextRequest | TranslationRequest | BurnInRequest
JobType = Literal["captions", "text", "translation", "burn_in"]

EXAMPLES: Mapping[str, JobOptions] = MappingProxyType(
    {
        "captions": EXAMPLE_CAPTIONS,
        "translation": EXAMPLE_TRANSLATION,
        "burn_in": EXAMPLE_BURN_IN,
        "text": EXAMPLE_TEXT,
    }
)
"""One of each, for the API's document."""

REFUSALS = (
    Invalid,
    VideoNotFound,
    VideoHasNoSound,
    VideoHasNoPicture,
    UnsupportedLanguage,
    ProviderNotOffered,
    ProviderNotConfigured,
    ModelUnknown,
    JobNotFound,
    TrackNotFound,
    VersionNotFound,
    CaptionsNotReady,
    CaptionsDeleted,
    TranslationNotOffered,
    NothingToTranslate,
    NothingToBurnIn,
    CaptionsNotDrawable,
)
"""What may speak against a job, before it costs anything."""
