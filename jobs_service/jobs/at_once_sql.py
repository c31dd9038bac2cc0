"""The statements of `at_once.py`, each for the rows of a JSON array, `asked`.

Locks are taken in the order of all transactions here, lest two wait for each other: jobs, of which
those that somebody else is writing are left out, then accounts, then lanes, by their owners, which
`asked` is ordered by. Who waits for one of them holds up all the others, so that it may not last.
"""

from sqlalchemy import text

from jobs_service.idempotency.repository import KEY_IS_FREE
from shared.db.aliases import IS_FREE
from shared.messaging.outbox import ADD_EACH

_PATIENCE = "(SELECT set_config('lock_timeout', '200ms', true)) AS patience"

# The lock of the owner is that of `Aliases.owner`, if nobody else has it: who makes a guest a user
# empties the guest's account, so that an account that can pay is its owner's own. One that cannot
# pay any more leaves its entry without a balance, and PostgreSQL refuses the whole.
SUBMIT = text(
    """
    WITH asked AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:asked AS json)) AS asked (
            lock text, job uuid, owner uuid, type text, video uuid, language text, request text,
            price bigint, same_as text, priority int, start timestamptz, due boolean,
            retry_of uuid, now timestamptz, expires timestamptz, kept json, entry uuid, kind text,
            reason text, event uuid, envelope json
        ), {patience}
    ), free AS MATERIALIZED (
        SELECT * FROM asked WHERE {is_free} AND (
            kept ->> 'lock' IS NULL
            OR {key_is_free}
        )
    ), new AS MATERIALIZED (
        SELECT * FROM free
        WHERE (SELECT balance >= free.price AND expiring = 0 FROM accounts
               WHERE owner_id = free.owner)
    ), job AS (
        INSERT INTO jobs (id, owner_id, type, video_id, language, request, price, same_as,
                          priority, run_after, due, retry_of, status, created_at)
        SELECT job, owner, type, video, language, request, price, same_as,
               priority, start, due, retry_of, 'queued', now
        FROM new
        ON CONFLICT DO NOTHING
        RETURNING id
    ), payer AS MATERIALIZED (
        SELECT new.owner, new.price FROM job JOIN new ON new.job = job.id CROSS JOIN LATERAL (
            SELECT FROM accounts
            WHERE owner_id = new.owner AND balance >= new.price AND expiring = 0
            FOR NO KEY UPDATE
        ) account
    ), account AS (
        UPDATE accounts SET balance = balance - payer.price, held = held + payer.price
        FROM payer
        WHERE accounts.owner_id = payer.owner
        RETURNING accounts.owner_id, balance
    ), entry AS (
        INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason, job_id)
        SELECT new.entry, new.owner, new.kind, - new.price, new.price, account.balance, new.reason,
               job.id
        FROM job JOIN new ON new.job = job.id LEFT JOIN account ON account.owner_id = new.owner
    ), hold AS (
        INSERT INTO holds (job_id, owner_id, amount, expires_at)
        SELECT job.id, new.owner, new.price, new.expires FROM job JOIN new ON new.job = job.id
    ), key AS (
        INSERT INTO idempotency_keys (owner_id, key, request_hash, answer)
        SELECT new.owner, kept ->> 'key', decode(kept ->> 'request_hash', 'hex'),
               convert_to(CAST(kept -> 'answer' AS text), 'UTF8')
        FROM job JOIN new ON new.job = job.id
        WHERE kept ->> 'key' IS NOT NULL
    ), news AS ({news} FROM job JOIN new ON new.job = job.id)
    SELECT id FROM job
    """.format(  # noqa: S608 - of constants
        is_free=IS_FREE.format(lock="asked.lock"),
        key_is_free=KEY_IS_FREE.format(lock="kept ->> 'lock'"),
        news=ADD_EACH.format(of="new"),
        patience=_PATIENCE,
    )
)
# A hold that is not as it was leaves its entry without a balance, and PostgreSQL refuses the whole.
SUCCEED = text(
    """
    WITH asked AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:asked AS json)) AS asked (
            job uuid, owner uuid, fence bigint, revision int, price bigint, made text, spent bigint,
            back bigint, entry uuid, kind text, reason text, event uuid, envelope json
        ), {patience}
    ), running AS MATERIALIZED (
        SELECT asked.* FROM asked CROSS JOIN LATERAL (
            SELECT FROM jobs
            WHERE id = asked.job AND owner_id = asked.owner AND fence = asked.fence
                AND status = 'running' AND revision = asked.revision
            FOR NO KEY UPDATE SKIP LOCKED
        ) job
        WHERE (SELECT state = 'open' AND expiring = 0 AND amount = asked.price
               FROM holds WHERE job_id = asked.job)
    ), mine AS MATERIALIZED (
        SELECT running.* FROM running CROSS JOIN LATERAL (
            SELECT FROM accounts WHERE owner_id = running.owner FOR NO KEY UPDATE
        ) account
    ), lane AS MATERIALIZED (
        SELECT FROM mine CROSS JOIN LATERAL (
            SELECT FROM lanes WHERE owner_id = mine.owner FOR NO KEY UPDATE
        ) lane
    ), job AS (
        UPDATE jobs SET
            status = 'succeeded', progress = 1, result = mine.made, spent = mine.spent,
            finished_at = now(), error_code = NULL, error_detail = NULL, lease_until = NULL,
            worker = NULL, revision = jobs.revision + 1
        FROM mine
        WHERE jobs.id = mine.job
            AND (SELECT count(*) FROM lane) >= 0  -- so that they are locked first
        RETURNING jobs.id, finished_at AS at
    ), hold AS (
        UPDATE holds SET state = 'captured' FROM job
        WHERE job_id = job.id AND state = 'open' AND expiring = 0
        RETURNING job_id
    ), account AS (
        UPDATE accounts SET balance = balance + mine.back, held = held - mine.price
        FROM hold JOIN mine ON mine.job = hold.job_id
        WHERE accounts.owner_id = mine.owner
        RETURNING accounts.owner_id, balance
    ), entry AS (
        INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason, job_id)
        SELECT mine.entry, mine.owner, mine.kind, mine.back, - mine.price, account.balance,
               mine.reason, job.id
        FROM job JOIN mine ON mine.job = job.id LEFT JOIN account ON account.owner_id = mine.owner
    ), news AS ({news} FROM job JOIN mine ON mine.job = job.id)
    SELECT id, at FROM job
    """.format(news=ADD_EACH.format(of="mine"), patience=_PATIENCE)  # noqa: S608 - of constants
)
