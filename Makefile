# The one entry. Every target works from a bare clone and installs what is missing first; `make help` lists them.
# CMake does the work (CMakePresets.json); this file only names the ways in.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run build test test-unit test-build integration nemesis nemesis-power fuzz-workload \
         mapreduce-kills mapreduce-schedules scenarios sim sim-determinism explore bench bench-pair bench-mapreduce check guard lint format \
         tidy sanitizers fuzz canary clean

JOBS ?= $(shell nproc)
NODES ?= 3
SEEDS ?= 1000
FUZZ_SECONDS ?= 60
RELEASE := build/release
PROGRAMS := torc torc-sim torc-explore
ASAN := build/asan
CTEST := ctest --test-dir $(RELEASE) --output-on-failure --no-tests=error
# Programs of a test run that print nothing useful when they pass stay quiet; ctest's own lines are kept in this file.
CTEST_LOG := $(RELEASE)/ctest.log
FUZZ_FLAGS := -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
# What guards main must say the same twice about the same tree: one seed, and a bound that time does not reach.
FUZZ_GUARD_FLAGS := -seed=1 -runs=150000 -max_total_time=120 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install what building needs (the targets below do it by themselves)
	@tools/setup.sh

run: setup ## three nodes on this machine, with a live picture; Ctrl-C stops them (NODES=5 for five)
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS) --target torc
	@exec $(RELEASE)/bin/torc playground --nodes $(NODES)

build: setup ## release binaries in build/release/bin/
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS) --target $(PROGRAMS)

test-build:
	@tools/setup.sh --with-tests
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS)

test: test-build ## everything ctest knows: unit, scenarios, simulation smoke, integration
	@$(CTEST) --parallel $(JOBS) 2>&1 | tee $(CTEST_LOG)

test-unit: test-build ## only the tests that need no processes, seconds
	@$(CTEST) --parallel $(JOBS) -LE integration

integration: test-build ## real processes, kill -9, real clients
	@$(CTEST) -L integration

nemesis: test-build ## a longer run of faults against real processes: make nemesis SECONDS=600
	@TORC_NEMESIS_SECONDS=$(or $(SECONDS),300) $(RELEASE)/bin/torc_integration_test --gtest_filter='Nemesis.*'

fuzz-workload: test-build ## workloads within and past the limits against real processes: make fuzz-workload SECONDS=600
	@TORC_WORKLOAD_SECONDS=$(or $(SECONDS),300) $(RELEASE)/bin/torc_integration_test --gtest_filter='Workload.*'

nemesis-power: test-build ## power cuts of real nodes, what was not synced is lost: make nemesis-power CUTS=200
	@TORC_NEMESIS_CUTS=$(or $(CUTS),200) TORC_EVERY_STEP=1 $(RELEASE)/bin/torc_integration_test \
	    --gtest_filter='PowerNemesis.*:Damage.APowerCut*'

mapreduce-kills: test-build ## MapReduce jobs whose workers and store are killed, a million keys: make mapreduce-kills RUNS=50
	@TORC_MAPREDUCE_RUNS=$(or $(RUNS),50) TORC_MAPREDUCE_KEYS=1000000 $(RELEASE)/bin/torc_integration_test \
	    --gtest_filter='MapReduce*'

mapreduce-schedules: test-build ## random schedules of the MapReduce protocol: make mapreduce-schedules SCHEDULES=100000
	@TORC_MAPREDUCE_SCHEDULES=$(or $(SCHEDULES),10000) $(CTEST) --parallel $(JOBS) -R 'mapreduce/.*RandomSchedules'

scenarios: test-build ## the named scenarios over more seeds than `make test` has: make scenarios SEEDS=100
	@TORC_SCENARIO_SEEDS=$(if $(filter file,$(origin SEEDS)),100,$(SEEDS)) $(CTEST) -L scenario --parallel $(JOBS)

sim: build ## simulated clusters of 3 and of 5 nodes, a thousand seeds each: make sim SEEDS=100000
	@$(RELEASE)/bin/torc-sim --nodes 3 --seeds $(SEEDS) --jobs $(JOBS)
	@$(RELEASE)/bin/torc-sim --nodes 5 --seeds $(SEEDS) --jobs $(JOBS)

sim-determinism: test-build ## the same seeds, the same traces: g++ and clang++, debug and release
	@tools/sim_determinism.sh $(JOBS) 10

