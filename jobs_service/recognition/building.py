"""Composes the providers that an installation has."""

from collections.abc import Mapping

from jobs_service.recognition.domain import Provider
from jobs_service.recognition.offers import ProviderName
from jobs_service.recognition.settings import RecognitionSettings
from jobs_service.recognition.sphinx import Sphinx
from shared.runtime.children import Limits


def providers(settings: RecognitionSettings, limits: Limits) -> Mapping[ProviderName, Provider]:
    """By name; `limits` bound each child process."""
    made: dict[ProviderName, Provider] = {"sphinx": Sphinx(limits)}
    return {name: made[name] for name in settings.caption_providers}
