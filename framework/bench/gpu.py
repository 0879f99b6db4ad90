#!/usr/bin/env python3
"""The stages of gpu.sh: parity, step, eval. Each fails loudly: what is wrong or missing ends it with exit code 1."""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# A stage that is not through by then stops: the machine is lent by the command.
DEADLINE = time.monotonic() + 570
# Largest difference of any metric between bf16 and f32, in points.
POINTS = 0.5
# What the golden suite compares bit by bit, which kernels chosen by measuring do not promise.
BIT_EXACT = ["golden_losses_do_not_depend_on_caching"]

# image, patch, width, layers; width, layers; embed
SHAPES = {"mini": (32, 8, 128, 4, 128, 4, 128), "vit-b-16": (224, 16, 768, 12, 512, 12, 512)}


def tower(length, width, layers):
    """FLOP of one sequence through a transformer: 12 w^2 weights a position, and two products over all pairs."""
    return layers * (24 * length * width**2 + 4 * length**2 * width)


def flops(model, batch, classes, texts, length, recompute_text=False, recompute_image=True):
    """FLOP of one ZSCL step with everything computed: 35.13 GFLOP an image and 1.21 a text of 16 for ViT-B-16.

    A gradient costs twice the forward; the pixels need none.
    """
    size, patch, vw, vl, tw, tl, embed = SHAPES[model]
    patches = (size // patch) ** 2
    embedding = 2 * 3 * patch**2 * vw * patches
    image = tower(patches + 1, vw, vl) + embedding + 2 * vw * embed
    text = tower(length, tw, tl) + 2 * tw * embed
    student = 2 * batch * (3 * image - embedding) + 3 * classes * text
    logits = 2 * embed * batch * (3 * classes + 4 * texts)
    return student + batch * image * recompute_image + texts * text * recompute_text + logits


def fail(text):
    sys.exit(f"gpu.py: {text}")


def run(command, env=None, patience=280, watch=False):
    """stdout of `command` and the most memory of the GPU in use meanwhile, in MiB."""
    left = DEADLINE - time.monotonic()
    if left < 20:
        fail(f"out of time before {shlex.join(map(str, command))}")
    peak, stop = [None], threading.Event()
    if watch:
        threading.Thread(target=sample_memory, args=(peak, stop), daemon=True).start()
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=min(patience, left), env={**os.environ, **(env or {})}
        )
    except subprocess.TimeoutExpired:
        fail(f"{shlex.join(map(str, command))}: no end within {min(patience, left):.0f} s")
    except OSError as error:
        fail(f"cannot start {command[0]}: {error}")
    finally:
        stop.set()
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        fail(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{tail}")
    return done.stdout, peak[0]


def sample_memory(peak, stop):
    ask = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    while not stop.wait(0.2):
        try:
            used = int(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()[0])
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            return
        peak[0] = max(peak[0] or 0, used)


def keep(a, **values):
    with open(a.out, "a", encoding="utf-8") as file:
        file.write(json.dumps({"stage": a.stage, "device": a.device, **values}) + "\n")


def parity(a):
    suites = [("golden", {}), ("golden", {"CUBECL_AUTOTUNE_LEVEL": "full"})]
    if (a.bin / "golden-fusion").exists():
        suites += [("golden-fusion", {}), ("golden-fusion", {"BURN_FUSION_MAX_EXPLORATIONS": "0"})]
    for name, env in suites[: 1 if a.dry_run else None]:
        skip = [part for test in BIT_EXACT for part in ("--skip", test)]
        only = ["golden_zscl_full", "golden_forward"] if a.dry_run else ["golden_"]
        around = {"CLF_TEST_DEVICE": a.device, "CLF_GOLDEN": str(a.golden), **env}
        started = time.monotonic()
        out, _ = run([a.bin / name, *only, *skip, "--test-threads", 1], around, patience=400)
        seconds = time.monotonic() - started
        print(f"- {name} {env or ''}: {out.strip().splitlines()[-1]} ({seconds:.0f} s)", flush=True)
        keep(a, suite=name, env=env, seconds=seconds)
    halves(a)


def halves(a):
    """The same run in f32 and in bf16: every metric within half a point."""
    metrics = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in ["f32", "f32" if a.dry_run else "bf16"]:
            place = Path(folder) / f"{precision}-{len(metrics)}"
            short = ["--set", "train.steps=2"] if a.dry_run else []
            scenario = ["run", "--method", "zscl", "--scenario", "mtil-mini", "--seed", 0, "--json"]
            command = [a.bin / "clf", *scenario, "--device", a.device, "--precision", precision, "--out", place, *short]
            out, _ = run(command)
            metrics[place.name] = json.loads(out)["metrics"]
    (first, one), (second, other) = metrics.items()
    if one.keys() != other.keys() or not one:
        fail(f"{first} has the metrics {sorted(one)}, {second} {sorted(other)}")
    for name, value in one.items():
        print(f"- {name}: {value:.2f} in f32, {other[name]:.2f} in {second.rsplit('-', 1)[0]}")
        if abs(value - other[name]) > POINTS:
            fail(f"{name} differs by more than {POINTS} points")
    keep(a, f32=one, other=other)


def peaks(a):
    """FLOP/s of a large product in PyTorch, by precision."""
    code = """
import json, sys, time, torch
device, n = sys.argv[1], int(sys.argv[2])
found = {}
for name, dtype, tf32 in [("bf16", torch.bfloat16, False), ("tf32", torch.float32, True), ("f32", torch.float32, False)]:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in "ab")
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    times = []
    for i in range(13):
        wait(); start = time.perf_counter(); a @ b; wait()
        times.append(time.perf_counter() - start)
    found[name] = 2 * n**3 / sorted(times[3:])[5]
print(json.dumps(found))
"""
    out, _ = run([sys.executable, "-c", code, a.device, 256 if a.dry_run else 8192])
    found = json.loads(out)
    print("matrix products in PyTorch: " + ", ".join(f"{name} {value / 1e12:.1f} TFLOP/s" for name, value in found.items()))
    keep(a, peaks=found)
    return found


def torch_flags(precision):
    return {"bf16": ["--bf16"], "tf32": ["--tf32"], "f32": []}[precision]


def compare(a, title, ours, theirs, flop, peak, precision, unit):
    """One row for clf and one for each way of running PyTorch."""
    laps = ["--warmup", 1, "--steps", 1] if a.dry_run else ["--warmup", 4, "--steps", 10]
    around = [*laps, "--device", a.device, "--json"]
    out, used = run([a.bin / "clf-bench", *ours, "--precision", precision, *around], watch=not a.dry_run)
    sides = [("clf", json.loads(out), used)]
    for name, flags in [("PyTorch eager", []), ("PyTorch --compile", ["--compile"])][: 1 if a.dry_run else None]:
        command = [sys.executable, HERE / "torch_step.py", *theirs, *torch_flags(precision), *flags, *around]
        out, used = run(command, watch=not a.dry_run)
        sides.append((name, json.loads(out.splitlines()[-1]), used))
    for name, report, used in sides:
        ms = report["ms_median"]
        rate = flop / ms * 1e3
        ratio = sides[0][1]["ms_median"] / ms
        memory = used or report["peak_mib"]
        cells = [title, precision, name, f"{ms:.1f}", f"{unit * 1e3 / ms:.0f}", f"{rate / 1e12:.2f}", f"{100 * rate / peak:.0f}%", f"{memory:.0f}", f"{ratio:.2f}"]
        print("| " + " | ".join(cells) + " |", flush=True)
        keep(a, title=title, precision=precision, side=name, flop=flop, peak=peak, gpu_mib=used, report=report)


HEADER = "| what | precision | by | ms | images/s | TFLOP/s | of the peak | MiB | clf over it |\n|---|---|---|---|---|---|---|---|---|"


def precisions(a):
    return ["f32"] if a.dry_run else ["bf16", "tf32"]


def step(a):
    top = peaks(a)
    print(HEADER)
    model, batch, classes, counts = ("mini", 4, 5, [10]) if a.dry_run else ("vit-b-16", 64, 100, [1000, 13000])
    for texts in counts:
        for precision in precisions(a):
            shared = ["--model", model, "--batch", batch, "--classes", classes, "--ref-texts", texts, "--text-length", 16, "--teacher-text", "cached"]
            title = f"{model}, {batch} + {batch} images, {texts} texts"
            flop = flops(model, batch, classes, texts, 16)
            compare(a, title, ["step", *shared], shared, flop, top[precision], precision, 2 * batch)


def evaluate(a):
    top = peaks(a)
    print(HEADER)
    model, batch, classes = ("mini", 4, 5) if a.dry_run else ("vit-b-16", 256, 100)
    size, patch, width, layers, _, _, embed = SHAPES[model]
    patches = (size // patch) ** 2
    image = tower(patches + 1, width, layers) + 6 * patch**2 * width * patches + 2 * width * embed
    for precision in precisions(a):
        shared = ["--model", model, "--batch", batch, "--classes", classes]
        compare(a, f"{model}, scoring {batch} images", ["eval", *shared], ["--evaluate", *shared], batch * image, top[precision], precision, batch)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("stage", choices=["parity", "step", "eval"])
    p.add_argument("--dry-run", action="store_true", help="on the CPU, with tiny sizes")
    p.add_argument("--device", default="cuda:0")
    p.add_argument("--out", default="gpu.jsonl", help="file for all measurements")
    a = p.parse_args()
    a.bin = Path(os.environ.get("CLF_BIN", HERE / "bin"))
    a.golden = Path(os.environ.get("CLF_GOLDEN", HERE / "golden"))
    if a.dry_run:
        a.device = "cpu"
    # The formula, against the counts of an operator counter.
    if abs(flops("vit-b-16", 64, 100, 1000, 77, True) / 23454.944e9 - 1) > 1e-3:
        fail("the FLOP formula is off")
    print(f"\n## {a.stage} on {a.device}\n", flush=True)
    {"parity": parity, "step": step, "eval": evaluate}[a.stage](a)
    print(f"\n{a.stage}: done")


if __name__ == "__main__":
    main()
