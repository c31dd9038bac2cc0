"""Addresses in an S3 store: signed as AWS does, and refused where no signature is to be had."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from shared.storage.presigning import CannotPresign, Presigner
from shared.storage.storage import S3Access

NOW = datetime(2013, 5, 24, tzinfo=UTC)
DAY = timedelta(days=1)
ACCESS = S3Access(
    "https://s3.amazonaws.com", "us-east-1", "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)  # fmt: skip


def test_an_address_is_signed_as_amazon_signs_it() -> None:
    """Against botocore, which is Amazon's own, for a name that needs every kind of escaping."""
    headers = {
        "content-type": "video/mp4",
        "content-disposition": 'inline; filename="a 마/~\'.mp4"',
    }
    made = Presigner.of("s3://files/a%20prefix", ACCESS).url(
        "videos/마당 +~1%", NOW, NOW + DAY, headers
    )
    query = {f"response-{name}": value for name, value in headers.items()}
    theirs = AWSRequest(
        "GET",
        "https://s3.amazonaws.com/files/a%20prefix/videos/%EB%A7%88%EB%8B%B9%20%2B~1%25",
        params=query,
    )
    with patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        credentials = Credentials(ACCESS.access_key_id, ACCESS.secret_access_key)
        S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=86400).add_auth(theirs)
    assert urlsplit(made).path == urlsplit(theirs.url).path
    assert parse_qs(urlsplit(made).query) == parse_qs(urlsplit(theirs.url).query)


@pytest.mark.parametrize(("seconds", "told"), [(0, "1"), (59.9, "59"), (30 * 86400, "604800")])
def test_an_address_is_good_for_as_long_as_amazon_lets_it_be(seconds: float, told: str) -> None:
    until = NOW + timedelta(seconds=seconds)
    made = Presigner.of("s3://files", ACCESS).url("k", NOW, until, {})
    assert parse_qs(urlsplit(made).query)["X-Amz-Expires"] == [told]


def test_without_an_endpoint_it_is_amazons_own() -> None:
    access = S3Access(None, "eu-west-1", "id", "secret")
    made = Presigner.of("s3://files/", access).url("k", NOW, NOW + DAY, {})
    assert made.startswith("https://s3.eu-west-1.amazonaws.com/files/k?")


@pytest.mark.parametrize(
    ("url", "access", "why"),
    [
        ("file:///files", ACCESS, "only an S3 store"),
        ("s3://files", S3Access(region="us-east-1"), "AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_store_that_cannot_be_asked_is_refused(url: str, access: S3Access, why: str) -> None:
    with pytest.raises(CannotPresign, match=why):
        Presigner.of(url, access)
