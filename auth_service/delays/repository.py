"""Failures in the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ARRAY, Float, Integer, LargeBinary, bindparam, delete, select, text

from auth_service.delays.domain import FORGOTTEN_AFTER, Key, network_of
from auth_service.tables import failures, sessions
from shared.db.executor import Executor
from shared.security.principal import UserId

_BATCH = 5000

# A try is counted before it is made, under locks that are taken in one order: of any number that
# come at once, no more are let through than may fail. One that has to wait is not counted at all.
_COUNT = text(
    """
    WITH wanted AS (
        SELECT * FROM unnest(:keys, :free, :longest) AS one (key, free, longest)
    ), present AS (
        SELECT failures.key, blocked_until FROM failures
        WHERE failures.key = ANY (:keys) ORDER BY failures.key FOR UPDATE
    ), counted AS (
        INSERT INTO failures AS known (key, count, last_at, blocked_until)
        SELECT key, 1, :now, :now FROM wanted
        WHERE NOT EXISTS (SELECT FROM present WHERE blocked_until > :now)
        ORDER BY key
        ON CONFLICT (key) DO UPDATE SET
            count = CASE WHEN known.last_at < :forgotten THEN 1 ELSE known.count + 1 END,
            last_at = :now,
            blocked_until = (
                SELECT CASE
                    WHEN known.last_at < :forgotten OR known.count + 1 < free THEN :now
                    ELSE :now + make_interval(
                        secs => least(longest, power(2, least(known.count + 1 - free, 30)))
                    )
                END
                FROM wanted WHERE wanted.key = known.key
            )
            WHERE known.blocked_until <= :now
        RETURNING key
    )
    SELECT
        (SELECT count(*) FROM counted) AS counted,
        (SELECT max(blocked_until) FROM present) AS blocked_until
    """
).bindparams(
    bindparam("keys", type_=ARRAY(LargeBinary)),
    bindparam("free", type_=ARRAY(Integer)),
    bindparam("longest", type_=ARRAY(Float)),
    bindparam("now", type_=failures.c.last_at.type),
    bindparam("forgotten", type_=failures.c.last_at.type),
)
# The row is locked before it is changed, in the order of the keys, as above.
_TAKE_BACK = text(
    """
    WITH present AS (
        SELECT key FROM failures WHERE key = ANY (:forgotten) OR key = ANY (:taken_back)
        ORDER BY key FOR UPDATE
    ), deleted AS (
        DELETE FROM failures USING present
        WHERE failures.key = present.key AND failures.key = ANY (:forgotten)
    )
    UPDATE failures SET
        count = greatest(count - 1, 0),
        blocked_until = least(blocked_until, :now)
    FROM present
    WHERE failures.key = present.key AND failures.key = ANY (:taken_back)
    """
).bindparams(
    bindparam("forgotten", type_=ARRAY(LargeBinary)),
    bindparam("taken_back", type_=ARRAY(LargeBinary)),
    bindparam("now", type_=failures.c.last_at.type),
)
_ADDRESSES = (
    select(sessions.c.address)
    .where(sessions.c.user_id == bindparam("user"), sessions.c.created_at > bindparam("since"))
    .distinct()
)
_DELETE_FORGOTTEN = delete(failures).where(
    failures.c.key.in_(
        select(failures.c.key)
        .where(failures.c.last_at < bindparam("before"))
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
)


class Failures:
    """What has failed in the last day."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def count(self, keys: Sequence[Key], now: datetime) -> datetime | None:
        """Count a try under all `keys` as if it had failed; or, counting nothing, until when it
        has to wait."""
        row = await self._executor.one(
            _COUNT,
            {
                "keys": [key.hash for key in keys],
                "free": [key.rule.free for key in keys],
                "longest": [key.rule.longest.total_seconds() for key in keys],
                "now": now,
                "forgotten": now - FORGOTTEN_AFTER,
            },
        )
        if row is None or row.counted == len(keys):
            return None
        return max(row.blocked_until or now, now)

    async def take_back(
        self, forgotten: Sequence[bytes], taken_back: Sequence[bytes], now: datetime
    ) -> None:
        """Forget all failures of some keys, and one try of others."""
        params = {"forgotten": list(forgotten), "taken_back": list(taken_back), "now": now}
        await self._executor.run(_TAKE_BACK, params)

    async def delete_forgotten(self, now: datetime) -> int:
        """Delete some that count no more; how many."""
        return await self._executor.run(_DELETE_FORGOTTEN, {"before": now - FORGOTTEN_AFTER})


async def networks_of(executor: Executor, user: UserId, since: datetime) -> set[str]:
    """Where sessions of `user` have begun since then."""
    rows = await executor.all(_ADDRESSES, {"user": user, "since": since})
    return {network_of(row.address) for row in rows}
