#!/usr/bin/env bash
# The job environment alone, without the project and without what develops it, as a folder and as an archive: for
# `spark-submit --archives environment.tar.gz#environment` where a cluster's machines have no such environment.
# Its Python is the machine's own: Python 3.11 must lie at the same place on all.
#
#   requirements/environment.sh FOLDER            makes FOLDER
#   requirements/environment.sh FOLDER ARCHIVE    and packs it
set -euo pipefail
folder=$(realpath -m "$1") archive=$(realpath -m "${2:-/}")
cd "$(dirname "$0")/.."
uv=$PWD/.venv/bin/uv cache="${XDG_CACHE_HOME:-$HOME/.cache}/reasonrec"
tf=$(.venv/bin/python -c 'import importlib.metadata as m; print(m.version("tensorflow"))')

rm -rf "$folder"
"$uv" venv --quiet --relocatable --python .venv/bin/python "$folder"
"$uv" pip sync --quiet --python "$folder/bin/python" --require-hashes requirements/{jobs,bundled_models}.lock
"$uv" pip install --quiet --python "$folder/bin/python" --no-deps "$cache"/wheels/horovod-*-tf"$tf"-cp311-"$(uname -m)"/*.whl
if [ $# = 2 ]; then
  mkdir -p "$(dirname "$archive")"
  tar -C "$folder" -I 'gzip -1' -cf "$archive" .
  echo "$archive: $(du -h "$archive" | cut -f1)"
fi
