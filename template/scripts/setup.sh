#!/bin/sh
# Create .venv from the pinned requirements, with uv if it is installed, otherwise with venv and pip.
#
#   scripts/setup.sh          the environment to run, check and test the service
#   scripts/setup.sh docs     adds a layer to it
#
# PYTHON chooses the interpreter; if `.venv` has another one, it is rebuilt. Otherwise only changed
# packages are installed. `.venv/ready` is written last, so an interrupted set-up starts again.
set -eu
cd "$(dirname "$0")/.."
export UV_COMPILE_BYTECODE="${UV_COMPILE_BYTECODE:-1}" PIP_DISABLE_PIP_VERSION_CHECK=1
# uv trusts the certificates of the system, as pip does.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"

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

# The installation that an interpreter or an environment belongs to.
origin() {
    "$1" -c 'import os, sys; print(os.path.realpath(sys.base_prefix), sys.hexversion)' 2>/dev/null
}

# Let uv use the index and the certificates that pip is configured for.
follow_pip() {
    settings=$("$1" -m pip config list 2>/dev/null || python3 -m pip config list 2>/dev/null) || return 0
    of_pip() { echo "$settings" | sed -n "s/^[a-z:]*\\.$1='\\(.*\\)'\$/\\1/p" | tail -n 1; }
    index=$(of_pip index-url) authorities=$(of_pip cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "$authorities" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$authorities}"
}

# uv also removes what is no longer pinned; pip leaves it.
install() {
    for layer; do
        shift
        set -- "$@" "requirements/$layer.txt"
    done
    if command -v uv >/dev/null; then
        uv pip sync --quiet --python .venv/bin/python --require-hashes "$@"
    else
        for file; do
            shift
            set -- "$@" --requirement "$file"
        done
        .venv/bin/python -m pip install --quiet --no-input --require-hashes "$@"
    fi
}

# Make src/ importable, also after the checkout moved: the path is relative to site-packages.
link_source() {
    for packages in .venv/lib/python*/site-packages; do
        echo ../../../../src >"$packages/app.pth"
    done
}

if [ $# -gt 0 ]; then
    echo "Adding to .venv: $* (checks the hashes of every pin)"
    follow_pip .venv/bin/python
    install base app dev "$@"
    echo "Ready: .venv with $*"
    exit
fi

if [ -z "${PYTHON:-}" ] && [ -e .venv/ready ] && new_enough .venv/bin/python; then
    python=.venv/bin/python
elif ! python=$(find_python); then
    echo "setup: no Python $minimum or newer${PYTHON:+ at $PYTHON}: install one, or set make PYTHON=/path/to/python3" >&2
    exit 1
fi

# An existing environment verifies new pins before they are installed.
if [ -e .venv/ready ] && .venv/bin/python -c 'import packaging' 2>/dev/null; then
    .venv/bin/python -m scripts.lock --check || {
        echo "setup: the pins are incomplete, and .venv is unchanged" >&2
        exit 1
    }
fi

version=$("$python" -c 'import platform; print(platform.python_version())')
follow_pip "$python"
if [ -e .venv/ready ] && [ "$(origin .venv/bin/python)" = "$(origin "$python")" ] &&
    { command -v uv >/dev/null || .venv/bin/python -c 'import pip' 2>/dev/null; }; then
    echo "Updating .venv with Python $version to the pins"
    rm .venv/ready
    # shellcheck disable=SC2046 # zero words or one
    install base app dev $([ ! -e .venv/docs ] || echo docs)
    link_source
    touch .venv/ready
    echo "Ready: .venv"
    exit
fi
rm -rf .venv
if command -v uv >/dev/null; then
    echo "Setting up .venv with Python $version, by uv"
    uv venv --quiet --relocatable --python "$python" .venv
else
    echo "Setting up .venv with Python $version, by venv and pip (uv would be faster)"
    "$python" -m venv .venv || {
        echo "setup: $python cannot create virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    }
fi
count=$(cat requirements/base.txt requirements/app.txt requirements/dev.txt | grep -c '^[a-z0-9].*==')
echo "Installing $count pinned packages, checking their hashes (about a minute if none is cached)"
install base app dev
echo "Putting src/ on the path"
link_source
touch .venv/ready
echo "Ready: .venv"
