"""What a client says in the headers of tus."""

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_service.uploads.checksum import Checksum
from content_service.uploads.domain import ChecksumMismatch, ChecksumUnsupported
from content_service.uploads.metadata import Description, parse
from shared.errors import Invalid

keys = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1
)


@given(st.dictionaries(keys, st.binary(max_size=50), max_size=5))
def test_metadata_is_read_as_it_was_written(values: dict[str, bytes]) -> None:
    header = ",".join(f"{key} {b64encode(value).decode()}" for key, value in values.items())
    assert parse(header) == values


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", {}),
        ("is_private", {"is_private": b""}),
        ("a YQ== , b Yg==", {"a": b"a", "b": b"b"}),
    ],
)
def test_values_may_be_missing_and_spaces_stand_anywhere(
    header: str, found: dict[str, bytes]
) -> None:
    assert parse(header) == found


@pytest.mark.parametrize(
    ("header", "message"),
    [("a b c", "Base64"), ("a Y", "Base64"), ("마당 YQ==", "ASCII"), ("a YQ==,a", "twice"),
     ("a " + "A" * 4100, "4096 bytes")],
)  # fmt: skip
def test_metadata_that_cannot_be_read_says_why(header: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(header)
    (error,) = caught.value.errors
    assert error.field == "Upload-Metadata"
    assert message in error.message


@pytest.mark.parametrize(
    ("values", "filename", "title"),
    [
        ({}, "video", "video"),
        ({"filename": "../talk.mp4"}, "talk.mp4", "talk"),
        ({"name": "talk.mp4", "title": "  A \n talk "}, "talk.mp4", "A talk"),
        ({"filename": "a.mp4", "name": "b.mp4"}, "a.mp4", "a"),
    ],
)
def test_a_file_always_has_a_name_and_a_title(
    values: dict[str, str], filename: str, title: str
) -> None:
    header = ",".join(f"{key} {b64encode(text.encode()).decode()}" for key, text in values.items())
    assert Description.of(header) == Description(filename, title)


def test_a_checksum_fits_what_it_was_made_of_and_nothing_else() -> None:
    header = f"sha256 {b64encode(hashlib.sha256(b'courtyard').digest()).decode()}"
    right, wrong = Checksum.of(header), Checksum.of(header)
    right.update(b"court")
    right.update(b"yard")
    right.verify()
    wrong.update(b"court")
    with pytest.raises(ChecksumMismatch):
        wrong.verify()


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("sha3 YQ==", ChecksumUnsupported),
        ("", ChecksumUnsupported),
        ("sha1 YQ==", Invalid),
        ("sha1 *", Invalid),
        ("crc32", Invalid),
    ],
)
def test_a_checksum_that_cannot_be_is_refused(header: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Checksum.of(header)
