#!/usr/bin/env bash
# Fetches what a run on S3 needs beyond set-up: the jars of Spark's s3a:// client (559 MB, in the user's cache), and an
# S3 server for loopback in .s3-venv, from object_store.lock. A second call returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/reasonrec"
say() { printf '[object-store] %s\n' "$*"; }

packages=.s3-venv/.reasonrec-$(cat requirements/object_store.lock requirements/uv.lock "$0" | sha256sum | cut -c1-16)
exec 9>"${TMPDIR:-/tmp}/reasonrec-object-store-$(id -u).lock"; flock 9
.venv/bin/python requirements/fetch_jars.py object-store "$cache/object-store"
[ -e "$packages" ] && exit 0
say "an S3 server for loopback (about 30 packages)"
[ -x .s3-venv/bin/python ] || python3.11 -m venv .s3-venv
.s3-venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.lock
.s3-venv/bin/uv pip sync --quiet --python .s3-venv/bin/python --require-hashes requirements/object_store.lock requirements/uv.lock
.s3-venv/bin/uv pip check --quiet --python .s3-venv/bin/python
rm -f .s3-venv/.reasonrec-*; touch "$packages"
say "done in ${SECONDS}s"
