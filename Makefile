# TMEscope. `make run` and open http://localhost:8501.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
PORT    ?= 8501
export TMESCOPE_DATA ?= var

.PHONY: run build app train test check bench bench-r screenshots browser-ready clean

run: build app                     ## environment, database, app

build: $(VENV)/.runtime
	$(BIN)/python -m core build

app: $(VENV)/.runtime
	$(BIN)/streamlit run app.py --server.port $(PORT)

train: build                       ## the models that come with the software, anew
	$(BIN)/python -m core train --each --half --out models/assets

test: $(VENV)/.dev browser-ready   ## environment and everything, real-browser tests included
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --dist loadfile --durations=15

check: $(VENV)/.dev                ## lint, types, fast tests: before each commit
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -m "not slow and not browser and not realdata"

bench: $(VENV)/.dev browser-ready  ## the figures that the README quotes
	$(BIN)/python -m core build
	$(BIN)/python benchmarks/build_time.py
	$(BIN)/python benchmarks/store_speed.py
	$(BIN)/python benchmarks/elastic_net.py
	$(BIN)/python benchmarks/model.py
	$(BIN)/python benchmarks/scan_speed.py
	$(BIN)/python benchmarks/embedding_speed.py
	$(BIN)/python benchmarks/null_cutoff.py
	$(BIN)/python benchmarks/predictive_prognostic.py
	$(BIN)/python benchmarks/loris_cutoff.py
	$(BIN)/python benchmarks/conformal_coverage.py
	$(BIN)/python -m benchmarks.clusters
	$(BIN)/python benchmarks/mixing.py
	$(BIN)/python benchmarks/rule_transfer.py
	$(BIN)/python -m benchmarks.tissue
	$(BIN)/python -m benchmarks.tissue_mask
	$(BIN)/python -m benchmarks.map_speed --browser
	$(BIN)/python benchmarks/domain.py
	$(BIN)/python benchmarks/active_learning.py
	$(BIN)/python benchmarks/tile_throughput.py
	$(BIN)/python benchmarks/tile_objective.py
	$(BIN)/python benchmarks/browser_speed.py

bench-r: $(VENV)/.dev              ## beside R (Debian: r-base-core r-cran-survival r-cran-proc r-cran-cmprsk r-cran-metafor r-cran-epir)
	$(BIN)/python benchmarks/against_r.py
	$(BIN)/python benchmarks/response_against_r.py

screenshots: $(VENV)/.dev browser-ready
	$(BIN)/python -m core build
	$(BIN)/python docs/screenshots.py

browser-ready:                     ## Debian's Chromium, for the browser tests and figure export
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-inter; \
	  else \
	    echo "Chromium is missing. Install it (Debian, Ubuntu: sudo apt-get install chromium) and run make again."; exit 1; \
	  fi; }

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/pip requirements.txt
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
