"""Running suites for the system tests: the same tests over both topologies.

Each suite is started once and shared by the tests that do not harm it.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.postgres.embedded import EmbeddedPostgres
from deploy.service_database import SERVICES
from tests.support.chat_server import ChatServer, chat_server
from tests.support.front_end import FrontEnd, new_user
from tests.support.postgres import FAST
from tests.support.rabbitmq import RabbitMQ, a_broker
from tests.support.smtp import mail_server_of_its_own
from tests.support.stripe_server import StripeServer, stripe_server
from tests.support.suite import (
    CHAT_PORT,
    SETTINGS,
    STRIPE_PORT,
    Suite,
    start_embedded,
    start_split,
)


@pytest.fixture(scope="session")
async def embedded_suite() -> AsyncIterator[Suite]:
    """`madang run`, as one process."""
    suite = await start_embedded()
    try:
        yield suite
    finally:
        exit_codes = suite.stop()
        shutil.rmtree(suite.home)
    assert set(exit_codes.values()) == {0}


@pytest.fixture(scope="session")
async def suite_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """The server of the split suite; that of the other tests is emptied under its users."""
    with tempfile.TemporaryDirectory(prefix="madang-split-postgres-") as folder:
        server = await EmbeddedPostgres.start(Path(folder), roles=SERVICES, settings=FAST)
        try:
            yield server
        finally:
            await server.stop()


@pytest.fixture(scope="session")
def suite_rabbitmq() -> Iterator[RabbitMQ]:
    """The broker of the split suite; a test may stop it, and leaves it running."""
    broker = a_broker()
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="session")
async def _suite_chat() -> AsyncIterator[ChatServer]:
    async with chat_server(CHAT_PORT) as server:
        yield server


@pytest.fixture
def suite_chat(_suite_chat: ChatServer) -> ChatServer:
    """The model server that every suite knows as `openai`."""
    _suite_chat.reset()
    return _suite_chat


@pytest.fixture(scope="session")
async def suite_stripe() -> AsyncIterator[StripeServer]:
    """The Stripe that every suite sells by."""
    async with stripe_server(STRIPE_PORT) as server:
        yield server


@pytest.fixture(scope="session")
async def split_suite(
    suite_postgres: EmbeddedPostgres, suite_rabbitmq: RabbitMQ
) -> AsyncIterator[Suite]:
    """Five processes, PostgreSQL, RabbitMQ and a mail server."""
    with mail_server_of_its_own() as mailbox:
        mail = {
            "SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
            "MAIL_FROM": "Madang <no-reply@example.com>",
        }
        suite = await start_split(suite_postgres, suite_rabbitmq.url, SETTINGS | mail)
        suite.mailbox = mailbox
        try:
            yield suite
        finally:
            exit_codes = suite.stop()
            shutil.rmtree(suite.home)
    assert set(exit_codes.values()) == {0}


@pytest.fixture(scope="session", params=["embedded", "split"])
def suite(request: pytest.FixtureRequest) -> Suite:
    """Either topology: a test that takes this runs over both."""
    found: Suite = request.getfixturevalue(f"{request.param}_suite")
    return found


@pytest.fixture
async def user(suite: Suite) -> AsyncIterator[FrontEnd]:
    """A new user with welcome credits."""
    found = await new_user(suite)
    yield found
    await found.http.aclose()


@pytest.fixture
async def other(suite: Suite) -> AsyncIterator[FrontEnd]:
    """Another new user."""
    found = await new_user(suite)
    yield found
    await found.http.aclose()
