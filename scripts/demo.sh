#!/usr/bin/env bash
# The first minute: render the defaults, set the service up, ingest its samples, ask a question.
set -euo pipefail
cd "$(dirname "$0")/.."
question=$1

step() { printf '\n[%2d s] %s\n' "$SECONDS" "$1"; }
show() {
  echo "\$ $*"
  "$@"
}

step "Rendering the template's defaults to build/demo"
rm -rf build/demo
python scripts/new.py build/demo --defaults --quiet
cd build/demo
echo "$(find . -type f | wc -l) files, among them:" README.md Makefile src tests docs data/samples

step "Creating the service's environment from its pinned requirements"
# Modules are compiled when they are first imported: most of these are tools that the demo does not run.
UV_COMPILE_BYTECODE=0 make --no-print-directory setup

export PATH="$PWD/.venv/bin:$PATH"
step "Reading the sample documents into one SQLite file"
show python -m app ingest data/samples

step "Asking a question, without an API key"
show python -m app ask "$question"

step "Done. The service is in build/demo, with its page, API, tests and checks:"
echo "  cd build/demo && make run     # then open http://127.0.0.1:8000"
echo "  cd build/demo && make test"
