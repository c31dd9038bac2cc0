"""`python -m auth_service.accounts.breached build LIST FILTER`: a filter for BREACHED_PASSWORDS."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from auth_service.accounts.breached.build import NotAList, build
from auth_service.accounts.breached.filter import Filter


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m auth_service.accounts.breached")
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("build", help="make a filter from a list of SHA-1 digests")
    make.add_argument("source", type=Path, metavar="LIST", help="lines of HASH:count")
    make.add_argument("target", type=Path, metavar="FILTER", help="the file to make")
    make.add_argument(
        "--bits", type=int, default=16, choices=range(8, 33), metavar="8-32",
        help="bits per password: 8 take one stranger in 40 for breached, 16 one in 1,700,"
        " 24 one in 24,000 (default: %(default)s)",
    )  # fmt: skip
    make.add_argument(
        "--at-least", type=int, default=1, metavar="N",
        help="leave out what was seen fewer than N times (default: %(default)s)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        entries = build(options.source, options.target, options.bits, options.at_least)
    except (NotAList, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    made = Filter(options.target)
    sys.stdout.write(
        f"{options.target}: {entries:,} passwords in {options.target.stat().st_size:,} bytes; "
        f"one stranger in {1 / made.false_positives:,.0f} is taken for one of them\n"
        if entries
        else f"{options.target}: no passwords\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
