"""What the errors of a chat completions server mean to us."""

import msgspec

from jobs_service.generation.openai_wire import ErrorAnswer, ErrorBody
from jobs_service.generation.problems import (
    ContentRefused,
    ContextTooLong,
    ModelUnknown,
    ProviderAnswerMalformed,
    ProviderFailed,
    ProviderKeyRefused,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderTooSlow,
)
from shared.errors import FieldError, Invalid, Problem

_LONGEST_MESSAGE = 300
_DEFAULT_RETRY_SECONDS = 10
_LONGEST_RETRY_SECONDS = 3600
_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}
_TOO_LONG = {"context_length_exceeded", "string_above_max_length"}
_REFUSED = {"content_filter", "content_policy_violation"}
_OUR_NAMES = {"max_completion_tokens": "max_tokens"}
"""Our names of parameters that are called otherwise there."""


class ErrorReader:
    """Reads errors; what they quote of `secret` is left out."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    def of_answer(self, status: int, body: bytes, retry_after: str | None) -> Problem:
        """The Problem that an answer without a text is."""
        try:
            said = msgspec.json.decode(body, type=ErrorAnswer).error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            said = ErrorBody()
        return self.of(status, said, retry_after)

    def of(self, status: int, said: ErrorBody | str, retry_after: str | None = None) -> Problem:
        """The Problem that `said` means, in an answer of this status or in the middle of one."""
        error = ErrorBody(said) if isinstance(said, str) else said
        names = {str(error.code), str(error.type)}
        if status in (401, 403):
            return ProviderKeyRefused("The operator has to look at OPENAI_API_KEY.")
        if status == 402 or names & _QUOTA:
            return ProviderQuotaExhausted("The operator has to look at the provider's billing.")
        if status == 429 or "rate_limit_exceeded" in names:
            seconds = _seconds(retry_after)
            return ProviderRateLimited(
                f"Ask again in {seconds} seconds.", headers={"retry-after": str(seconds)}
            )
        if status == 408:
            return ProviderTooSlow("The provider gave up waiting.")
        if status >= 500:
            later = {"retry-after": str(_seconds(retry_after))} if retry_after else {}
            return ProviderFailed(f"It answered {status}.", headers=later)
        if status == 404 or "model_not_found" in names:
            return self._not_found(error, names)
        if status in (400, 413, 422):
            return self._of_request(error, names)
        return ProviderAnswerMalformed(f"It answered {status}.")

    def _not_found(self, error: ErrorBody, names: set[str]) -> Problem:
        if "model_not_found" in names or "model" in error.message.lower():
            fault = FieldError("model", "the provider does not offer it")
            return ModelUnknown(self._quoted(error), errors=(fault,))
        return ProviderAnswerMalformed("It answered 404; the operator has to look at its URL.")

    def _of_request(self, error: ErrorBody, names: set[str]) -> Problem:
        if names & _TOO_LONG or "context length" in error.message.lower():
            return ContextTooLong(self._quoted(error))
        if names & _REFUSED:
            return ContentRefused("The provider's rules do not allow it.")
        field = (error.param or "body").partition("[")[0].partition(".")[0]
        field = _OUR_NAMES.get(field, field)
        quoted = self._quoted(error)
        return Invalid(
            f"The provider does not take the request: {quoted}",
            errors=(FieldError(field, quoted),),
        )

    def _quoted(self, error: ErrorBody) -> str:
        message = error.message or "it does not say why"
        if self._secret:
            message = message.replace(self._secret, "[hidden]")
        return message[:_LONGEST_MESSAGE]


def _seconds(retry_after: str | None) -> int:
    """Whole seconds of a `Retry-After`, within reason; dates, which nobody sends, count as none."""
    given = (retry_after or "").strip()
    if not (given.isascii() and given.isdigit()):
        return _DEFAULT_RETRY_SECONDS
    return max(1, min(_LONGEST_RETRY_SECONDS, int(given[:9])))
