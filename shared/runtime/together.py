"""What many ask for at the same time is done together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
_Waiting: TypeAlias = "tuple[Asked, asyncio.Future[Answer]]"


class Together(Generic[Asked, Answer]):
    """Calls `act` with everything that was asked for since it was called last.

    Whoever asks first waits for nobody; those who ask while `act` is under way wait for it to end,
    and are then served with one call, `most` of them. `apart` says what two of one call may not
    have in common; who asks much takes turns with the others. `act` returns an answer for each, in
    order; what it raises, each of them gets. After each call `pause` seconds go by before the next,
    so that more come together where nobody is in a hurry.
    """

    def __init__(
        self,
        act: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]],
        *,
        most: int,
        apart: Callable[[Asked], Hashable] = id,
        pause: float = 0.0,
    ) -> None:
        self._act = act
        self._most = most
        self._pause = pause
        self._apart = apart
        self._waiting: dict[Hashable, deque[_Waiting[Asked, Answer]]] = {}
        self._acting: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        """The answer to this. A caller who is cancelled may have been served all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.setdefault(self._apart(asked), deque()).append((asked, answer))
        if self._acting is None:
            self._acting = loop.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        try:
            while self._waiting:
                if batch := self._next():
                    await self._answer(batch)
                    if self._pause:
                        await asyncio.sleep(self._pause)
        finally:
            self._acting = None

    def _next(self) -> "list[_Waiting[Asked, Answer]]":
        batch: list[_Waiting[Asked, Answer]] = []
        for key in [*islice(self._waiting, self._most)]:
            alike = self._waiting.pop(key)
            while alike and alike[0][1].done():  # its caller has gone
                alike.popleft()
            if alike:
                batch.append(alike.popleft())
            if alike:
                self._waiting[key] = alike
        return batch

    async def _answer(self, batch: "list[_Waiting[Asked, Answer]]") -> None:
        try:
            answers = await self._act([asked for asked, _ in batch])
            answered = [*zip(batch, answers, strict=True)]
        except Exception as error:  # noqa: BLE001 - it is for those who asked
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
        except asyncio.CancelledError:
            for _, waiting in batch:
                waiting.cancel()
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # and not what `act` waited for
                raise
        else:
            for (_, waiting), answer in answered:
                if not waiting.done():
                    waiting.set_result(answer)
