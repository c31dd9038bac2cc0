"""The same business transaction written the usual way: ORM sessions, and Celery once committed.

DATABASE_URL, AMQP_URL, SECRET and PORT come from the environment:

    python usual.py serve       make the tables, then serve POST /api/jobs
    celery -A usual:celery worker      do the jobs
"""

import asyncio
import os
import sys
import uuid
from datetime import UTC, datetime

import jwt
from celery import Celery
from sqlalchemy import ForeignKey, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

URL = os.environ["DATABASE_URL"]
SECRET = os.environ["SECRET"]
PRICE = 1

celery = Celery("usual", broker=os.environ["AMQP_URL"])
celery.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=4)


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables."""


class Account(Base):
    """Credits of a user."""

    __tablename__ = "usual_accounts"
    owner_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    balance: Mapped[int]
    held: Mapped[int]


class Job(Base):
    """A job as its row stands."""

    __tablename__ = "usual_jobs"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(index=True)
    type: Mapped[str]
    video_id: Mapped[uuid.UUID]
    status: Mapped[str] = mapped_column(index=True)
    price: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Hold(Base):
    """Credits held for a job."""

    __tablename__ = "usual_holds"
    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("usual_jobs.id"), primary_key=True)
    amount: Mapped[int]
    state: Mapped[str]


class Entry(Base):
    """A movement of credits."""

    __tablename__ = "usual_entries"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("usual_accounts.owner_id"), index=True)
    job_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    amount: Mapped[int]
    balance_after: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=_now)


def _entry(account: Account, job: Job, kind: str, amount: int) -> Entry:
    return Entry(
        id=uuid.uuid4(),
        owner_id=account.owner_id,
        job_id=job.id,
        kind=kind,
        amount=amount,
        balance_after=account.balance,
    )


sessions = async_sessionmaker(create_async_engine(URL, pool_size=16), expire_on_commit=False)


async def submit(request: Request) -> JSONResponse:
    """Queue a job and hold its price."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    owner = uuid.UUID(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    body = await request.json()
    async with sessions() as session, session.begin():
        job = await _queued(session, owner, body)
    do.delay(str(job.id))
    return JSONResponse({"id": str(job.id), "status": job.status}, status_code=202)


async def _queued(session: AsyncSession, owner: uuid.UUID, body: dict[str, str]) -> Job:
    account = await session.get_one(Account, owner, with_for_update=True)
    if account.balance < PRICE:
        raise ValueError("not enough credits")
    account.balance -= PRICE
    account.held += PRICE
    job = Job(
        id=uuid.uuid4(),
        owner_id=owner,
        type=body["type"],
        video_id=uuid.UUID(body["video_id"]),
        status="queued",
        price=PRICE,
    )
    session.add(job)
    await session.flush()
    session.add(Hold(job_id=job.id, amount=PRICE, state="open"))
    session.add(_entry(account, job, "hold", -PRICE))
    return job


work_sessions = sessionmaker(create_engine(URL, pool_size=2))


@celery.task
def do(job_id: str) -> None:
    """Do a job, which is no work, and capture its price."""
    with work_sessions.begin() as session:
        job = session.get_one(Job, uuid.UUID(job_id), with_for_update=True)
        if job.status != "queued":
            return
        job.status, job.started_at = "running", _now()
    with work_sessions.begin() as session:
        _finish(session, uuid.UUID(job_id))


def _finish(session: Session, job_id: uuid.UUID) -> None:
    job = session.get_one(Job, job_id, with_for_update=True)
    job.status, job.finished_at = "succeeded", _now()
    hold = session.get_one(Hold, job.id)
    hold.state = "captured"
    account = session.get_one(Account, job.owner_id, with_for_update=True)
    account.held -= hold.amount
    session.add(_entry(account, job, "capture", 0))


app = Starlette(routes=[Route("/api/jobs", submit, methods=["POST"])])


async def _make_tables() -> None:
    engine = create_async_engine(URL)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        users = {"users": os.environ["USERS"].split(",")}
        add = "INSERT INTO usual_accounts SELECT unnest(cast(:users as uuid[])), 1000000, 0"
        await connection.execute(text(add), users)
    await engine.dispose()


if __name__ == "__main__" and sys.argv[1:] == ["serve"]:
    import uvicorn

    asyncio.run(_make_tables())
    port = int(os.environ["PORT"])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
