"""Every request for a job that can be made, told apart by `type`."""

from jobs_service.burn_in.schemas import BurnInRequest
from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.generation.schemas import TextRequest
from jobs_service.translation.schemas import TranslationRequest

JobRequest = CaptionsRequest | TextRequest | TranslationRequest | BurnInRequest
