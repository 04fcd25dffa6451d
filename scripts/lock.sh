#!/usr/bin/env bash
# Pin the template repository's own tools, with hashes. A render is judged by the very ruff and mypy
# that its team will run, so these have the versions of the generated service. What the benchmarks
# compare the service with has an environment, and so a resolution, of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-strip-extras --no-emit-index-url --no-emit-find-links --no-config "$@"
}

mkdir -p build
grep -oE '^(mypy|ruff)==[^ ]+' template/requirements/dev.txt >build/judges.txt
lock --constraint build/judges.txt requirements/dev.in --output-file requirements/dev.txt
lock requirements/bench.in --output-file requirements/bench.txt
lock requirements/floor.in --output-file requirements/floor.txt
