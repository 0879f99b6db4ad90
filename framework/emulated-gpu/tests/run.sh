#!/usr/bin/env bash
# Tests the emulated GPU itself, in seconds and without Rust: framework/emulated-gpu/tests/run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CLF_EMULATED_CXX:-c++}" -std=c++17 -O1 -Wall -o "$work/device" "$here/device.cpp" -ldl
# What is refused is said on stderr, and run.sh ends with 1 where anything was: here that is asked for.
code=0
"$here/../run.sh" bash -c '"$1" "$2"; echo $? >"$3"' - "$work/device" "$here" "$work/code" 2>"$work/refusals" || code=$?
[ -s "$work/code" ] && [ "$(cat "$work/code")" = 0 ] || { cat "$work/refusals" >&2; exit 1; }
named=(unknown_asm bfind two_instructions unknown_function __vabsdiffu4 stuck absent_lane half_warp outside wide
  'attribute 9999' 'tensor map')
for name in "${named[@]}"; do
  grep -q -- "$name" "$work/refusals" || { cat "$work/refusals" >&2; echo "FAILED stderr does not name $name" >&2; exit 1; }
done
[ $code = 1 ] || { echo "FAILED run.sh ends with $code in spite of failures" >&2; exit 1; }
for name in endless lost; do
  ended=yes
  CLF_EMULATED_SECONDS=1 "$here/../run.sh" "$work/device" "$here" "$name" >/dev/null 2>"$work/last" || ended=no
  if [ $ended = yes ] || ! grep -q "kernel $name" "$work/last"; then
    cat "$work/last" >&2
    echo "FAILED stderr does not name the kernel $name" >&2
    exit 1
  fi
done
[ "$("$here/../run.sh" bash -c 'exit 7' 2>/dev/null || echo $?)" = 7 ] || { echo "FAILED run.sh loses an exit code" >&2; exit 1; }
echo "everything that was refused is named on stderr"
