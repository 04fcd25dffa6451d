# The template repository's commands. A bare checkout with git, make and Python >= 3.11 is enough.

ifndef PYTHON
PYTHON := $(shell command -v python3 || echo python3)
endif
DEST ?=
ANSWERS ?=
QUESTION ?= How long does a parcel wait?
ARGS ?=
CORPUS ?=
REPO ?=
REPOS ?=
AT ?=

JUDGED = $(if $(AT),--at "$(AT)")

VENV := .venv
BIN := $(VENV)/bin
# Everything below runs the pinned tools, uv among them, before those of the machine.
export UV_SYSTEM_CERTS ?= 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## Show this list
	@echo "Groundwork: a Copier template for LLM services that answer questions over documents."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make new DEST=../my-service                        asks the questions"
	@echo "  make new DEST=../my-service ANSWERS=answers.yml    takes the answers from a file"

# pip knows the index and the certificates of the machine, where uv may not.
install := python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: setup
setup: $(VENV)/ready ## Create .venv with the pinned tools; the other targets do this themselves

$(VENV)/ready: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Setting up .venv: the pinned tools, uv first, which installs the others"
	@$(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^uv==/,/# via/p' $< > $(VENV)/uv.txt
	@$(BIN)/$(install) -r $(VENV)/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $< || \
		$(BIN)/$(install) -r $<
	@touch $@

.PHONY: new
new: $(VENV)/ready ## Start a service in DEST=; ask the questions, or read the answers from ANSWERS=
	@test -n "$(DEST)" || { echo "DEST is not set: make new DEST=../my-service" >&2; exit 2; }
	@python scripts/new.py "$(DEST)" $(if $(ANSWERS),--answers "$(ANSWERS)")

.PHONY: update
update: $(VENV)/ready ## Update the service in REPO= to this checkout's last commit; PREVIEW=1, TO=, ANSWERS=, ABORT=1
	@test -n "$(REPO)" || { echo "REPO is not set: make update REPO=../my-service" >&2; exit 2; }
	@python template/scripts/template_update.py --service "$(REPO)" --source "$(CURDIR)" \
		--to "$(or $(TO),HEAD)" --answers "$$ANSWERS" --no-proof \
		$(if $(PREVIEW),--preview) $(if $(ABORT),--abort)

.PHONY: adopt
adopt: $(VENV)/ready ## Bring the service in REPO= under the template, on a branch; ANSWERS=
	@test -n "$(REPO)" || { echo "REPO is not set: make adopt REPO=../my-service" >&2; exit 2; }
	@python -m scripts.adopt "$(REPO)" $(if $(ANSWERS),--answers "$(ANSWERS)")

.PHONY: demo
demo: $(VENV)/ready ## Render the defaults to build/demo, ingest its samples, ask QUESTION=
	@scripts/demo.sh "$(QUESTION)"

.PHONY: test
test: check ## Everything that CI runs
	CI=$${CI:-true} pytest -n 2 --dist loadgroup

.PHONY: test-quick
test-quick: check ## The inner loop: the renders' static checks, the template in place, one variant
	pytest -n 2 --dist loadgroup -m "not slow"
	$(MAKE) -C template check

.PHONY: check
check: $(VENV)/ready ## Lint the template repository itself (template/ has its own make check)
	ruff format --check benchmarks drill scripts tests
	ruff check benchmarks drill scripts tests
	mypy
	python scripts/reference.py --check
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.github-actions action.yml
	check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	zizmor --offline --quiet --min-severity low .github action.yml

.PHONY: judge
judge: $(VENV)/ready ## Check the service in REPO= from outside, by its release or AT=v1.2.3
	@test -n "$(REPO)" || { echo "Which? make judge REPO=../my-service" >&2; exit 2; }
	@python -m scripts.judge judge "$(REPO)" $(JUDGED) $(ARGS)

.PHONY: drift
drift: $(VENV)/ready ## List what differs in REPO= from its release; STRICT=1 fails where there is some
	@test -n "$(REPO)" || { echo "Which? make drift REPO=../my-service" >&2; exit 2; }
	@python -m scripts.judge drift "$(REPO)" $(JUDGED) $(if $(STRICT),--strict) $(ARGS)

.PHONY: fleet
fleet: $(VENV)/ready ## Check the checkouts in the folders REPOS=; writes build/fleet.html
	@test -n "$(REPOS)" || { echo "Which? make fleet REPOS=../services" >&2; exit 2; }
	@python -m scripts.judge fleet $(REPOS) $(JUDGED) --html build/fleet.html $(ARGS)

.PHONY: docs
docs: $(VENV)/ready ## Build the template's documentation site to build/site/site
	@python -m scripts.pages
	@cd build/site && zensical build --clean --strict

.PHONY: variants
variants: $(VENV)/ready ## Run the variants that have every pair of answers, and note their seconds
	pytest -n 2 --dist loadgroup tests/test_services.py -k own_checks_tests
	python -m scripts.variants_page

.PHONY: drill
drill: $(VENV)/ready ## Update 250 services with the edits of teams; writes docs/updates.md
	@PYTHONPATH=tests python -m drill $(or $(ARGS),--page docs/updates.md)

.PHONY: release
release: $(VENV)/ready ## Drill and tag the version that the last commit sets; ARGS=--push
	@python scripts/release.py $(ARGS)

.PHONY: bench
bench: $(VENV)/ready ## Measure, and write docs/benchmarks.md; CORPUS=folder, ARGS="api --quick"
	@python -m benchmarks $(if $(CORPUS),--corpus "$(CORPUS)") $(ARGS)

.PHONY: lock
lock: $(VENV)/ready ## Resolve all pins again, of the service and the tools; ARGS=--upgrade to the newest
	$(MAKE) -C template lock ARGS="--all $(ARGS)"
	scripts/lock.sh $(ARGS)

.PHONY: clean
clean: ## Remove all that the other targets created, including .venv
	rm -rf build .cache $(VENV)
