"""Exchanges random weights of the true ViT-B/16 shape with open_clip and transformers, both ways, and compares features.

    cargo build --release -p clf -p clf-clip --examples --bins
    PYTHON framework/clip/examples/interchange.py

PYTHON needs torch, safetensors, open_clip_torch and transformers; 6 GB of memory, and 4 GB of disk for a while. Every line is
one file: its largest difference from PyTorch's features, relative to the largest feature, in 32-bit arithmetic.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

LIMIT = 1e-4
CONTEXT, END = 77, 49407
ROOT = Path(__file__).resolve().parents[3]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    release = ROOT / "target/release"
    parser.add_argument("--clf", default=release / "clf", help="the program")
    parser.add_argument("--features", default=release / "examples/features", help="the example that computes features")
    return parser.parse_args()


def inputs(folder):
    """Two noise images and three texts of different lengths."""
    pixels = torch.randn(2, 3, 224, 224)
    tokens = torch.zeros(3, CONTEXT, dtype=torch.long)
    for row, length in zip(tokens, (5, 12, CONTEXT)):
        row[0] = END - 1
        row[1 : length - 1] = torch.randint(1, END - 1, (length - 2,))
        row[length - 1] = END
    save_file({"pixels": pixels, "tokens": tokens}, folder / "inputs.safetensors")
    return pixels, tokens


def randomize(model):
    """Weights like those of a trained model: norms are not one, biases are not zero."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() < 2 and name != "logit_scale":
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def open_clip_model(quick):
    return open_clip.create_model("ViT-B-16-quickgelu" if quick else "ViT-B-16", pretrained=None, precision="fp32").eval()


def transformers_model(quick):
    activation = "quick_gelu" if quick else "gelu"
    sizes = {"projection_dim": 512}
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    text = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8}
    vision |= {"patch_size": 16, "image_size": 224, "hidden_act": activation} | sizes
    text |= {"hidden_act": activation, "bos_token_id": END - 1, "eos_token_id": END} | sizes
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, **sizes)).eval()


@torch.no_grad()
def features(model, pixels, tokens):
    """Features of either kind of model, before they have length one."""
    if isinstance(model, CLIPModel):
        image = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
        return image, model.text_projection(model.text_model(input_ids=tokens).pooler_output)
    return model.encode_image(pixels), model.encode_text(tokens)


def torchscript(model, pixels, tokens, path):
    """An archive like OpenAI's: traced, with weights of 16 bits and the sizes as tensors."""
    for name, size in [("input_resolution", 224), ("context_length", CONTEXT), ("vocab_size", END + 1)]:
        if hasattr(model, name):
            delattr(model, name)
        model.register_buffer(name, torch.tensor(size), persistent=True)
    traced = torch.jit.trace(model, (pixels, tokens), check_trace=False)
    for parameter in traced.parameters():
        parameter.data = parameter.data.half()
    torch.jit.save(traced, path)


def halved(model):
    """The model with every weight rounded to 16 bits."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model


class Check:
    """Compares features, and remembers the worst difference."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.worst = arguments, folder, 0.0
        self.pixels, self.tokens = inputs(folder)

    def report(self, what, ours, theirs):
        parts = [((a - b).abs().max() / b.abs().max()).item() for a, b in zip(ours, theirs)]
        self.worst = max([self.worst, *parts])
        print(f"{what:64} images {parts[0]:.1e}  texts {parts[1]:.1e}", flush=True)

    def clf_reads(self, what, path, quick, theirs):
        """Features that clf computes from a file of another program."""
        out = self.folder / "features.safetensors"
        activation = "quick-gelu" if quick else "gelu"
        command = [self.arguments.features, path, self.folder / "inputs.safetensors", out, activation]
        subprocess.run(command, check=True)
        ours = load_file(out)
        self.report(f"clf reads {what}", (ours["image_features"], ours["text_features"]), theirs)

    def clf_writes(self, what, path, layout, model, theirs, *options):
        """Features of `model` with weights that clf has converted from `path`."""
        out = self.folder / "converted.safetensors"
        command = [self.arguments.clf, "model", "convert", path, out, "--to", layout, "--json", "--overwrite", *options]
        tensors = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["tensors"]
        model.load_state_dict(load_file(out), strict=True)
        self.report(f"{what}, {tensors} tensors", features(model, self.pixels, self.tokens), theirs)


def check_open_clip(check, quick):
    folder, kind = check.folder, "open_clip, " + ("QuickGELU" if quick else "GELU")
    model = randomize(open_clip_model(quick))
    theirs = features(model, check.pixels, check.tokens)
    weights = folder / "open-clip.safetensors"
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)
    check.clf_reads(f"{kind}, safetensors", weights, quick, theirs)
    torch.save(model.state_dict(), folder / "open-clip.bin")
    check.clf_reads(f"{kind}, .bin", folder / "open-clip.bin", quick, theirs)
    activation = ("--activation", "quick-gelu" if quick else "gelu")
    check.clf_writes(f"{kind} reads its .bin through clf", folder / "open-clip.bin", "open-clip", open_clip_model(quick), theirs, *activation)
    check.clf_writes(f"transformers reads {kind} through clf", weights, "hugging-face", transformers_model(quick), theirs, *activation)
    if quick:
        script = folder / "ViT-B-16.pt"
        torchscript(model, check.pixels, check.tokens, script)
        halves = features(halved(open_clip_model_like(model, quick)), check.pixels, check.tokens)
        check.clf_reads("TorchScript archive, 16 bits", script, quick, halves)
        for layout, reader in [("openai", open_clip_model), ("hugging-face", transformers_model)]:
            what = f"{'open_clip' if layout == 'openai' else 'transformers'} reads the archive through clf"
            check.clf_writes(what, script, layout, reader(quick), halves, "--half", *activation)


def open_clip_model_like(model, quick):
    """A copy without the buffers that the archive needs."""
    copy = open_clip_model(quick)
    known = copy.state_dict().keys()
    copy.load_state_dict({name: value for name, value in model.state_dict().items() if name in known}, strict=True)
    return copy


def check_transformers(check, quick):
    folder, kind = check.folder, "transformers, " + ("QuickGELU" if quick else "GELU")
    model = randomize(transformers_model(quick))
    theirs = features(model, check.pixels, check.tokens)
    model.save_pretrained(folder / "transformers")
    check.clf_reads(f"{kind}, safetensors", folder / "transformers/model.safetensors", quick, theirs)
    torch.save(model.state_dict(), folder / "transformers.bin")
    check.clf_reads(f"{kind}, .bin", folder / "transformers.bin", quick, theirs)
    weights = folder / "transformers/model.safetensors"
    check.clf_writes(f"open_clip reads {kind} through clf", weights, "open-clip", open_clip_model(quick), theirs)
    check.clf_writes(f"transformers reads {kind} through clf", weights, "hugging-face", transformers_model(quick), theirs)


def main():
    arguments = parse()
    # Random weights are what is wanted here.
    logging.disable(logging.WARNING)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        check = Check(arguments, Path(folder))
        for quick in (True, False):
            check_open_clip(check, quick)
            check_transformers(check, quick)
    print(f"largest difference {check.worst:.1e}, limit {LIMIT:.0e}")
    sys.exit(check.worst > LIMIT)


if __name__ == "__main__":
    main()
