# `make help` lists the targets; `make demo` and `make test` do all set-up by themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
# Silences TensorFlow's and Spark's messages about the machine; errors are still shown.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export SPARK_LOCAL_IP ?= 127.0.0.1

.PHONY: help setup demo test test-parts test-nights lint wheel environment lock audit clean chaos \
	airflow airflow-test airflow-demo airflow-up object-store object-store-demo cluster-demo sql-server sql-demo \
	bench-online-retail bench-backtest bench-increment bench-backfill bench-ann \
	bench-scale bench-skew bench-deliveries

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 24

setup: ## Check prerequisites, create .venv from the lock, build Horovod once, fetch the Delta jars
	@requirements/setup.sh

demo: setup ## Run the night of the sample shop and show lists and reasons of three users
	@$(BIN)/python samples/demo.py

test: setup ## Run the tests, in two parallel processes
	@$(MAKE) -j2 --no-print-directory test-parts test-nights

test-parts: setup
	@$(BIN)/pytest --durations=20 tests/extend tests/jobs tests/libs

test-nights: setup # whole nights, a few faults, and S3; without `make object-store` the S3 tests are skipped
	@$(BIN)/pytest --durations=20 tests/end_to_end tests/chaos tests/object_store tests/benchmarks

chaos: setup ## Inject faults and count those survived
	@$(BIN)/pytest -m fault --timeout 1800 tests/chaos

lint: setup ## Check format, lint rules, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

wheel: setup ## Build the wheel, also as dist/reasonrec.zip for spark-submit --py-files
	@$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	@cp dist/reasonrec-*.whl dist/reasonrec.zip && ls dist # spark-submit recognises an archive by this ending only

environment: setup ## Pack the job environment as dist/environment.tar.gz for spark-submit --archives
	@requirements/environment.sh dist/environment dist/environment.tar.gz

cluster-demo: setup ## Run the night on a standalone cluster, without and with killed workers (SHOP=music_store; ARCHIVE=yes)
	@PYTHONPATH=. $(BIN)/python samples/cluster_demo.py --shop $(or $(SHOP),tiny) $(if $(ARCHIVE),--archive)

bench-online-retail: setup ## Run a night with 541,909 rows: CPU, memory, exact row counts
	@$(BIN)/python tests/benchmarks/online_retail.py

bench-backtest: setup ## Back-test every source and the final list on both shops, with intervals
	@$(BIN)/python tests/benchmarks/backtest.py

bench-deliveries: setup ## Bring in odd deliveries: rows, quarantine and exit status of each, records lost and forged
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/deliveries.py

airflow: setup ## Create .airflow-venv from its lock: the scheduler's environment, separate from the jobs'
	@requirements/airflow.sh

airflow-test: airflow ## Run the tests of the DAGs in Airflow's environment
	@.airflow-venv/bin/pytest -c tests/airflow_dags/pytest.ini tests/airflow_dags

airflow-demo: airflow ## Run the daily DAG on the sample shop (SHOP=tiny: a small shop; COMPARE=no: without the one-process run)
	@PYTHONPATH=. $(BIN)/python samples/airflow_demo.py --shop $(or $(SHOP),music_store) $(if $(filter no,$(COMPARE)),--no-compare)

airflow-up: airflow ## Start Airflow with the DAGs; web UI on http://localhost:8080 (PORT=)
	@airflow_dags/airflow.sh up

object-store: setup ## Fetch what runs on S3 need: Spark's S3 jars (559 MB, once) and an S3 server for loopback
	@requirements/object_store.sh

object-store-demo: object-store ## Compare a night on S3 (on loopback) with one on disk (SHOP=music_store: the sample shop)
	@PYTHONPATH=. $(BIN)/python samples/object_store_demo.py --shop $(or $(SHOP),tiny)

bench-increment: setup ## Compare one more day with a rebuild, on online_retail grown to 5.4 million rows
	@$(BIN)/python tests/benchmarks/increment.py

bench-backfill: setup ## Run a month of days forwards, backwards, two at once and twice: the tables must be equal
	@$(BIN)/python tests/benchmarks/backfill.py

bench-ann: setup ## Compare the approximate index with exact top-K on 10^6 products: recall and CPU
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/ann.py

bench-scale: setup ## Run nights with 10^5, 10^6 and 10^7 events: cost of each job and its growth (KEEP=folder of nights)
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/scale.py --keep $(or $(KEEP),build/scale)

bench-skew: setup ## Compare nights of skewed and even shops: CPU, longest tasks, influence of a bot (KEEP=)
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/skew.py --keep $(or $(KEEP),build/scale)

sql-server: setup ## Serve tables and views to JDBC and ODBC tools on localhost, read only (PORT=10000)
	@$(BIN)/reasonrec sql-server --port $(or $(PORT),10000)

sql-demo: setup ## Run ten queries on the SQL server and DuckDB, and statements that the server must refuse
	@PYTHONPATH=. $(BIN)/python samples/sql_demo.py

lock: ## Resolve requirements/*.in into new locks
	@cd requirements && for name in jobs bundled_models uv horovod dev airflow object_store; do \
	  ../$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux --generate-hashes \
	    --no-emit-index-url --no-emit-find-links \
	    $$(case $$name in dev) echo -c jobs.lock;; bundled_models|horovod) echo --no-deps;; esac) \
	    -o $$name.lock $$name.in || exit 1; done

audit: setup ## Check the locked packages for known vulnerabilities
	@for lock in jobs airflow object_store; do $(BIN)/pip-audit --strict --disable-pip -r requirements/$$lock.lock || exit 1; done

clean: ## Remove files of runs and builds; caches stay
	@rm -rf build dist warehouse warehouse.key *.egg-info spark-warehouse
