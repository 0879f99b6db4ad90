#!/usr/bin/env python3
"""Run clf-bench and torch_step.py in turn and print the ratio of each pair as Markdown rows.

  cargo build --release -p clf-bench
  python3 framework/bench/pair.py --python PYTHON_WITH_TORCH                  # the table of the README
  python3 framework/bench/pair.py --python ... --only mini --pairs 3 --quick  # a look
  python3 framework/bench/pair.py --device cuda:0 --clf ./clf-bench --clf-args '--precision bf16' --torch-args=--bf16

Each measurement is a process of its own. A pair is one of clf-bench and, right after it, one of torch_step.py; the ratio
is clf over PyTorch, so below 1 clf is faster. Printed are the medians over the pairs, and the range of the ratio. Nothing
else may run on the machine: PyTorch suffers far more than clf from a second job on its cores.

Rows compare like with like: the same towers, batches, texts at their true length of at most 16, the teacher's text
features cached on both sides. `as published` lets PyTorch do what the published code does, which recomputes the
teacher's texts in every step, padded to 77 positions.
"""
import argparse
import json
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIKE = ["--text-length", "16", "--teacher-text", "cached"]
PUBLISHED = ["--text-length", "77", "--teacher-text", "recompute"]


def step(model, batch, classes, texts, image="recompute", torch=LIKE):
    shared = ["--model", model, "--batch", batch, "--classes", classes, "--ref-texts", texts]
    ours = ["step", *shared, "--teacher-text", "cached", "--teacher-image", image]
    return ours, [*shared, *torch, "--teacher-image", image]


def evaluation(model, batch, classes):
    shared = ["--model", model, "--batch", batch, "--classes", classes]
    return ["eval", *shared], ["--evaluate", *shared, "--text-length", "16"]


# Title, the two command lines, and the number of timed laps of each.
ROWS = {
    "cpu": [
        ("mini, step, 64 + 64 images", step("mini", 64, 100, 1000), 20),
        ("mini, step, 64 + 64 images, teacher's images cached", step("mini", 64, 100, 1000, "cached"), 20),
        ("mini, step, 64 + 64 images, PyTorch as published", step("mini", 64, 100, 1000, torch=PUBLISHED), 10),
        ("mini, evaluation, batches of 128", evaluation("mini", 128, 100), 30),
        ("ViT-B-16, step, 8 + 8 images", step("vit-b-16", 8, 32, 100), 3),
        ("ViT-B-16, step, 32 + 32 images", step("vit-b-16", 32, 100, 1000), 1),
        ("ViT-B-16, step, 8 + 8 images, teacher's images cached", step("vit-b-16", 8, 32, 100, "cached"), 3),
        ("ViT-B-16, evaluation, batches of 16", evaluation("vit-b-16", 16, 100), 5),
    ],
    "cuda": [
        ("ViT-B-16, step, 64 + 64 images, 1000 texts", step("vit-b-16", 64, 100, 1000), 20),
        ("ViT-B-16, step, 64 + 64 images, 13000 texts", step("vit-b-16", 64, 100, 13000), 20),
        ("ViT-B-16, step, 64 + 64 images, 1000 texts, teacher's images cached", step("vit-b-16", 64, 100, 1000, "cached"), 20),
        ("ViT-B-16, step, 64 + 64 images, 1000 texts, PyTorch as published", step("vit-b-16", 64, 100, 1000, torch=PUBLISHED), 10),
        ("ViT-B-16, evaluation, batches of 256", evaluation("vit-b-16", 256, 100), 20),
    ],
}


def measure(command):
    """The JSON that a measurement prints; ends the program where there is none."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)}\nended with {done.returncode}:\n{done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def pair(clf, torch, pairs):
    """Measurements of both sides in turn."""
    ours, theirs = [], []
    for _ in range(pairs):
        ours.append(measure(clf))
        theirs.append(measure(torch))
    return ours, theirs


def median(reports, key):
    values = [report[key] for report in reports if report.get(key) is not None]
    return statistics.median(values) if values else float("nan")


def row(title, ours, theirs):
    ratios = [a["ms_median"] / b["ms_median"] for a, b in zip(ours, theirs)]
    cells = [
        title,
        f"{median(ours, 'ms_median'):.1f}",
        f"{median(theirs, 'ms_median'):.1f}",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{median(ours, 'peak_mib'):.0f}",
        f"{median(theirs, 'peak_mib'):.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--clf", default=HERE.parent.parent / "target/release/clf-bench", help="the program clf-bench")
    p.add_argument("--python", default=sys.executable, help="a Python with torch")
    p.add_argument("--device", default="cpu", help="cpu or cuda:N")
    p.add_argument("--threads", default="2")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--only", default="", help="rows whose title has this text")
    p.add_argument("--quick", action="store_true", help="one timed lap after one of warm-up")
    p.add_argument("--clf-args", default="", help="more arguments for clf-bench")
    p.add_argument("--torch-args", default="", help="more arguments for torch_step.py")
    p.add_argument("--json", metavar="FILE", help="keep every measurement, a line each")
    a = p.parse_args()
    rows = [r for r in ROWS["cuda" if a.device.startswith("cuda") else "cpu"] if a.only.lower() in r[0].lower()]
    if not rows:
        sys.exit(f"no row has {a.only!r} in its title")
    print("| what | clf ms | PyTorch ms | clf / PyTorch (range of pairs) | clf MiB | PyTorch MiB |")
    print("|---|---|---|---|---|---|")
    for title, (ours, theirs), laps in rows:
        laps = ["--steps", 1, "--warmup", 1] if a.quick else ["--steps", laps, "--warmup", 3]
        around = [*laps, "--device", a.device, "--threads", a.threads, "--json"]
        clf = [str(x) for x in [a.clf, *ours, *around, *shlex.split(a.clf_args)]]
        torch = [str(x) for x in [a.python, HERE / "torch_step.py", *theirs, *around, *shlex.split(a.torch_args)]]
        ours, theirs = pair(clf, torch, a.pairs)
        print(row(title, ours, theirs), flush=True)
        if a.json:
            with open(a.json, "a", encoding="utf-8") as file:
                for side, reports in (("clf", ours), ("torch", theirs)):
                    file.writelines(json.dumps({"row": title, "side": side, **report}) + "\n" for report in reports)


if __name__ == "__main__":
    main()
