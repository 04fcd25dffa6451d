#!/bin/sh
# Make .venv from the pinned requirements: with uv where it is installed, else with venv and pip.
#
#   scripts/setup.sh          the environment to run, check and test the service
#   scripts/setup.sh docs     adds a layer to it
#
# PYTHON chooses the interpreter. `.venv/ready` is written last, so an interrupted set-up starts anew.
set -eu
cd "$(dirname "$0")/.."
export UV_COMPILE_BYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

minimum=$(sed -n '/^[0-9]/{p;q;}' .python-version)

new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < ($(echo "$minimum" | tr . ,),))" 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" && echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    uv python find --no-python-downloads ">=$minimum" 2>/dev/null
}

install() {
    for layer; do
        shift
        set -- "$@" --requirement "requirements/$layer.txt"
    done
    if command -v uv >/dev/null; then
        uv pip install --quiet --python .venv/bin/python --require-hashes "$@"
    else
        .venv/bin/python -m pip install --quiet --no-input --require-hashes "$@"
    fi
}

if [ $# -gt 0 ]; then
    echo "Adding to .venv: $*"
    install base app dev "$@"
    exit
fi

if ! python=$(find_python); then
    echo "setup: no Python $minimum or newer${PYTHON:+ at $PYTHON}: install one, or name it with make PYTHON=/path/to/python3" >&2
    exit 1
fi

# What is set up already can prove new pins before they take its place.
if [ -e .venv/ready ] && .venv/bin/python -c 'import packaging' 2>/dev/null; then
    .venv/bin/python -m scripts.lock --check || {
        echo "setup: the pins are not whole, and .venv stays as it was" >&2
        exit 1
    }
fi

version=$("$python" -c 'import platform; print(platform.python_version())')
rm -rf .venv
if command -v uv >/dev/null; then
    echo "Setting up .venv with Python $version, by uv"
    uv venv --quiet --relocatable --python "$python" .venv
else
    echo "Setting up .venv with Python $version, by venv and pip (uv would be faster)"
    "$python" -m venv .venv || {
        echo "setup: $python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    }
fi
install base app dev
.venv/bin/python scripts/link.py
touch .venv/ready
