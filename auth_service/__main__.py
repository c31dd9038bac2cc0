"""`python -m auth_service` serves; `python -m auth_service migrate` migrates its schema."""

import sys

from auth_service.service import SCHEMA, build
from auth_service.settings import AuthSettings
from shared.runtime.entry_point import main

if __name__ == "__main__":
    sys.exit(main("auth_service", AuthSettings, build, schema=SCHEMA))
