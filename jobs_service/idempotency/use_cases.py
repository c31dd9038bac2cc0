"""A request with an Idempotency-Key is done once; whoever repeats it gets the first answer."""

import hashlib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.repository import IdempotencyKeys, lock_of_key
from shared.db.database import Transaction
from shared.db.executor import Executor
from shared.security.principal import UserId

SECONDS_BETWEEN_CLEANINGS = 3600.0
A = TypeVar("A", bound=msgspec.Struct)


class Kept(msgspec.Struct, frozen=True):
    """What is remembered of a request, for a statement that does more, and takes the `lock` first:
    the hash in hexadecimal, the answer as JSON."""

    lock: str
    key: str
    request_hash: str
    answer: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Once(Generic[A]):
    """One request of `owner` with its `key`, or without one: then nothing is remembered.

    `answer` is the type of what it is answered.
    """

    owner: UserId
    key: str | None
    request: Any
    answer: type[A]

    async def answered(self, executor: Executor) -> A | None:
        """What this request was answered before; raises KeyReused."""
        if self.key is None:
            return None
        known = await IdempotencyKeys(executor).find(self.owner, self.key)
        if known is None:
            return None
        if known[0] != self._hash():
            raise KeyReused("Send a new Idempotency-Key with a new request.")
        return msgspec.json.decode(known[1], type=self.answer)

    async def begin(self, tx: Transaction) -> A | None:
        """Keep everybody else with this key out until `tx` ends; the answer if there is one.

        Raises KeyReused, and RequestInProgress while the same request is being worked on.
        """
        if self.key is None:
            return None
        if not await IdempotencyKeys(tx).lock(self.owner, self.key):
            raise RequestInProgress("Wait for the first request's answer, then ask again.")
        return await self.answered(tx)

    async def end(self, tx: Transaction, answer: A) -> None:
        """Remember `answer`."""
        if self.key is not None:
            encoded = msgspec.json.encode(answer)
            await IdempotencyKeys(tx).add(self.owner, self.key, self._hash(), encoded)

    def kept(self, answer: A) -> Kept | None:
        """What `end` would remember. Without the lock nothing is done, and a key that is there
        already refuses the statement: `begin` tells why."""
        if self.key is None:
            return None
        return Kept(
            lock=lock_of_key(self.owner, self.key),
            key=self.key,
            request_hash=self._hash().hex(),
            answer=msgspec.Raw(msgspec.json.encode(answer)),
        )

    def _hash(self) -> bytes:
        return hashlib.sha256(msgspec.json.encode(self.request)).digest()
