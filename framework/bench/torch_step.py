#!/usr/bin/env python3
"""Time one ZSCL training step of CLIP in PyTorch: the peer that clf is paired with.

  python3 torch_step.py --model vit-b-16 --batch 64 --classes 100 --ref-texts 1000 --teacher-text recompute
  python3 torch_step.py --model mini --threads 2 --json
  python3 torch_step.py --model vit-b-16 --evaluate --batch 128

Step: cross entropy on `batch` images x `classes` texts + image and text distillation on `batch` reference
images against `ref-texts` texts (T = 2) + l2 to the start weights (weight 1) + AdamW. Random weights and
pixels; timing only. --teacher-text recompute is what the reference implementation does each step; cached is
the best known Python variant. --teacher-image cached also skips the teacher's image forward.
--text-length N encodes texts at N positions (77 = padded, as the reference does).
--evaluate times the scoring of test images instead: encode, compare with the class texts, take the best.
Needs torch only. On CUDA the time is from events, after warm-up, median of --steps.
"""
import argparse, json, math, statistics, time
import torch
import torch.nn.functional as F
from torch import nn

MODELS = {  # image, patch, v_width, v_layers, v_heads, t_width, t_layers, t_heads, embed, vocab
    "mini": (32, 8, 128, 4, 4, 128, 4, 4, 128, 1024),
    "vit-b-32": (224, 32, 768, 12, 12, 512, 12, 8, 512, 49408),
    "vit-b-16": (224, 16, 768, 12, 12, 512, 12, 8, 512, 49408),
    "vit-l-14": (224, 14, 1024, 24, 16, 768, 12, 12, 768, 49408),
}


