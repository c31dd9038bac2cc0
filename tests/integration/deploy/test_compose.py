"""docker-compose.yml and the settings that it is written for agree."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from auth_service.settings import AuthSettings
from content_service.settings import ContentSettings
from deploy.postgres.provision import ProvisionSettings
from gateway.settings import OwnProcessSettings
from jobs_service.settings import JobsSettings
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS: dict[str, type[Settings]] = {
    "gateway": OwnProcessSettings,
    "auth": AuthSettings,
    "content": ContentSettings,
    "jobs": JobsSettings,
    "worker": JobsSettings,
    "setup": ProvisionSettings,
}
FOR_ALL = {"auth_url", "content_url", "jobs_url"}  # not every process reads each
OF_THE_STACK = re.compile(
    "host|port|debug|use_mock_api|offline_mode|work_dir|database_pool_size|aws_.*"
    "|presigned_downloads|upstream_.*"
)
"""What compose itself decides, or what makes no sense with it."""


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services: dict[str, dict[str, Any]] = compose["services"]
    return services


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_process_reads(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    given = {variable.lower() for variable in services[name]["environment"]}
    assert given - FOR_ALL <= set(OURS[name].model_fields)


@pytest.mark.parametrize("name", OURS)
def test_every_setting_without_a_default_is_given(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    needed = {field for field, info in OURS[name].model_fields.items() if info.is_required()}
    assert needed <= {variable.lower() for variable in services[name]["environment"]}


@pytest.mark.parametrize("name", OURS)
def test_every_other_setting_can_stand_in_env_and_has_its_default_from_the_process(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    given = {key.lower(): value for key, value in services[name]["environment"].items()}
    assert [one for one in OURS[name].model_fields if one not in given] == [
        one for one in OURS[name].model_fields if OF_THE_STACK.fullmatch(one) and one not in given
    ]
    assert ":-" not in "".join(str(value) for value in given.values())


@pytest.mark.parametrize("name", ["auth", "content"])
def test_a_volume_belongs_to_the_user_of_the_processes(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    made = re.search(r"install --directory --owner madang .*--mode 700 (.+)", DOCKERFILE)
    assert made is not None
    mounted = {volume.partition(":")[2] for volume in services[name]["volumes"]}
    assert mounted <= set(made[1].split())


def test_mails_without_a_server_outlive_the_container(
    services: dict[str, dict[str, Any]],
) -> None:
    outbox = services["auth"]["environment"]["MAIL_OUTBOX"]
    assert f"mails:{outbox}" in services["auth"]["volumes"]


@pytest.mark.parametrize("name", [one for one in OURS if one != "setup"])
def test_a_process_is_killed_only_after_it_had_its_time_to_drain(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    grace = float(services[name]["stop_grace_period"].removesuffix("s"))
    spare = 5  # components, and then each close, may take 2 s more
    assert grace > float(services[name]["environment"]["DRAIN_SECONDS"]) + spare


@pytest.mark.parametrize("name", OURS)
def test_a_process_has_no_privileges(services: dict[str, dict[str, Any]], name: str) -> None:
    assert services[name]["cap_drop"] == ["ALL"]
    assert services[name]["security_opt"] == ["no-new-privileges:true"]


def test_only_the_gateway_is_published_and_only_on_this_machine(
    services: dict[str, dict[str, Any]],
) -> None:
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert published == {"gateway": ["${PUBLISH:-127.0.0.1:8000}:8000"]}


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = set(re.findall(r"\$\{(\w*(?:SECRET|PASSWORD)\w*)", text))
    assert secrets >= {"SECRET_KEY", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"}
    for secret in secrets:
        assert f"${{{secret}:?run deploy/docker/make-env first}}" in text
        assert f"${{{secret}:-" not in text


def make_env(folder: Path) -> dict[str, str]:
    """What the script leaves in `.env` of a copy of the project in `folder`."""
    script = folder / "deploy" / "docker" / "make-env"
    if not script.exists():
        script.parent.mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "docker" / "make-env", script)
    subprocess.run([str(script)], check=True, capture_output=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_the_secrets_are_random_complete_and_for_their_owner_alone(tmp_path: Path) -> None:
    secrets = make_env(tmp_path)
    needed = re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text())
    assert set(secrets) == set(needed)
    assert len(set(secrets.values())) == len(secrets)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in secrets.values())
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_making_the_secrets_again_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ALLOWED_ORIGINS=https://app.example\nSECRET_KEY=mine")
    secrets = make_env(tmp_path)
    assert secrets["SECRET_KEY"] == "mine"
    assert secrets["ALLOWED_ORIGINS"] == "https://app.example"
    assert make_env(tmp_path) == secrets
