PYTHON ?= python
N ?= 1000

.PHONY: bench crash-campaign

bench: ## compare kitaru with other durable engines
	$(PYTHON) benchmarks/run.py --write

crash-campaign: ## kill kitaru N times at random and account for every boundary
	$(PYTHON) benchmarks/crash_campaign.py --schedules $(N) --cuts 50 --write
