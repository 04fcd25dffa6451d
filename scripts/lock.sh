#!/usr/bin/env bash
# Pin the template repository's own tools, with hashes. A render is checked with the tools that its team
# will run, so all except pytest have the versions of the generated service. The competitors in the
# benchmarks have separate environments, and so separate resolutions. What drives a browser is installed
# beside a service. With --upgrade it takes the newest versions.
set -euo pipefail
cd "$(dirname "$0")/.."
upgrade=("$@") # nothing, or --upgrade

lock() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-strip-extras --no-emit-index-url --no-emit-find-links --no-config \
    ${upgrade[@]+"${upgrade[@]}"} "$@"
}

mkdir -p build
sed '/^pytest==/,/^[^ ]/ { /^pytest==/d; /^ /d }' template/requirements/dev.txt >build/constraints.txt
cat template/requirements/docs.txt >>build/constraints.txt
lock --constraint build/constraints.txt requirements/dev.in --output-file requirements/dev.txt
lock requirements/bench.in --output-file requirements/bench.txt
lock --constraint template/requirements/base.txt requirements/browser.in \
  --output-file requirements/browser.txt
lock requirements/floor.in --output-file requirements/floor.txt
