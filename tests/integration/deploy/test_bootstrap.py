"""`deploy/bootstrap.sh` makes .venv once, heals it, and says what is missing.

A stand-in for uv writes down how it was called; a real one would need a network.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = """#!/bin/sh
echo "$*" >>"$CALLS"
case $1 in
    venv) mkdir -p .venv/bin && ln -s "$REAL_PYTHON" .venv/bin/python ;;
    pip) [ ! -e "$FAIL" ] || { echo "no such package" >&2; exit 7; } ;;
esac
"""


class Checkout:
    """A folder with the script, the lock files and the programs that it may find."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.programs = folder / "bin"
        self.calls = folder / "calls"
        self.fail = folder / "fail"
        (self.root / "deploy").mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy(ROOT / "deploy" / "bootstrap.sh", self.root / "deploy")
        for name in ("requirements.lock", "requirements-dev.lock", "requirements-build.lock"):
            (self.root / name).write_text("starlette==1\n")
        for program in ("sh", "cat", "cksum", "dirname", "ln", "mkdir", "rm"):
            (self.programs / program).symlink_to(shutil.which(program) or program)

    def with_uv(self) -> "Checkout":
        (self.programs / "uv").write_text(UV)
        (self.programs / "uv").chmod(0o755)
        return self

    def bootstrap(self, packages: str = "runtime") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.root / "deploy" / "bootstrap.sh"), packages],
            env={
                "PATH": str(self.programs),
                "CALLS": str(self.calls),
                "FAIL": str(self.fail),
                "REAL_PYTHON": str(Path(sys.executable).resolve()),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def called(self) -> list[str]:
        """What uv was asked for since the last time."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_locks_are_installed_with_their_hashes_and_then_the_project(checkout: Checkout) -> None:
    done = checkout.with_uv().bootstrap()
    assert done.returncode == 0, done.stderr
    venv, locks, project = checkout.called()
    assert venv.startswith("venv")
    assert "--require-hashes --requirement requirements.lock" in locks
    assert project.endswith("--no-deps --no-build-isolation --editable .")


def test_a_second_run_does_nothing_and_says_nothing(checkout: Checkout) -> None:
    checkout.with_uv().bootstrap()
    checkout.called()
    again = checkout.bootstrap()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert checkout.called() == []


def test_a_changed_lock_is_installed_into_the_same_environment(checkout: Checkout) -> None:
    checkout.with_uv().bootstrap()
    checkout.called()
    (checkout.root / "requirements.lock").write_text("starlette==2\n")
    checkout.bootstrap()
    assert [call.split()[0] for call in checkout.called()] == ["pip", "pip"]


def test_what_the_tests_need_is_added_when_they_are_run_and_then_serves_both(
    checkout: Checkout,
) -> None:
    checkout.with_uv().bootstrap("runtime")
    checkout.called()
    checkout.bootstrap("dev")
    assert "--requirement requirements-dev.lock" in checkout.called()[0]
    checkout.bootstrap("runtime")
    assert checkout.called() == []


def test_an_interrupted_environment_is_made_anew(checkout: Checkout) -> None:
    checkout.fail.touch()
    failed = checkout.with_uv().bootstrap()
    assert failed.returncode == 7
    assert "no such package" in failed.stderr
    (checkout.root / ".venv" / "half-written").touch()
    checkout.called()

    checkout.fail.unlink()
    healed = checkout.bootstrap()
    assert healed.returncode == 0
    assert checkout.called()[0].startswith("venv")
    assert not (checkout.root / ".venv" / "half-written").exists()


def test_an_environment_that_was_moved_is_made_anew(checkout: Checkout) -> None:
    checkout.with_uv().bootstrap()
    checkout.called()
    checkout.root = checkout.root.rename(checkout.root.with_name("elsewhere"))
    assert checkout.bootstrap().returncode == 0
    assert checkout.called()[0].startswith("venv")


def test_without_uv_and_without_python_it_says_what_is_needed(checkout: Checkout) -> None:
    done = checkout.bootstrap()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt install python3" in done.stderr


def test_a_python_without_the_venv_module_names_the_missing_package(checkout: Checkout) -> None:
    python = checkout.programs / "python3"
    python.write_text("#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; *print*) echo 3.12 ;; esac\n")
    python.chmod(0o755)
    done = checkout.bootstrap()
    assert done.returncode == 1
    assert "apt install python3.12-venv" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_a_python_that_is_too_old_is_passed_over(checkout: Checkout) -> None:
    old = checkout.programs / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "needs Python 3.11 or newer" in checkout.bootstrap().stderr
