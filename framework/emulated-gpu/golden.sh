#!/usr/bin/env bash
# Replays the recorded trajectories of the reference on the emulated GPU: golden.sh [NAME OF A TEST ...]
# TARGET is another target folder for the build with CUDA, GOLDEN a suite that is built already.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

build() {
  cd "$root"
  CARGO_TARGET_DIR=${TARGET:-${CARGO_TARGET_DIR:-$root/target}} CUDARC_CUDA_VERSION=13000 \
    cargo test --release -p clf --features cuda --test golden --no-run --message-format=json-render-diagnostics |
    python3 -c '
import json, sys
for line in sys.stdin:
    built = json.loads(line)
    if built.get("executable") and built["target"]["name"] == "golden":
        print(built["executable"])'
}

suite=${GOLDEN:-$(build)}
[ -x "$suite" ] || { echo "golden.sh: there is no built suite ($suite)" >&2; exit 1; }
suite=$(realpath "$suite")
cd "$root/framework/cli"
CLF_TEST_DEVICE=cuda:0 exec "$here/run.sh" "$suite" --test-threads 1 "$@"
