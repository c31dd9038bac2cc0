"""An S3 server for the tests (moto's), on loopback, with one empty bucket."""

import logging
from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

from shared.storage.storage import S3Access

BUCKET = "madang-files"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of the server of this test run."""
    logging.getLogger("werkzeug").setLevel("ERROR")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str) -> S3Access:
    """Access to the server, which holds one bucket and nothing in it."""
    httpx.post(f"{s3_server}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3_server}/{BUCKET}").raise_for_status()
    return S3Access(s3_server, "us-east-1", "an-id", "a-secret")
