#!/usr/bin/env bash
# Creates the job environment, without the project and without development packages, as a folder and as an archive for
# `spark-submit --archives environment.tar.gz#environment` on clusters whose machines have no such environment.
# It uses the machine's Python: Python 3.11 must be at the same path on all machines.
#
#   requirements/environment.sh FOLDER            creates FOLDER
#   requirements/environment.sh FOLDER ARCHIVE    also packs it
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
