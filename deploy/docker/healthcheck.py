"""Exits with 0 when the URL that it is given answers 200: the image has no curl."""

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_SECONDS = 4


def main() -> int:
    """The command; its exit code."""
    url = urlsplit(sys.argv[1])
    connection = HTTPConnection(url.hostname or "", url.port, timeout=_SECONDS)
    try:
        connection.request("GET", url.path, headers={"connection": "close"})
        answer = connection.getresponse()
        body = answer.read(1000).decode(errors="replace")
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"{sys.argv[1]}: {error!r}\n")
        return 1
    finally:
        connection.close()
    if answer.status != 200:
        sys.stdout.write(f"{sys.argv[1]}: {answer.status} {body}\n")  # docker inspect shows it
    return int(answer.status != 200)


if __name__ == "__main__":
    sys.exit(main())
