"""What many ask for at the same time is done together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
_Waiting: TypeAlias = "tuple[Asked, asyncio.Future[Answer]]"


class Together(Generic[Asked, Answer]):
    """Calls `act` with everything that was asked for since it was called last.

    Whoever asks first waits for nobody; those who ask while `act` is under way wait for it to end,
    and are then served with one call, `most` of them. `apart` says what two of one call may not
    have in common. `act` returns an answer for each, in order; what it raises, each of them gets.
    """

    def __init__(
        self,
        act: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]],
        *,
        most: int,
        apart: Callable[[Asked], Hashable] = id,
    ) -> None:
        self._act = act
        self._most = most
        self._apart = apart
        self._waiting: list[_Waiting[Asked, Answer]] = []
        self._acting: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        """The answer to this. A caller who is cancelled may have been served all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, answer))
        if self._acting is None:
            self._acting = loop.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        try:
            while batch := self._next():
                await self._answer(batch)
        finally:
            self._acting = None

    def _next(self) -> "list[_Waiting[Asked, Answer]]":
        batch: dict[Hashable, _Waiting[Asked, Answer]] = {}
        left: list[_Waiting[Asked, Answer]] = []
        for one in self._waiting:
            if one[1].done():  # its caller has gone
                continue
            key = self._apart(one[0])
            if key in batch or len(batch) == self._most:
                left.append(one)
            else:
                batch[key] = one
        self._waiting = left
        return [*batch.values()]

    async def _answer(self, batch: "list[_Waiting[Asked, Answer]]") -> None:
        try:
            answers = await self._act([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is for those who asked
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)
