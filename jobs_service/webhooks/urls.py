"""Which URLs webhooks may be sent to, as far as their text tells.

What their hosts resolve to is looked at again before each connection (`sender.py`).
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult

from jobs_service.webhooks.addresses import is_public
from shared.http.origins import DEFAULT_PORTS, split_url

LONGEST = 2048
_PORTS = (80, 443, 8080, 8443)
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_LOCAL_ENDS = ("localhost", "local", "internal", "lan", "home.arpa")


@dataclass(frozen=True, slots=True)
class UrlRules:
    """`secure` asks for https; `private` allows hosts and ports of one's own network."""

    secure: bool
    private: bool

    def fault_of(self, url: str) -> str | None:
        """What is wrong with `url`, as the end of a sentence about it; None when nothing is."""
        if len(url) > LONGEST:
            return f"must have {LONGEST} characters at most"
        if not url.isascii() or not url.isprintable() or " " in url:
            return "must be in ASCII without spaces; write other letters of a host as punycode"
        parts = split_url(url)
        if parts is None or not _is_host(parts.hostname or ""):
            return "must be a whole URL, such as https://app.example/hooks"
        return self._fault_of_parts(parts)

    def _fault_of_parts(self, parts: SplitResult) -> str | None:
        if parts.scheme not in self._schemes:
            return f"must begin with {' or '.join(f'{one}://' for one in self._schemes)}"
        if parts.username is not None or parts.password is not None:
            return "cannot hold a user or a password; verify the signature instead"
        if "#" in parts.geturl():
            return "cannot have a fragment, which is never sent"
        return None if self.private else _fault_of_place(parts)

    @property
    def _schemes(self) -> tuple[str, ...]:
        return ("https",) if self.secure else ("https", "http")


def _fault_of_place(parts: SplitResult) -> str | None:
    port = parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
    if port not in _PORTS:
        return f"must have one of the ports {', '.join(map(str, _PORTS))}; this is {port}"
    host = (parts.hostname or "").rstrip(".")
    if not _is_public_host(host):
        return f"must name a host of the public internet; {host} is none"
    return None


def _is_host(host: str) -> bool:
    return len(host) <= 253 and (":" in host or _NAME.fullmatch(host) is not None)


def _is_public_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        is_local = any(host == end or host.endswith(f".{end}") for end in _LOCAL_ENDS)
        # a last label of digits is an address in another notation, as 127.1 or 0x7f.1
        return "." in host and not is_local and not host.rpartition(".")[2][:1].isdigit()
    return is_public(host)
