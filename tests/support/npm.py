"""npm packages that tests and benchmarks run: pinned by a lock file, kept in a cache."""

import hashlib
import shutil
import subprocess
from pathlib import Path


class CannotHave(Exception):  # noqa: N818 - reads as what it is
    """Something cannot be had on this machine; the message is a sentence that says why."""


def npm_project(project: Path, cache: Path) -> Path:
    """Where `project` has been installed as its lock file says; raises `CannotHave`."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise CannotHave(f"{program} is not installed.")
    lock = (project / "package-lock.json").read_bytes()
    installed = cache / f"{project.name}-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (installed / "node_modules" / ".package-lock.json").is_file():
        shutil.copytree(project, installed, dirs_exist_ok=True)
        _install(installed)
    for script in project.glob("*.js"):
        shutil.copy(script, installed)
    return installed


def _install(folder: Path) -> None:
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(done.stderr.split())[-200:]
        raise CannotHave(f"{' '.join(command)} failed: {words}")
