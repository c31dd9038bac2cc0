"""Every documented answer of an operation, encoded once when the process starts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.headers import HeaderList
from gateway.mock.content import content
from gateway.mock.preferences import Preferences, PreferenceUnknown
from gateway.mock.schemas import Schema, Schemas
from gateway.mock.values import Values

_ID_OF_REQUEST = "request_id"


@dataclass(frozen=True, slots=True)
class PreparedAnswer:
    """One documented answer, ready to be sent.

    `echoes` are the parts of the body that repeat something of the request, by its name.
    """

    status: int
    documented_type: str
    example: str
    headers: HeaderList
    body: bytes
    echoes: Mapping[str, bytes]

    def body_for(self, given: Mapping[str, str]) -> bytes:
        """The body with what was given in the request instead of what the example has."""
        body = self.body
        for name, encoded in self.echoes.items():
            if name in given:
                body = body.replace(encoded, msgspec.json.encode(given[name]))
        return body


class Answers:
    """The answers of one operation."""

    def __init__(self, answers: Sequence[PreparedAnswer]) -> None:
        self._answers = answers
        self._usual = min(one.status for one in answers)

    def __iter__(self) -> Iterator[PreparedAnswer]:
        return iter(self._answers)

    def chosen(self, wanted: Preferences, media_types: Sequence[str]) -> PreparedAnswer:
        """The preferred answer, or the usual one, of the first of `media_types` that it has.

        Raises `PreferenceUnknown`.
        """
        found = self._preferred(wanted)
        for media_type in media_types:
            for answer in found:
                if answer.documented_type == media_type:
                    return answer
        return found[0]

    def _preferred(self, wanted: Preferences) -> list[PreparedAnswer]:
        found = [one for one in self._answers if wanted.code in (None, str(one.status))]
        if not found:
            known = sorted({str(one.status) for one in self._answers})
            raise PreferenceUnknown("code", wanted.code, known)
        if wanted.example is None:
            status = self._usual if wanted.code is None else found[0].status
            return [one for one in found if one.status == status]
        named = [one for one in found if one.example == wanted.example]
        if not named:
            known = sorted({one.example for one in found if one.example})
            raise PreferenceUnknown("example", wanted.example, known)
        return named


class AnswerMaker:
    """Makes the answers that a document tells of."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._values = Values(schemas)

    def answers(self, operation: Schema, where: str, parameters: Sequence[str]) -> Answers:
        """All answers of `operation`, whose path has `parameters`; raises `NoExample`."""
        return Answers(
            [
                answer
                for status, response in operation["responses"].items()
                if status.isdigit()
                for answer in self._of_response(
                    int(status), self._schemas.resolved(response), f"{where} {status}", parameters
                )
            ]
        )

    def _of_response(
        self, status: int, response: Schema, where: str, parameters: Sequence[str]
    ) -> Iterator[PreparedAnswer]:
        headers = self._headers(status, response, where)
        if not response.get("content"):
            yield PreparedAnswer(status, "", "", headers, b"", {})
        for documented_type, media in response.get("content", {}).items():
            for name, value in self._examples(documented_type, media, where):
                media_type, body = _encoded(documented_type, value)
                described = [(b"content-type", media_type.encode()), *headers]
                if status == 206:
                    described.append(
                        (b"content-range", b"bytes 0-%d/%d" % (len(body) - 1, len(body)))
                    )
                echoes = _echoes(value, status, parameters)
                yield PreparedAnswer(status, documented_type, name, described, body, echoes)

    def _examples(self, media_type: str, media: Schema, where: str) -> Iterator[tuple[str, Any]]:
        if "examples" in media:
            for name, example in media["examples"].items():
                yield name, self._schemas.resolved(example)["value"]
        elif "example" in media:
            yield "", media["example"]
        elif _is_json(media_type):
            yield "", self._values.of(media.get("schema", {}), where)
        else:
            yield "", None

    def _headers(self, status: int, response: Schema, where: str) -> HeaderList:
        headers = [
            (name.lower().encode(), str(self._header(header, f"{where}.{name}")).encode())
            for name, header in response.get("headers", {}).items()
        ]
        if status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="madang"'))
        return headers

    def _header(self, header: Schema, where: str) -> Any:
        header = self._schemas.resolved(header)
        if "example" in header:
            return header["example"]
        return self._values.of(header["schema"], where)


def _encoded(media_type: str, value: Any) -> tuple[str, bytes]:
    if _is_json(media_type):
        return media_type, msgspec.json.encode(value)
    concrete, body = content(media_type)
    return concrete, value.encode() if isinstance(value, str) else body


def _is_json(media_type: str) -> bool:
    return media_type.endswith(("/json", "+json"))


def _echoes(value: Any, status: int, parameters: Sequence[str]) -> dict[str, bytes]:
    """The id of a problem's request; of another answer the members that its path names, where
    `id` means the last id in it."""
    if not isinstance(value, dict):
        return {}
    if status >= 400:
        names = {_ID_OF_REQUEST: _ID_OF_REQUEST}
    else:
        names = {name: name for name in parameters}
        ids = [name for name in parameters if name.endswith("_id")]
        names |= {name: "id" for name in ids[-1:] if name not in value}
    return {
        name: msgspec.json.encode(value[member])
        for name, member in names.items()
        if isinstance(value.get(member), str)
    }