class Block(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(a.transpose(1, 2).reshape(b, n, w))
        h = self.fc(self.ln_2(x))
        return x + self.proj(h * torch.sigmoid(1.702 * h))


class Clip(nn.Module):
    def __init__(self, image, patch, vw, vl, vh, tw, tl, th, embed, vocab):
        super().__init__()
        self.conv = nn.Conv2d(3, vw, patch, patch, bias=False)
        self.cls = nn.Parameter(torch.randn(vw) * vw**-0.5)
        self.vpos = nn.Parameter(torch.randn((image // patch) ** 2 + 1, vw) * vw**-0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(vw), nn.LayerNorm(vw)
        self.vblocks = nn.Sequential(*[Block(vw, vh, False) for _ in range(vl)])
        self.vproj = nn.Parameter(torch.randn(vw, embed) * vw**-0.5)
        self.tok = nn.Embedding(vocab, tw)
        self.tpos = nn.Parameter(torch.randn(77, tw) * 0.01)
        self.tblocks = nn.Sequential(*[Block(tw, th, True) for _ in range(tl)])
        self.ln_final = nn.LayerNorm(tw)
        self.tproj = nn.Parameter(torch.randn(tw, embed) * tw**-0.5)

    def image(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], 1, -1).to(x.dtype), x], 1) + self.vpos
        return F.normalize(self.ln_post(self.vblocks(self.ln_pre(x))[:, 0]) @ self.vproj, dim=-1)

    def text(self, t):
        x = self.tblocks(self.tok(t) + self.tpos[: t.shape[1]])
        return F.normalize(self.ln_final(x)[torch.arange(t.shape[0]), t.argmax(1)] @ self.tproj, dim=-1)


def distill(t, s, T=2.0):
    return F.cross_entropy(s / T, F.softmax(t / T, 1)) * T * T


def report(a, dev, ms, **more):
    """One line, for people or as JSON; `clf-bench` gives the same names."""
    if dev.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out = dict(vars(a), torch=torch.__version__, ms_median=statistics.median(ms), ms_min=min(ms), ms_max=max(ms), **more)
    out["peak_mib"] = round(peak)
    extra = "".join(f", {value:.1f} {name.replace('_', ' ')}" for name, value in more.items())
    print(json.dumps(out) if a.json else f"{a.model} {a.device} batch {a.batch}: median {out['ms_median']:.1f} ms (min {out['ms_min']:.1f}, max {out['ms_max']:.1f}){extra}, peak {out['peak_mib']} MiB")


def laps(a, dev, work):
    """Milliseconds of each timed call of `work`, which ends with a transfer to the host."""
    ms = []
    for i in range(a.warmup + a.steps):
        if dev.type == "cuda":
            e0, e1 = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            e0.record(); work(); e1.record(); torch.cuda.synchronize()
            t = e0.elapsed_time(e1)
        else:
            t0 = time.perf_counter(); work(); t = (time.perf_counter() - t0) * 1e3
        if i >= a.warmup:
            ms.append(t)
    return ms


def evaluate(a, dev, cfg, texts, auto):
    """Batches of test images against the classifier, which is made before."""
    model = Clip(*cfg).to(dev).requires_grad_(False).eval()
    x = torch.randn(a.batch, 3, cfg[0], cfg[0], device=dev)
    image = torch.compile(model.image) if a.compile else model.image
    with torch.no_grad(), auto():
        classifier = model.text(texts(a.classes)).t()
        ms = laps(a, dev, lambda: (100.0 * (image(x) @ classifier)).argmax(1).tolist())
    report(a, dev, ms, images_per_second=a.batch * 1e3 / statistics.median(ms))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--model", default="vit-b-16", choices=MODELS)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--classes", type=int, default=100)
    p.add_argument("--ref-texts", type=int, default=1000)
    p.add_argument("--text-length", type=int, default=77)
    p.add_argument("--teacher-text", default="recompute", choices=["recompute", "cached"])
    p.add_argument("--teacher-image", default="recompute", choices=["recompute", "cached"])
    p.add_argument("--no-l2", action="store_true")
    p.add_argument("--device", default="cpu")
    p.add_argument("--bf16", action="store_true", help="autocast to bfloat16, f32 masters")
    p.add_argument("--tf32", action="store_true")
    p.add_argument("--compile", action="store_true")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--evaluate", action="store_true", help="images/s of scoring instead of a training step")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.tf32
    dev, cfg = torch.device(a.device), MODELS[a.model]
    auto = lambda: torch.autocast(dev.type, torch.bfloat16, enabled=a.bf16)

    def texts(n):
        t = torch.randint(1, cfg[-1] - 2, (n, a.text_length))
        ends = torch.randint(5, min(16, a.text_length), (n, 1))
        pos = torch.arange(a.text_length)
        return torch.where(pos == ends, cfg[-1] - 1, torch.where(pos > ends, 0, t)).to(dev)

    if a.evaluate:
        return evaluate(a, dev, cfg, texts, auto)
    student, teacher = Clip(*cfg).to(dev), Clip(*cfg).to(dev).requires_grad_(False).eval()
    teacher.load_state_dict(student.state_dict())
    start = [q.detach().clone() for q in student.parameters()]
    opt = torch.optim.AdamW(student.parameters(), lr=1e-5, weight_decay=0.0, fused=dev.type == "cuda")

    x = torch.randn(a.batch, 3, cfg[0], cfg[0], device=dev)
    xr = torch.randn(a.batch, 3, cfg[0], cfg[0], device=dev)
    y = torch.randint(0, a.classes, (a.batch,), device=dev)
    ct, rt, scale = texts(a.classes), texts(a.ref_texts), math.exp(math.log(100.0))
    s_image = torch.compile(student.image) if a.compile else student.image
    s_text = torch.compile(student.text) if a.compile else student.text
    t_image = torch.compile(teacher.image) if a.compile else teacher.image
    t_text = torch.compile(teacher.text) if a.compile else teacher.text

    def ref_text():
        with torch.no_grad():
            return torch.cat([t_text(c) for c in rt.split(1000)])

    with auto(), torch.no_grad():
        cached_text, cached_image = ref_text(), t_image(xr)

    def step():
        with auto():
            ce = F.cross_entropy(scale * (s_image(x) @ s_text(ct).t()).float(), y, label_smoothing=0.2)
            with torch.no_grad():
                R = ref_text() if a.teacher_text == "recompute" else cached_text
                Y = t_image(xr) if a.teacher_image == "recompute" else cached_image
            Lt, Ls = scale * (Y @ R.t()).float(), scale * (s_image(xr) @ R.t()).float()
            loss = ce + distill(Lt, Ls) + distill(Lt.t(), Ls.t())
        if not a.no_l2:
            loss = loss + sum(F.mse_loss(q, s, reduction="sum") for q, s in zip(student.parameters(), start))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        return loss

    # On CUDA the events wait, so the loss need not.
    report(a, dev, laps(a, dev, step if dev.type == "cuda" else lambda: step().item()))


if __name__ == "__main__":
    main()
