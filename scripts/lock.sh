#!/usr/bin/env bash
# Pin the template repository's own tools, with hashes, under the pins of the generated service:
# a render is judged by the very ruff and mypy that its team will run. What the benchmarks compare
# the service with has an environment, and so a resolution, of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-strip-extras --no-emit-index-url --no-emit-find-links --no-config "$@"
}

lock --constraint template/requirements/dev.txt requirements/dev.in --output-file requirements/dev.txt
lock requirements/bench.in --output-file requirements/bench.txt
lock requirements/floor.in --output-file requirements/floor.txt
