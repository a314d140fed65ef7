PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= $(BIN)/uv
WAREHOUSE ?= warehouse
EXPORTS ?= tests/samples
METRICS ?= labels,acceptance_share,review_score,first_pass_share
BY ?= annotator

.PHONY: help run test ui kili metrics docs bench browser debian vega screenshots story lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(BIN)/.ready ## set up, then load the sample exports into ./warehouse
	$(BIN)/kili-warehouse run --exports $(EXPORTS) --warehouse $(WAREHOUSE)

test: $(BIN)/.ready .venv-oracles/.ready .venv-metrics/.ready browser ## set up, then every check that CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project
	$(BIN)/python -m pytest

ui: $(BIN)/.ready ## Dagster's UI on this machine, http://127.0.0.1:3000
	$(BIN)/kili-warehouse ui --exports $(EXPORTS) --warehouse $(WAREHOUSE)

kili: .venv-kili/.ready ## set up Kili's own client, which pulls exports, in an environment of its own

metrics: $(BIN)/.ready .venv-metrics/.ready ## metrics of ./warehouse by MetricFlow, in an environment of its own; METRICS=edits_per_label BY=reviewer,metric_time__week for others
	@mf=$$PWD/.venv-metrics/bin/mf; folder=$$(KILI_WAREHOUSE=$(WAREHOUSE) $(BIN)/python -m pipelines.transform.metrics) \
		&& cd "$$folder" && $$mf query --quiet --metrics $(METRICS) --group-by $(BY) --order $(BY)

browser: tests/browser/node_modules/.ready ## Chromium, nginx and axe-core for the tests

tests/browser/node_modules/.ready: tests/browser/package-lock.json | debian
	@if command -v npm > /dev/null; then \
		npm ci --prefix $(dir $<) --ignore-scripts --no-audit --no-fund --silent && touch $@; fi

debian: # packages that only root can install, as in a container
	@for program in chromium chromedriver nginx npm; do \
		PATH=$$PATH:/usr/sbin command -v $$program > /dev/null || missing="$$missing $$program"; done; \
	[ -z "$$missing" ] || { [ $$(id -u) = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq --no-install-recommends chromium chromium-driver nginx-light npm > /dev/null; } \
	|| echo "NOT INSTALLED:$$missing. The tests that need them are skipped: apt-get install chromium chromium-driver nginx-light npm"

vega: browser ## the copies of Vega and Vega-Lite in the pages anew, from the versions in tests/browser/package.json
	for library in vega vega-lite; do \
		cp tests/browser/node_modules/$$library/build/$$library.min.js pipelines/publishing/report/vega/; \
		cp tests/browser/node_modules/$$library/LICENSE pipelines/publishing/report/vega/LICENSE.$$library; done

screenshots: $(BIN)/.ready browser ## renew the pictures in docs/, of the UI and the quality report of the samples' warehouse
	$(BIN)/python -m pytest -n 0 tests/test_ui.py tests/test_report.py --screenshots docs

story: $(BIN)/.ready ## write the sample exports of the made-up project again, from its parameters in tests/helpers/story/cast.py
	PYTHONPATH=tests $(BIN)/python -m helpers.story

docs: $(BIN)/.ready ## dbt's own docs of ./warehouse as one page, in its work folder
	@KILI_WAREHOUSE=$(WAREHOUSE) $(BIN)/python -m pipelines.transform.dbt_docs

bench: $(BIN)/.ready .venv-bench/.ready ## costs relative to DuckDB alone, plain dlt, pandas, pycocotools, shapely; BENCH="--sizes 10 100 1000" for more
	$(BIN)/python -m bench $(BENCH)

lock: $(BIN)/.ready ## resolve the dependencies again
	$(BIN)/uv pip compile --quiet --python-version 3.11 --extra dev --generate-hashes --no-header \
		--output-file requirements.lock pyproject.toml
	set -e; for group in bench kili metrics oracles; do \
		$(BIN)/uv pip compile --quiet --python-version 3.11 --group $$group --generate-hashes --no-header \
		--output-file requirements-$$group.lock; done

clean: ## remove the environments and generated files
	rm -rf $(VENV) .venv-bench .venv-kili .venv-metrics .venv-oracles tests/browser/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A virtual environment without ensurepip (Debian without python3-venv) gets its pip from virtualenv.
$(VENV):
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		$(PYTHON) -m pip install --quiet --target $(VENV)/.virtualenv virtualenv \
		&& PYTHONPATH=$(VENV)/.virtualenv $(PYTHON) -m virtualenv --quiet $(VENV); }

$(BIN)/.ready: requirements.lock pyproject.toml | $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock) \
		&& $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	touch $@

$(BIN)/uv: $(BIN)/.ready

.venv-%/.ready: requirements-%.lock | $(UV)
	$(UV) venv --quiet --clear --python $(dir $(UV))python $(@D)
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(@D)/bin/python $<
	touch $@
