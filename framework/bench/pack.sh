#!/bin/sh
# Builds clf for CUDA and packs it with gpu.sh for a machine without cargo: clf-gpu.tar.xz, to be unpacked with tar -xJf.
#
#   framework/bench/pack.sh [FILE]
#
# CUDARC_CUDA_VERSION is the CUDA of that machine as 1000 times major plus 10 times minor; kernels are written for it. FUSION=1
# adds the golden suite with kernel fusion, TARGET names another target folder. Nothing is downloaded but crates.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
file=${1:-clf-gpu.tar.xz}
CUDARC_CUDA_VERSION=${CUDARC_CUDA_VERSION:-13000}
CARGO_TARGET_DIR=${TARGET:-$root/target/cuda}
export CUDARC_CUDA_VERSION CARGO_TARGET_DIR
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
top=$stage/clf-gpu
mkdir -p "$top/bin"

# The path of the golden suite, which cargo names by a hash.
golden() {
    cargo test --manifest-path "$root/Cargo.toml" --release -p clf --features "$1" --test golden --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*golden[^"]*\)".*/\1/p' | tail -n 1
}

cargo build --manifest-path "$root/Cargo.toml" --release -p clf -p clf-bench --features clf/cuda
cp "$CARGO_TARGET_DIR/release/clf" "$CARGO_TARGET_DIR/release/clf-bench" "$top/bin/"
cp "$(golden cuda)" "$top/bin/golden"
if [ -n "${FUSION:-}" ]; then
    cp "$(golden fusion)" "$top/bin/golden-fusion"
fi
strip "$top"/bin/*
cp -r "$root/framework/cli/tests/golden/reference" "$top/golden"
cp "$root"/framework/bench/gpu.sh "$root"/framework/bench/*.py "$top/"

# The programs are much alike: a dictionary that spans them keeps one copy.
tar -C "$stage" -cf - clf-gpu | xz -T1 --lzma2=preset=9,dict=256MiB > "$file"
size=$(du -m "$file" | cut -f1)
echo "$file: $size MiB"
if [ "$size" -gt 64 ]; then
    echo "pack.sh: more than 64 MiB" >&2
    exit 1
fi
