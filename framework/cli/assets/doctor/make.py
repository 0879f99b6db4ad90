#!/usr/bin/env python3
"""Writes what open_clip and PyTorch compute, for `clf doctor` to compare with.

    PYTHON_WITH_TORCH make.py                        # mini-clip.json, the record of the built-in model
    PYTHON_WITH_TORCH make.py WEIGHTS [--gelu]       # WEIGHTS.logits.json, beside weights of your own

Needs torch, open_clip_torch and safetensors. Images are made by a formula that `clf doctor` has as well.
"""

import argparse
import gzip
import json
import math
import tempfile
from pathlib import Path

import open_clip
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer, default_bpe
from safetensors.torch import load_file

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
TEXTS = ["a red circle.", "a photo of a café, naïve &amp; plain", "two blue stars on a 日本 flag 🙂", "the number 7"]
# Training: AdamW, no label smoothing, half a cosine.
STEPS, RATE = 3, 5e-4


def image(number, side):
    """Pixels `[3, side, side]` of picture `number`, as integers."""
    y, x, c = torch.arange(side).view(1, -1, 1), torch.arange(side).view(1, 1, -1), torch.arange(3).view(-1, 1, 1)
    return (x * 7 + y * 13 + c * 31 + number * 57 + x * y * (number + 1)) % 256


def images(side):
    return torch.stack([(image(number, side).float() / 255 - MEAN) / STD for number in range(4)])


def tokenizer(vocabulary):
    """OpenAI's tokenizer, with the first merges alone where the vocabulary is smaller."""
    if vocabulary == 49408:
        return SimpleTokenizer()
    lines = gzip.open(default_bpe()).read().decode().split("\n")
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        Path(file.name).write_bytes(gzip.compress("\n".join(lines[: 1 + vocabulary - 514]).encode()))
        return SimpleTokenizer(bpe_path=file.name)


def model(weights, gelu, heads):
    """The class `CLIP` of open_clip in the shape of `weights`."""
    width, _, patch, _ = weights["visual.conv1.weight"].shape
    text = weights["ln_final.weight"].numel()
    layers = lambda prefix: 1 + max(int(key[len(prefix):].split(".")[0]) for key in weights if key.startswith(prefix))
    grid = math.isqrt(weights["visual.positional_embedding"].shape[0] - 1)
    vision = dict(image_size=grid * patch, patch_size=patch, width=width, head_width=width // heads(width),
                  layers=layers("visual.transformer.resblocks."))
    words = dict(context_length=weights["positional_embedding"].shape[0], width=text, heads=heads(text),
                 vocab_size=weights["token_embedding.weight"].shape[0], layers=layers("transformer.resblocks."))
    clip = CLIP(weights["text_projection"].shape[1], vision, words, quick_gelu=not gelu)
    clip.load_state_dict(weights, strict=True)
    return clip.float(), grid * patch, words["vocab_size"]


def read(path):
    """Weights by OpenAI's names, from safetensors or OpenAI's own archives."""
    if path.suffix == ".safetensors":
        return load_file(path)
    weights = torch.jit.load(path, map_location="cpu").state_dict()
    return {key: value for key, value in weights.items() if key not in ("input_resolution", "context_length", "vocab_size")}


def features(clip, pixels, tokens):
    return clip.encode_image(pixels, normalize=True), clip.encode_text(tokens, normalize=True)


def train(clip, pixels, tokens):
    """Losses of steps in which each picture belongs to the text of its number."""
    names = [value for name, value in clip.named_parameters() if name != "logit_scale"]
    optimizer = torch.optim.AdamW(names, lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    losses = []
    for step in range(STEPS + 1):
        optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        picture, text = features(clip, pixels, tokens)
        loss = torch.nn.functional.cross_entropy(clip.logit_scale.exp().detach() * picture @ text.T, torch.arange(4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", nargs="?", type=Path)
    parser.add_argument("--gelu", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    here = Path(__file__).parent
    own = arguments.weights
    weights = {key: value.float() for key, value in read(own or here.parent / "mini-clip.safetensors").items()}
    clip, side, vocabulary = model(weights, arguments.gelu, (lambda width: width // 64) if own else (lambda _: 4))
    tokens = tokenizer(vocabulary)(TEXTS)
    pixels = images(side)
    with torch.no_grad():
        picture, text = features(clip, pixels, tokens)
    ids = [[int(token) for token in row[: int(row.argmax()) + 1]] for row in tokens]
    logits = (100 * picture.double() @ text.double().T).tolist()
    record = {"made-by": f"open_clip {open_clip.__version__}, PyTorch {torch.__version__}", "texts": TEXTS, "ids": ids,
              "logits": logits}
    if not own:
        record |= {"learning-rate": RATE, "losses": train(clip, pixels, tokens)}
    out = own.with_name(own.name + ".logits.json") if own else here / "mini-clip.json"
    out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(out)


if __name__ == "__main__":
    main()
