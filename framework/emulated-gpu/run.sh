#!/usr/bin/env bash
# Runs a command of a build with CUDA on a GPU that this processor plays. framework/emulated-gpu/README.md says what it is for.
set -euo pipefail

usage() {
  cat >&2 <<'TEXT'
usage: framework/emulated-gpu/run.sh COMMAND ...

Runs COMMAND, a program built with --features cuda, on a GPU that this processor plays. For example

  framework/emulated-gpu/run.sh target/release/clf doctor --device cuda:0

CUDA_PATH              a CUDA 13 toolkit, or NVIDIA's pip packages; without it they are downloaded with pip
CARGO_TARGET_DIR       where cargo builds; libraries, packages and compiled kernels lie in its folder emulated-gpu
CLF_EMULATED_CACHE     another folder for compiled kernels
CLF_EMULATED_REPORT    a file for the launches of every kernel, with their seconds and threads
CLF_EMULATED_COUNT_ONLY=1   launches are counted and not computed; what is read back is zero
CLF_EMULATED_GIB       memory of the GPU, 140
CLF_EMULATED_POISON=1  new memory of the GPU holds no numbers instead of zeros
CLF_EMULATED_SECONDS   the longest that a kernel may take, 600
CLF_EMULATED_CXX       the C++ compiler, c++

A kernel that is refused or fails is named on stderr, and the exit code is then 1 even if COMMAND made do without it.
TEXT
  exit 2
}
[ $# -gt 0 ] || usage

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
mkdir -p "$target/emulated-gpu"
home=$(cd "$target/emulated-gpu" && pwd)
cxx=${CLF_EMULATED_CXX:-c++}

say() { echo "emulated GPU: $*" >&2; }
die() { say "$@"; exit 1; }

# Builds what is older than its sources: libraries, the program that asks NVRTC; the headers lie beside them.
build() {
  [ "$(uname -m)" = x86_64 ] || die "it plays on x86-64 alone"
  command -v "$cxx" >/dev/null || die "there is no C++ compiler ($cxx); install one, for example g++"
  if [ -e "$home/built" ] && [ -z "$(find "$here" -maxdepth 2 -name '*.[ch]*' -newer "$home/built")" ]; then return; fi
  local options=(-std=c++17 -O2 -Wall) new
  new=$(mktemp -d "$home/new.XXXXXX")
  "$cxx" "${options[@]}" -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$new/libcuda.so.1" "$here/driver.cpp" -ldl
  "$cxx" "${options[@]}" -shared -fPIC -Wl,-soname,libnvrtc.so.13 -o "$new/libnvrtc.so.13" "$here/compiler.cpp" "$here/translate.cpp" -ldl
  "$cxx" "${options[@]}" -o "$new/accepts" "$here/accepts.cpp" -ldl
  mkdir -p "$home/device"
  cp "$here"/device/*.h "$home/device/"
  mv "$new"/* "$home/"
  rmdir "$new"
  ln -sf libcuda.so.1 "$home/libcuda.so"
  ln -sf libnvrtc.so.13 "$home/libnvrtc.so"
  touch "$home/built"
}

has_headers() { [ -e "$1/include/cuda_bf16.h" ] && [ -e "$1/include/mma.h" ]; }
nvrtc_of() {
  local found
  for found in "$1"/lib64/libnvrtc.so.13* "$1"/lib/libnvrtc.so.13*; do
    if [ -e "$found" ]; then echo "$found"; return; fi
  done
}

# NVIDIA's packages of CUDA 13.0, unpacked.
packages() {
  local wheels="$home/wheels"
  if [ ! -e "$home/cuda/complete" ]; then
    say "CUDA_PATH names no CUDA 13 with NVRTC and headers; downloading NVIDIA's packages"
    python3 -m pip download --quiet --no-deps --dest "$wheels" 'nvidia-cuda-nvrtc==13.0.*' 'nvidia-cuda-runtime==13.0.*' \
      'nvidia-cuda-cccl==13.0.*' 'nvidia-cuda-crt==13.0.*' >&2 || return 1
    rm -rf "$home/cuda"
    for wheel in "$wheels"/*.whl; do python3 -m zipfile -e "$wheel" "$home/cuda" || return 1; done
    rm -rf "$wheels"
    touch "$home/cuda/complete"
  fi
  CUDA_PATH=$home/cuda/nvidia/cu13
}

# Sets CUDA_PATH, and CLF_EMULATED_NVRTC where NVRTC is found.
find_cuda() {
  CUDA_PATH=${CUDA_PATH:-/usr/local/cuda}
  if ! has_headers "$CUDA_PATH" || [ -z "$(nvrtc_of "$CUDA_PATH")" ]; then
    local given=$CUDA_PATH
    packages || { say "pip could not download NVIDIA's packages"; CUDA_PATH=$given; }
  fi
  has_headers "$CUDA_PATH" || die "CUDA's headers are not in $CUDA_PATH/include; set CUDA_PATH to a CUDA 13 toolkit"
  CLF_EMULATED_NVRTC=$(nvrtc_of "$CUDA_PATH")
  [ -n "$CLF_EMULATED_NVRTC" ] || say "WARNING: there is no NVRTC 13, so NVIDIA's compiler is not asked whether it takes the kernels"
  export CUDA_PATH CLF_EMULATED_NVRTC
}

build
find_cuda
failures=$(mktemp "$home/failures.XXXXXX")
trap 'rm -f "$failures"' EXIT
export CLF_EMULATED_CACHE=${CLF_EMULATED_CACHE:-$home/kernels} CLF_EMULATED_FAILURES=$failures
code=0
LD_LIBRARY_PATH=$home${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$@" || code=$?
if [ -s "$failures" ]; then
  say "$(wc -l <"$failures") lines of failures stand above"
  [ $code != 0 ] || code=1
fi
exit $code
