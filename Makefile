# `make demo` and `make test` are all a newcomer needs. Each sets up .venv from the pinned lock by itself.

PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin
export PYTHONUTF8 := 1
# Snakemake and pip want a folder for their caches where the home folder cannot be written, too.
ifneq ($(shell test -w ~ && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
endif
READY := .venv/.ready
# Not in the lock, since only who works on the tests needs it.
MUTMUT := mutmut==3.8.1 coverage==7.17.4 libcst==1.9.0 linkify-it-py==2.2.0 mdit-py-plugins==0.7.0 setproctitle==1.3.8 \
  textual==8.2.8
SMK := $(shell git ls-files Snakefile '*.smk' 2>/dev/null)

.PHONY: demo test fuzz mutants lint faults slurm bench intervals architectures clean

demo: $(READY)
	$(BIN)/snakemake --configfile config/presets/demo.yaml --cores $(CORES) --quiet rules host --no-hooks
	@$(BIN)/python -m knowcost answer  # also where there was nothing to do, which a run itself ends without

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

# Spoiled files: as many of each kind as KNOWCOST_FUZZ says, other ones each time; make test takes a few, the same ones.
fuzz: $(READY)
	KNOWCOST_FUZZ=$${KNOWCOST_FUZZ:-1000} OMP_NUM_THREADS=1 \
	  $(BIN)/python -m pytest -n $(CORES) $$(find tests/unit -name 'test_mutated*.py')

# Small mistakes in the code whose failure would be silent: how many of a sample the tests notice (tests/mutants.py).
mutants: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(MUTMUT)
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants.py $(CORES)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check $(SMK)
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python tests/workflow/lint.py

faults: $(READY)
	KNOWCOST_KILLS=50 $(BIN)/python -m pytest -s tests/workflow/test_faults.py

slurm: $(READY)
	$(BIN)/python -m pytest tests/slurm -m ""

# Seven minutes on two cores; docs/performance.md has the long forms.
bench: $(READY)
	$(BIN)/python perf/bench.py

# The tables of docs/statistics.md: how the intervals cover, and how many facts a decision takes.
intervals: $(READY)
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python perf/intervals.py

# docs/architectures.md, from the tables that the tests go by.
architectures: $(READY)
	PYTHONPATH=tests $(BIN)/python -m helpers.architectures_page

clean:
	rm -rf results logs resources/world resources/models resources/benchmarks resources/calibration

# The lock pins every package; torch without a local build tag, so that each machine takes the build it has.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
