"""`python -m deploy.reference` writes the generated files; with `--check` it only compares.

They are written into a checkout of the source, whose tests and pages are no part of the package.
"""

import asyncio
import sys
from pathlib import Path

from deploy.reference.files import generated

ROOT = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    """The command; its exit code is 1 when `--check` finds a file that is out of date."""
    stale = [
        (ROOT / path, text)
        for path, text in asyncio.run(generated()).items()
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
