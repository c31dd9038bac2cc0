"""Containers for what tests need and the machine lacks."""

import shutil
import subprocess


def docker(*arguments: str) -> None:
    """Run docker; raises CalledProcessError."""
    subprocess.run(["docker", *arguments], check=True, stdout=subprocess.DEVNULL)


def docker_answers() -> bool:
    """Whether there is a Docker that can be used."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
