"""Images a second with Pillow and torchvision, on one thread: the pair of preprocess.rs beside it.

    python preprocess.py FOLDER [SIZE] [ROUNDS]

Reads every JPEG under FOLDER; prints the fastest of the rounds for every stage, by the time
of the processor, so that what else runs on the machine matters little. The transforms are those of OpenAI's
CLIP and of ZSCL: Resize(n, bicubic), CenterCrop(n) or RandomResizedCrop(n, scale=(0.9, 1)), ToTensor, Normalize.
"""

import sys
import time
from pathlib import Path

import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def decode(path):
    return Image.open(path).convert("RGB")


def main():
    folder = Path(sys.argv[1])
    size, rounds = (int(value) for value in (sys.argv[2:] + ["224", "5"][len(sys.argv) - 2 :])[:2])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    bicubic = T.InterpolationMode.BICUBIC
    test = T.Compose([T.Resize(size, bicubic), T.CenterCrop(size)])
    train = T.RandomResizedCrop(size, scale=(0.9, 1.0), interpolation=bicubic)
    pixels = T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])

    versions = f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}"
    print(f"{len(paths)} JPEG files, {size} pixels, best of {rounds} rounds, images a second of CPU time ({versions})")
    images = [decode(path) for path in paths]
    resized = [test(image) for image in images]
    stages = {
        "decode": (decode, paths),
        "resize and crop": (test, images),
        "random crop and resize": (train, images),
        "normalise": (pixels, resized),
        "test transform in all": (lambda path: pixels(test(decode(path))), paths),
        "train transform in all": (lambda path: pixels(train(decode(path))), paths),
    }
    for name, (stage, inputs) in stages.items():
        best = float("inf")
        for _ in range(rounds):
            started = time.thread_time()
            for value in inputs:
                stage(value)
            best = min(best, time.thread_time() - started)
        print(f"{name:24} {len(inputs) / best:9.1f}")


main()
