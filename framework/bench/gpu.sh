#!/bin/sh
# Checks and times clf on a GPU machine that has no cargo; pack.sh makes what lies beside this script.
#
#   ./gpu.sh parity|step|eval|all       each stage ends within ten minutes; `all` is the three in turn
#   ./gpu.sh parity --dry-run           the same on the CPU with tiny sizes
#
# CLF_BIN names another folder with clf, clf-bench and golden, CLF_GOLDEN one with the recorded trajectories, PYTHON a
# Python with PyTorch. Results are printed as Markdown and kept, a JSON line each, in gpu.jsonl.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
stage=${1:-all}
case $stage in
parity | step | eval | all) shift ;;
*)
    echo "usage: gpu.sh parity|step|eval|all [--dry-run] [--device cuda:0]" >&2
    exit 2
    ;;
esac

# NVRTC and CUDA's headers: a toolkit, or the packages that PyTorch brings.
if [ -z "${CUDA_PATH:-}" ]; then
    for folder in /usr/local/cuda /opt/cuda "$("$python" -c 'import nvidia, os; print(os.path.join(list(nvidia.__path__)[0], "cu13"))' 2>/dev/null || true)"; do
        if [ -n "$folder" ] && [ -f "$folder/include/cuda_bf16.h" ]; then
            CUDA_PATH=$folder
            export CUDA_PATH
            break
        fi
    done
fi
if [ -n "${CUDA_PATH:-}" ]; then
    LD_LIBRARY_PATH=$CUDA_PATH/lib64:$CUDA_PATH/lib:$CUDA_PATH/targets/x86_64-linux/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
fi

if [ "$stage" = all ]; then
    for one in parity step eval; do
        "$python" "$here/gpu.py" "$one" "$@"
    done
else
    "$python" "$here/gpu.py" "$stage" "$@"
fi
