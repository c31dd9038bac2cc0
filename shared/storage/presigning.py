"""Addresses of objects in an S3 store that need no key (AWS Signature Version 4 in a query).

obstore signs addresses, too, but none that say under which type and name a browser gets the object.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from shared.storage.storage import S3Access

LONGEST_SECONDS = 7 * 24 * 3600
"""What S3 accepts."""
_ALGORITHM = "AWS4-HMAC-SHA256"


class CannotPresign(ValueError):  # noqa: N818 - reads as what it is
    """This store does not send files by itself; the message says why."""


@dataclass(frozen=True, slots=True)
class Presigner:
    """Signs addresses of one store, with one access key; `root` is the bucket, and what all keys
    begin with."""

    endpoint: str
    root: str
    region: str
    access_key_id: str
    secret_access_key: str

    @classmethod
    def of(cls, url: str, access: S3Access) -> Self:
        """Signs addresses of the store that `url` names; raises `CannotPresign`."""
        parts = urlsplit(url)
        if parts.scheme != "s3":
            raise CannotPresign("only an S3 store sends files by itself")
        if not (access.access_key_id and access.secret_access_key):
            raise CannotPresign("it needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        region = access.region or "us-east-1"
        endpoint = access.endpoint or f"https://s3.{region}.amazonaws.com"
        root = f"{parts.netloc}{unquote(parts.path)}".rstrip("/")
        return cls(endpoint, root, region, access.access_key_id, access.secret_access_key)

    def url(self, key: str, now: datetime, until: datetime, headers: Mapping[str, str]) -> str:
        """Where the store itself answers GET until then, with these headers (of those for which S3
        has a `response-…` parameter)."""
        seconds = min(max(1, int((until - now).total_seconds())), LONGEST_SECONDS)
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.access_key_id}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
            **{f"response-{name}": value for name, value in headers.items()},
        }
        parts = urlsplit(self.endpoint)
        path = _escaped(f"{parts.path.rstrip('/')}/{self.root}/{key}", safe="/")
        canonical = "&".join(f"{_escaped(k)}={_escaped(v)}" for k, v in sorted(query.items()))
        request = "\n".join(
            ("GET", path, canonical, f"host:{parts.netloc}\n", "host", "UNSIGNED-PAYLOAD")
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join((_ALGORITHM, stamp, scope, digest))
        signature = hmac.new(self._key(scope), text.encode(), hashlib.sha256).hexdigest()
        return f"{parts.scheme}://{parts.netloc}{path}?{canonical}&X-Amz-Signature={signature}"

    def _key(self, scope: str) -> bytes:
        """The signing key: each part of the scope hashed with the key of the one before."""
        key = f"AWS4{self.secret_access_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        return key


def _escaped(text: str, safe: str = "") -> str:
    return quote(text, safe=f"{safe}-_.~")