explore: build ## every small world of the consensus core, ten minutes each: make explore SECONDS=60
	@for bounds in "--fast-disk --terms 2 --proposals 1 --crashes 1" "--fast-disk --terms 3 --proposals 0 --crashes 0" \
	    "--terms 2 --proposals 1 --crashes 0" "--fast-disk --terms 2 --proposals 2 --crashes 0" \
	    "--fast-disk --terms 3 --proposals 0 --crashes 1 --pre-vote --pull --diverged" \
	    "--fast-disk --terms 1 --proposals 1 --crashes 0 --heartbeats" \
	    "--fast-disk --terms 2 --proposals 0 --crashes 0 --reads 1 --elected" \
	    "--fast-disk --terms 2 --proposals 0 --crashes 1 --elected --change promote" \
	    "--fast-disk --terms 3 --proposals 0 --crashes 0 --elected --change promote" \
	    "--fast-disk --terms 3 --proposals 2 --crashes 0 --elected --change promote --pre-vote --pull" \
	    "--fast-disk --terms 2 --proposals 1 --crashes 0 --change remove-leader" \
	    "--fast-disk --terms 2 --proposals 0 --crashes 0 --change add" \
	    "--fast-disk --terms 2 --proposals 0 --crashes 1 --lagging" \
	    "--fast-disk --terms 2 --proposals 0 --crashes 1 --elected --time 5" \
	    "--terms 4 --proposals 2 --crashes 2 --transfers 1 --cuts 1 --pre-vote --pull --change add --walk 1" \
	    "--terms 4 --proposals 2 --crashes 2 --transfers 1 --cuts 1 --pre-vote --pull --change replace --walk 1"; do \
	  $(RELEASE)/bin/torc-explore $$bounds --seconds $(or $(SECONDS),600); \
	done

bench: ## Torc beside Redis and etcd: one table, and JSON (BENCH_FLAGS=--quick for a first look)
	@tools/setup.sh --with-bench
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS) --target torc torc-plain-responder
	@python3 tests/bench/bench.py --torc-binary $(RELEASE)/bin/torc --limit-binary $(RELEASE)/bin/torc-plain-responder $(BENCH_FLAGS)

bench-pair: ## this build beside an older one, in turns: make bench-pair BASELINE=path/of/the/older/torc
	@tools/setup.sh --with-tests
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS) --target torc
	@python3 tests/bench/pair.py $(or $(BASELINE),$(error BASELINE=path of the older torc)) $(RELEASE)/bin/torc $(BENCH_FLAGS)

bench-mapreduce: ## word count and sort beside coreutils and programs of one thread (BENCH_FLAGS=--quick for a first look)
	@tools/setup.sh
	@cmake --preset release >/dev/null
	@cmake --build --preset release --parallel $(JOBS) --target torc torc-text torc-count-words
	@python3 tests/bench/mapreduce.py --programs $(RELEASE)/bin $(BENCH_FLAGS)

check: test guard ## everything CI guards
	@tail -n 4 $(CTEST_LOG)

guard: lint sanitizers ## what `make check` does beyond `make test`
	@tools/fuzz.sh $(ASAN) $(JOBS) $(FUZZ_GUARD_FLAGS)

lint: ## formatting, the arrows between folders, names in documents
	@tools/setup.sh --with-tests
	@tools/sources.sh | xargs -0 clang-format --dry-run -Werror
	@python3 tools/check_layers.py
	@python3 tools/check_docs.py

format: ## rewrite the sources as clang-format has them
	@tools/setup.sh --with-tests
	@tools/sources.sh | xargs -0 clang-format -i

tidy: test-build ## naming and bug checks on the files changed since main (FILES='a.cc b.cc' for others, FILES=all)
	@tools/tidy.sh $(RELEASE) $(FILES)

sanitizers: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/setup.sh --with-tests
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan --parallel $(JOBS)
	@ctest --test-dir $(ASAN) --output-on-failure --no-tests=error --parallel $(JOBS) -LE 'integration|canary|sim'

fuzz: sanitizers ## every fuzzer for FUZZ_SECONDS (60), side by side, another seed each time
	@tools/fuzz.sh $(ASAN) $(JOBS) $(FUZZ_FLAGS)

canary: test-build ## planted bugs alone (`make test` has them too): each must be found
	@$(CTEST) -L canary

clean: ## remove build/
	@rm -rf build
