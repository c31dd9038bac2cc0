"""The merged OpenAPI document as it was when this version was made; `make reference` writes it.

For whatever has to know the API without asking the services: mock mode, and settings that name
paths.
"""

from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("openapi.json")
Document = dict[str, Any]


def documented() -> Document:
    """The document."""
    return msgspec.json.decode(FILE.read_bytes(), type=Document)
