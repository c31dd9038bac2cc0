"""What can go wrong with a text, each told apart from the others."""

from shared.errors import (
    BadGateway,
    Conflict,
    GatewayTimeout,
    Invalid,
    TooMany,
    Unavailable,
)


class ProviderNotConfigured(Unavailable):
    """The provider that is asked for has no key."""

    code, title = "provider_not_configured", "The text provider is not set up here"
    retriable = False


class ProviderKeyRefused(Unavailable):
    """The provider does not accept our key, or not for this."""

    code, title = "provider_key_refused", "The text provider refuses the key of this installation"
    retriable = False


class ProviderQuotaExhausted(Unavailable):
    """Our account with the provider is used up."""

    code, title = "provider_quota_exhausted", "The quota with the text provider is used up"
    retriable = False


class ProviderRateLimited(Unavailable):
    """The provider has more to do than it takes; `Retry-After` says when it will take more."""

    code, title = "provider_rate_limited", "The text provider takes no more requests for now"


class ProviderAway(BadGateway):
    """The provider cannot be reached, or ended without an answer."""

    code, title = "provider_unreachable", "The text provider cannot be reached"


class ProviderFailed(BadGateway):
    """The provider says that something went wrong on its side."""

    code, title = "provider_failed", "The text provider failed"


class ProviderAnswerMalformed(BadGateway):
    """The provider's answer is not of its protocol."""

    code, title = "provider_answer_malformed", "The text provider answered with something else"
    retriable = False


class ProviderTooSlow(GatewayTimeout):
    """The provider took too long."""

    code, title = "provider_too_slow", "The text provider took too long"


class TextCutOff(BadGateway):
    """The provider stopped in the middle of the text."""

    code, title = "text_cut_off", "The text broke off in its middle"


class ModelUnknown(Invalid):
    """The model is not offered here, or not by the provider."""

    code, title = "model_unknown", "There is no such model"


class ContextTooLong(Invalid):
    """Prompt and answer together are more than the model can hold."""

    code, title = "context_too_long", "The prompt is too long for the model"


class ContentRefused(Invalid):
    """The model, or its provider, will not write this."""

    code, title = "content_refused", "The text provider refuses to write this"


class TooManyTexts(TooMany):
    """The caller has as many texts under way as one may have; `Retry-After` says when to ask."""

    code, title = "too_many_texts", "You have too many texts under way"


class GenerationBusy(Unavailable):
    """This process makes as many texts as it may; `Retry-After` says when to ask again."""

    code, title = "generation_busy", "Too many texts are being written at this moment"


class TextStopped(Conflict):
    """The text's job was ended by something else."""

    code, title = "text_stopped", "The text was stopped"


OF_PROVIDERS = (
    ProviderNotConfigured,
    ProviderKeyRefused,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderAway,
    ProviderFailed,
    ProviderAnswerMalformed,
    ProviderTooSlow,
    TextCutOff,
    ModelUnknown,
    ContextTooLong,
    ContentRefused,
)
