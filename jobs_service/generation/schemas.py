"""Wire types of text."""

from typing import Annotated, Literal, Self
from uuid import UUID

import msgspec

from jobs_service.generation.domain import FinishReason, Message, Role, Text, Usage
from jobs_service.jobs.kinds import JobOptions

MAX_CHARACTERS = 32_000
"""Of everything that is said in a request, together."""
MAX_TOKENS = 8192

Content = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHARACTERS)]


class MessageBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of the conversation so far."""

    role: Role
    content: Content


Messages = Annotated[tuple[MessageBody, ...], msgspec.Meta(min_length=1, max_length=100)]
Model = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKENS)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=2)]
Stop = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=100)], ...],
    msgspec.Meta(max_length=4),
]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Language = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        max_length=35,
        description="Of the answer: a BCP 47 tag, such as `ko`. By default that of the prompt.",
    ),
]
ProviderName = Literal["openai", "offline"]
Cache = Annotated[
    bool,
    msgspec.Meta(
        description="Whether the text may be one that the caller was given for the same request "
        "before; then it costs nothing."
    ),
]


class TextRequest(JobOptions, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="text"):
    """A text, written when a worker comes to it: `prompt`, or `messages`."""

    prompt: Content | None = None
    messages: Messages | None = None
    system: Content | None = None
    model: Model | None = None
    max_tokens: Tokens = 512
    temperature: Temperature | None = None
    stop: Stop = ()
    seed: Seed | None = None
    language: Language | None = None
    provider: ProviderName | None = None
    cache: Cache = False


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text, written while the caller waits: `prompt`, or `messages`."""

    prompt: Content | None = None
    messages: Messages | None = None
    system: Content | None = None
    model: Model | None = None
    max_tokens: Tokens = 512
    temperature: Temperature | None = None
    stop: Stop = ()
    seed: Seed | None = None
    language: Language | None = None
    provider: ProviderName | None = None
    cache: Cache = False
    stream: Annotated[
        bool | None,
        msgspec.Meta(
            description="Whether to answer with server-sent events; by default if `Accept` names "
            "`text/event-stream`."
        ),
    ] = None

    def as_job(self) -> TextRequest:
        """The job that does the same."""
        fields = msgspec.structs.asdict(self)
        del fields["stream"]
        return TextRequest(**fields)


class TextResult(msgspec.Struct, frozen=True):
    """What came of a job; without a `finish_reason` the text broke off."""

    text: str
    provider: str
    model: str
    usage: Usage
    finish_reason: FinishReason | None = None
    cached: bool = False

    @classmethod
    def of(cls, text: Text, *, cached: bool = False) -> Self:
        """The result that is `text`."""
        return cls(text.text, text.provider, text.model, text.usage, text.finish_reason, cached)


class GenerateAnswer(msgspec.Struct, frozen=True):
    """A text; `id` is that of its job, `credits` what it cost."""

    id: UUID
    text: str
    finish_reason: FinishReason | None
    provider: str
    model: str
    usage: Usage
    credits: int
    cached: bool

    @classmethod
    def of(cls, job_id: UUID, result: TextResult, spent: int) -> Self:
        """The answer that is the result of a job."""
        return cls(id=job_id, credits=spent, **msgspec.structs.asdict(result))


class GenerateEnd(msgspec.Struct, frozen=True):
    """The last event of a stream: all of the answer but the text."""

    id: UUID
    finish_reason: FinishReason | None
    provider: str
    model: str
    usage: Usage
    credits: int
    cached: bool

    @classmethod
    def of(cls, answer: GenerateAnswer) -> Self:
        """The end of `answer`."""
        return msgspec.convert(answer, cls, from_attributes=True)


EXAMPLE_REQUEST = GenerateRequest(
    prompt="Three questions to begin a conversation about gardening with neighbours",
    max_tokens=200,
    language="en",
    stream=False,
)
EXAMPLE_TEXT = TextRequest(prompt=EXAMPLE_REQUEST.prompt, max_tokens=200)
EXAMPLE_ANSWER = GenerateAnswer(
    id=UUID("0199c0de-8b00-7d44-9b2c-6a7b8c9d0e1f"),
    text="1. What first made you think about gardening?",
    finish_reason="stop",
    provider="openai",
    model="gpt-4.1-mini",
    usage=Usage(19, 10),
    credits=1,
    cached=False,
)
EXAMPLE_STREAM = """\
event: delta
data: {"text":"1. What first"}

event: delta
data: {"text":" made you think about gardening?"}

event: done
data: {"id":"0199c0de-8b00-7d44-9b2c-6a7b8c9d0e1f","finish_reason":"stop","provider":"openai",\
"model":"gpt-4.1-mini","usage":{"prompt_tokens":19,"completion_tokens":10,"estimated":false},\
"credits":1,"cached":false}

"""


def messages_of(request: TextRequest) -> tuple[Message, ...]:
    """What is said in `request`, in its order."""
    said = [Message(one.role, one.content) for one in request.messages or ()]
    if request.prompt is not None:
        said.append(Message(Role.USER, request.prompt))
    if request.system is not None:
        said.insert(0, Message(Role.SYSTEM, request.system))
    return tuple(said)
