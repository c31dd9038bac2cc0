#!/bin/sh
# Makes the environment in .venv, or brings it up to date with the lock files; says nothing and
# costs a few milliseconds when there is nothing to do.
#
#   deploy/bootstrap.sh runtime    what `make run` and `make demo` need
#   deploy/bootstrap.sh dev        also what the tests and checks need
#
# A file in .venv says which locks, which set and which folder it was made for. Another file stands
# there while it is being made: an environment that was interrupted is made anew.
set -eu
cd "$(dirname "$0")/.."

set_of_packages=${1:?runtime or dev}
done_file=.venv/.made-for
unfinished_file=.venv/.unfinished
candidates="python3 python3.13 python3.12 python3.11 python3.14"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

main() {
    wanted="$set_of_packages $(cat requirements*.lock | cksum) $PWD"
    is_up_to_date && return
    if [ -e "$unfinished_file" ] || ! is_usable; then
        rm -rf .venv
    fi
    if command -v uv >/dev/null 2>&1; then
        with_uv
    else
        with_pip
    fi
    printf '%s\n' "$wanted" >"$done_file"
    rm "$unfinished_file"
    say "The environment in .venv is ready."
}

is_up_to_date() {
    [ -e "$done_file" ] && [ ! -e "$unfinished_file" ] && [ -x .venv/bin/python ] || return 1
    read -r made_for <"$done_file"
    [ "$made_for" = "$wanted" ] || [ "$made_for" = "dev ${wanted#* }" ]
}

# Scripts in .venv hold its absolute path: one that was moved with its folder does not work.
is_usable() {
    [ -x .venv/bin/python ] && is_between 11 99 .venv/bin/python || return 1
    [ ! -e "$done_file" ] && return
    read -r made_for <"$done_file"
    [ "${made_for#* * * }" = "$PWD" ]
}

with_uv() {
    say "Making the environment in .venv with uv ..."
    if [ ! -x .venv/bin/python ]; then
        begin uv venv --quiet --no-project --allow-existing --python '>=3.11,<3.14' .venv
    fi
    begin install uv pip install --quiet --python .venv/bin/python
}

with_pip() {
    say "Making the environment in .venv with pip: the first time takes a minute or two ..."
    if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
        python=$(find_python) || fail "Madang needs Python 3.11 or newer, and none of these is:" \
            "$candidates. Install one (Debian and Ubuntu: apt install python3 python3-venv;" \
            "macOS: brew install python@3.13), or install uv, which fetches it."
        "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module." \
            "Install the package that holds it (Debian and Ubuntu:" \
            "apt install python$("$python" -c "$print_version")-venv), or install uv."
        begin "$python" -m venv .venv
    fi
    begin install .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input
}

# Runs a command that changes .venv, which counts as unfinished from here to the end.
begin() {
    mkdir -p .venv
    : >"$unfinished_file"
    rm -f "$done_file"
    "$@" && return
    status=$?
    say "The environment could not be made; the reason is above. The packages are made for" \
        "Python 3.11, 3.12 and 3.13; others may need a C compiler."
    exit "$status"
}

install() {
    case $set_of_packages in
        dev) locks="--requirement requirements-dev.lock" ;;
        *) locks="--requirement requirements.lock" ;;
    esac
    # shellcheck disable=SC2086 # words, not one argument
    "$@" --require-hashes $locks --requirement requirements-build.lock &&
        "$@" --no-deps --no-build-isolation --editable .
}

# Prefers a version that every package has a wheel for.
find_python() {
    for newest in 13 99; do
        for candidate in $candidates; do
            if is_between 11 "$newest" "$candidate"; then
                command -v "$candidate"
                return
            fi
        done
    done
    return 1
}

is_between() {
    "$3" -c "import sys; sys.exit(not (3, $1) <= sys.version_info[:2] <= (3, $2))" 2>/dev/null
}

print_version='import sys; print("%d.%d" % sys.version_info[:2])'

main
