"""What is asked of recognition and cannot be done, over both topologies."""

from pathlib import Path

import pytest

from tests.support.front_end import FrontEnd
from tests.support.sound import silence


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"language": "ko"}, "language_not_supported"),
        ({"language": "auto"}, "language_not_supported"),
        ({"language": "en", "provider": "whisper"}, "provider_not_offered"),
    ],
)
async def test_what_no_provider_can_do_is_refused_before_it_costs(
    user: FrontEnd, tmp_path: Path, asked: dict[str, str], code: str
) -> None:
    video = await user.upload(silence(tmp_path / "short.wav", 1))
    job = {"type": "captions", "video_id": video["id"], **asked}
    for path in ("/api/credits/estimate", "/api/jobs"):
        refused = await user.call("POST", path, 422, json=job)
        assert refused["code"] == code
        assert refused["errors"][0]["field"] in asked
        assert "sphinx" in str(refused) or "en, and not in" in refused["detail"]
    history = await user.call("GET", "/api/credits/transactions")
    assert [one["kind"] for one in history["items"]] == ["grant"]
