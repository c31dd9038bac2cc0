"""The keys that sign access tokens. Two may overlap: the older verifies while the newer signs."""

import asyncio
from collections.abc import Callable, Sequence

from auth_service.tokens.repository import SigningKeys, StoredKey
from auth_service.tokens.seal import Seal
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger
from shared.security.jwks import Jwks, to_jwk
from shared.security.keys import SigningKey, VerificationKey

log = get_logger(__name__)


class KeyRing:
    """Every accepted key, opened; `load` fills it before anything else is asked."""

    def __init__(self, database: Database, seal: Seal, clock: Clock) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._stored: Sequence[StoredKey] = ()
        self._keys: dict[str, SigningKey] = {}
        self._on_withdrawn: list[Callable[[str], None]] = []
        self._loading = asyncio.Lock()
        self._begun = self._loaded = 0

    def on_withdrawn(self, told: Callable[[str], None]) -> None:
        """Call `told` with the id of each key that is accepted no more."""
        self._on_withdrawn.append(told)

    async def load(self) -> None:
        """Read the keys; the very first start makes one. Raises `WrongSecret`.

        However many ask at once, who asked before a reading began takes what it has found.
        """
        begun_before = self._begun
        async with self._loading:
            if self._loaded > begun_before:
                return
            self._begun = number = self._begun + 1
            await self._read()
            self._loaded = number

    async def _read(self) -> None:
        stored = await SigningKeys(self._database).unretired(self._clock.now())
        if not stored:
            async with self._database.transaction() as tx:
                stored = await self._make_first(tx)
        keys = {one.kid: self._seal.open(one.kid, one.sealed) for one in stored}
        withdrawn = self._keys.keys() - keys.keys()
        self._keys, self._stored = keys, stored
        for kid in withdrawn:
            log.info("key_withdrawn", kid=kid)
            for told in self._on_withdrawn:
                told(kid)

    def signing_key(self) -> SigningKey:
        """The newest key whose time to sign has come."""
        now = self._clock.now()
        due = [one.kid for one in self._stored if one.signs_from <= now]
        # None is due when another machine with a faster clock has just made the first one.
        return self._keys[due[-1] if due else self._stored[0].kid]

    async def find(self, kid: str) -> VerificationKey | None:
        """The accepted key of that id."""
        key = self._keys.get(kid)
        return key.verification if key else None

    def published(self) -> Jwks:
        """The public halves of all accepted keys, for other processes."""
        return Jwks(tuple(to_jwk(key.verification) for key in self._keys.values()))

    async def _make_first(self, tx: Transaction) -> Sequence[StoredKey]:
        keys, now = SigningKeys(tx), self._clock.now()
        await keys.lock()
        if found := await keys.unretired(now):  # another process was quicker
            return found
        key = SigningKey.generate()
        first = StoredKey(key.kid, self._seal.close(key), now)
        await keys.add(first)
        return [first]
