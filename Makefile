# `make help` says what there is; `make demo` and `make test` do all set-up by themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
# TensorFlow's and Spark's chatter about the machine; errors still come through.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export SPARK_LOCAL_IP ?= 127.0.0.1

.PHONY: help setup demo test test-parts test-nights lint wheel environment lock audit clean chaos \
	airflow airflow-test airflow-demo airflow-up object-store object-store-demo cluster-demo sql-server sql-demo \
	bench-online-retail bench-backtest bench-increment bench-backfill bench-ann \
	bench-scale bench-skew

help: ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 24

setup: ## Check prerequisites; make .venv from the lock; build Horovod once; fetch the Delta jars
	@requirements/setup.sh

demo: setup ## The nightly run on the sample shop, and what it says to three users
	@$(BIN)/python samples/demo.py

test: setup ## The tests, in two processes side by side
	@$(MAKE) -j2 --no-print-directory test-parts test-nights

test-parts: setup
	@$(BIN)/pytest --durations=20 tests/jobs tests/libs

test-nights: setup # whole nights, a few faults, and S3 where `make object-store` was run; else those tests say so
	@$(BIN)/pytest --durations=20 tests/end_to_end tests/chaos tests/object_store tests/benchmarks

chaos: setup ## Faults that are really injected; says how many are survived
	@$(BIN)/pytest -m fault --timeout 1800 tests/chaos

lint: setup ## Format, rules, types, who may import what
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

wheel: setup ## The project as a wheel, and as dist/reasonrec.zip for spark-submit --py-files
	@$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist
	@cp dist/reasonrec-*.whl dist/reasonrec.zip && ls dist # spark-submit takes a wheel for an archive by this name only

environment: setup ## The job environment as dist/environment.tar.gz, for spark-submit --archives
	@requirements/environment.sh dist/environment dist/environment.tar.gz

cluster-demo: setup ## The nightly run on a standalone cluster, workers killed under it (SHOP=music_store; ARCHIVE=yes)
	@PYTHONPATH=. $(BIN)/python samples/cluster_demo.py --shop $(or $(SHOP),tiny) $(if $(ARCHIVE),--archive)

bench-online-retail: setup ## The whole run on 541,909 rows: CPU, memory, exact accounting
	@$(BIN)/python tests/benchmarks/online_retail.py

bench-backtest: setup ## Every source and the final list on both shops, with intervals
	@$(BIN)/python tests/benchmarks/backtest.py

airflow: setup ## Make .airflow-venv from its lock: the scheduler's environment, apart from the jobs'
	@requirements/airflow.sh

airflow-test: airflow ## The DAGs' tests, in Airflow's environment
	@.airflow-venv/bin/pytest -c tests/airflow_dags/pytest.ini tests/airflow_dags

airflow-demo: airflow ## The daily DAG for real on the sample shop (SHOP=tiny: a small one; COMPARE=no: not in one process too)
	@PYTHONPATH=. $(BIN)/python samples/airflow_demo.py --shop $(or $(SHOP),music_store) $(if $(filter no,$(COMPARE)),--no-compare)

airflow-up: airflow ## Airflow's web UI on http://localhost:8080 (PORT=) with the DAGs loaded
	@airflow_dags/airflow.sh up

object-store: setup ## What a run on S3 needs: the jars by which Spark knows it (559 MB, once), an S3 server for loopback
	@requirements/object_store.sh

object-store-demo: object-store ## The daily run on S3, on loopback: the same tables as on disk (SHOP=music_store: the sample shop)
	@PYTHONPATH=. $(BIN)/python samples/object_store_demo.py --shop $(or $(SHOP),tiny)

bench-increment: setup ## One more day against a rebuild, online_retail grown to 5.4 million rows
	@$(BIN)/python tests/benchmarks/increment.py

bench-backfill: setup ## A month of days forwards, backwards, two at once and twice: the same tables
	@$(BIN)/python tests/benchmarks/backfill.py

bench-ann: setup ## The approximate index against exact top-K on 10^6 products: recall and CPU
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/ann.py

bench-scale: setup ## The night at 10^5, 10^6 and 10^7 events: what each job costs, and how it grows (KEEP=folder of nights)
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/scale.py --keep $(or $(KEEP),build/scale)

bench-skew: setup ## The night on uneven shops beside even ones: CPU, longest tasks, a bot's influence (KEEP=)
	@PYTHONPATH=. $(BIN)/python tests/benchmarks/skew.py --keep $(or $(KEEP),build/scale)

sql-server: setup ## Tables and views for JDBC and ODBC tools on localhost, read only (PORT=10000)
	@$(BIN)/reasonrec sql-server --port $(or $(PORT),10000)

sql-demo: setup ## Ten questions to the SQL server and to DuckDB, and what the server must refuse
	@PYTHONPATH=. $(BIN)/python samples/sql_demo.py

lock: ## Solve requirements/*.in again
	@cd requirements && for name in jobs bundled_models uv horovod dev airflow object_store; do \
	  ../$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux --generate-hashes \
	    --no-emit-index-url --no-emit-find-links \
	    $$(case $$name in dev) echo -c jobs.lock;; bundled_models|horovod) echo --no-deps;; esac) \
	    -o $$name.lock $$name.in || exit 1; done

audit: setup ## Known vulnerabilities in the locked packages
	@for lock in jobs airflow object_store; do $(BIN)/pip-audit --strict --disable-pip -r requirements/$$lock.lock || exit 1; done

clean: ## Remove what a run or a build left here; caches stay
	@rm -rf build dist warehouse warehouse.key *.egg-info spark-warehouse
