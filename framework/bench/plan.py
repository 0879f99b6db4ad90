#!/usr/bin/env python3
"""Plans runs, makes them, and prints what was planned over what was measured.

    cargo build --release && python3 framework/bench/plan.py [--repeat 3] [--large]

The runs are the whole of `finetune` and `zscl` on `mtil-mini` and, with `--large`, a few steps of ZSCL with random weights of
the ViT-B-16 shape (up to 6 GB of memory and some ten minutes). Plan and run follow each other at once. On a machine that does
other work as well, compare the time of cores: that of the clock depends on the neighbours.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MINI = [
    ("mini, finetune, whole run", "--method finetune --scenario mtil-mini"),
    ("mini, ZSCL, whole run", "--method zscl --scenario mtil-mini"),
]
LARGE = ("ViT-B-16, ZSCL, {batch} + {batch} images", "--method zscl --scenario large.toml --model vit.safetensors --limit-test 16 "
         "--set train.batch-size={batch} --set train.reference-batch-size={batch} --set train.steps={steps} --set eval.batch-size=16")
# Two tasks of different numbers of classes, with the pictures of the mini world made large.
SCENARIO = """summary = "For timing."
model = "ViT-B-16"
procedure = "mtil"
tasks = [{ dataset = "mini:colours" }, { dataset = "mini:objects" }]
[reference]
images = "mini:captions"
texts = "mini:captions"
texts-limit = 100
"""


def peak_of(pid, found):
    """Follows the largest resident memory of a process, in MiB, until it is gone."""
    while True:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            return
        for line in lines:
            if line.startswith("VmHWM:"):
                found[0] = int(line.split()[1]) / 1024
        time.sleep(0.02)


def measure(program, arguments, folder):
    """Seconds, seconds of cores and peak memory of a run, and the bytes that it left."""
    used = os.times()
    started = time.monotonic()
    process = subprocess.Popen([program, "run", *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0.0]
    watcher = threading.Thread(target=peak_of, args=(process.pid, peak))
    watcher.start()
    said = process.communicate()[1]
    seconds, now = time.monotonic() - started, os.times()
    watcher.join()
    if process.returncode:
        sys.exit(said.decode())
    cores = now.children_user + now.children_system - used.children_user - used.children_system
    files = sum(path.stat().st_size for path in (Path(folder) / "run").rglob("*") if path.is_file())
    return {"seconds": seconds, "cores": cores, "peak": peak[0], "disk": files}


def plan(program, arguments, folder):
    made = subprocess.run([program, "plan", "--json", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if made.returncode:
        sys.exit(made.stderr.decode())
    made = json.loads(made.stdout)
    return {"seconds": made["total-seconds"], "cores": made["cpu-seconds"], "peak": made["peak-mib"], "disk": made["disk-bytes"]}


def row(name, pairs):
    """A row of the table: measured medians, and planned over measured as a median with its range."""
    cells = [name]
    for key, scale, unit in [("seconds", 1, "s"), ("cores", 1, "s"), ("peak", 1, "MiB"), ("disk", 1e6, "MB")]:
        ratios = [planned[key] / found[key] for planned, found in pairs]
        middle = statistics.median(found[key] for _, found in pairs) / scale
        spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
        cells.append(f"{middle:.4g} {unit}, {statistics.median(ratios):.2f}{spread}")
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="target/release/clf")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only-large", action="store_true")
    arguments = parser.parse_args()
    program = str(Path(arguments.program).resolve())
    print("| run | time | time of cores | peak memory | disk |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        rows = [] if arguments.only_large else list(MINI)
        if arguments.large or arguments.only_large:
            (Path(folder) / "large.toml").write_text(SCENARIO)
            pretrain = "pretrain --model ViT-B-16 --pairs mini:captions --steps 1 --set batch-size=1 --out vit.safetensors --device cpu"
            subprocess.run([program, *pretrain.split()], cwd=folder, check=True, stderr=subprocess.DEVNULL)
            rows.append([text.format(batch=arguments.batch, steps=arguments.steps) for text in LARGE])
        for name, text in rows:
            words = [*text.split(), "--device", "cpu", "--out", "run"]
            pairs = [(plan(program, words, folder), measure(program, [*words, "--overwrite"], folder)) for _ in range(arguments.repeat)]
            print(row(name, pairs), flush=True)


if __name__ == "__main__":
    main()
