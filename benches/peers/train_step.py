"""Training steps of the CNNs against PyTorch eager: the same net, weights, batch and threads, in one run.

Both sides do forward, loss, backward and SGD on a batch in memory. Before anything is timed, PyTorch loads our first
weights, and its logits and its net after a few steps must equal ours to 1e-4. Then both take turns; the table shows
medians of the rounds' images a second and of the rounds' ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
BATCHES = {"plain": 128, "default": 500}
TOLERANCE = 1e-4


class Plain(nn.Module):
    """src/models/cnn.rs: three times convolution, ReLU and pooling, then two dense layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.hidden = nn.Linear(128 * 4 * 4, 256)
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.head(F.relu(self.hidden(x.flatten(1))))


class Block(nn.Module):
    def __init__(self, channels, filters):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters, momentum=0.4)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters, momentum=0.4)

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Default(nn.Module):
    """src/models/cnn.rs: frozen whitening, three blocks, 3x3 max pooling, a head without bias."""

    def __init__(self):
        super().__init__()
        self.whitening = nn.Conv2d(3, 24, 2, bias=False).requires_grad_(False)
        self.block1, self.block2, self.block3 = Block(24, 48), Block(48, 96), Block(96, 128)
        self.head = nn.Linear(128, 10, bias=False)

    def forward(self, x):
        with torch.no_grad():
            x = F.gelu(self.whitening(x))
        x = self.block3(self.block2(self.block1(x)))
        return self.head(F.max_pool2d(x, 3).flatten(1)) / 9


NETS = {"plain": Plain, "default": Default}


class Ours:
    """Our process, which computes only when it is asked to."""

    def __init__(self, net, batch, threads, exchange):
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
        command = ["cargo", "bench", "--quiet", "--bench", "train_step", "--", net, str(batch), str(exchange)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        word, pid = (self.process.stdout.readline().split() + ["", ""])[:2]
        if word != "ready":
            sys.exit("train_step.py: our side did not start; run `cargo bench --bench train_step --no-run` to see why")
        self.pid = int(pid)

    def seconds(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Torch:
    """The same training in PyTorch, in one of its two memory layouts."""

    def __init__(self, kind, file, layout):
        self.meta = json.loads(file.metadata()["pixscribe"])
        self.layout = layout
        self.net = NETS[kind]()
        self.net.load_state_dict(state(file, "start"), strict=False)
        self.net.to(memory_format=layout)
        x = file.get_tensor("batch.x").permute(0, 3, 1, 2)
        self.x = x.contiguous(memory_format=layout)
        self.y = file.get_tensor("batch.y").long()
        meta = self.meta
        groups = {"weight": {"weight_decay": meta["weight_decay"]}, "bias": {}}
        groups["norm_bias"] = {"lr": meta["learning_rate"] * meta["norm_bias_rate"]}
        for name, parameter in self.net.named_parameters():
            if parameter.requires_grad:
                groups[role(name)].setdefault("params", []).append(parameter)
        used = [group for group in groups.values() if "params" in group]
        sgd = {"lr": meta["learning_rate"], "momentum": meta["momentum"], "nesterov": True, "fused": True}
        self.optimiser = torch.optim.SGD(used, **sgd)

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        logits = self.net(self.x)
        F.cross_entropy(logits, self.y, label_smoothing=self.meta["smoothing"]).backward()
        self.optimiser.step()
        return logits.detach()

    def seconds(self, steps):
        begun = time.perf_counter()
        for _ in range(steps):
            self.step()
        return time.perf_counter() - begun

    def check(self, file):
        """The first logits and the net after the checked steps, against ours. Returns the largest difference."""
        worst = difference("logits", self.step(), file.get_tensor("batch.logits"))
        for _ in range(1, int(self.meta["steps"])):
            self.step()
        mine = self.net.state_dict()
        for name, due in state(file, "end").items():
            worst = max(worst, difference(name, mine[name], due))
        return worst


def role(name):
    """What src/nn/parameter.rs calls a parameter's role."""
    if "norm" in name:
        return "norm_bias" if name.endswith("bias") else "bias"
    return "bias" if name.endswith("bias") else "weight"


def state(file, prefix):
    """Our tensors under a prefix, in PyTorch's layout: channels first, also where pixels feed a dense layer."""
    tensors = {}
    for key in file.keys():
        if key.startswith(prefix + "."):
            tensor = file.get_tensor(key)
            if tensor.dim() == 4:
                tensor = tensor.permute(0, 3, 1, 2)
            elif key.endswith("hidden.weight"):
                tensor = tensor.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2).flatten(1)
            tensors[key.removeprefix(prefix + ".")] = tensor.contiguous()
    return tensors


def difference(name, got, due):
    worst = ((got - due).abs().max() / due.abs().max().clamp(min=1)).item()
    if not worst <= TOLERANCE:
        sys.exit(f"train_step.py: {name} differs from PyTorch's by {worst:.1e}; nothing was timed")
    return worst


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def forget_peak(pid):
    """Starts the kernel's count of peak memory anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def timed(side, pid, steps):
    """Wall and CPU seconds of a step. The rest lets the other side's idle threads fall asleep."""
    time.sleep(0.4)
    cpu = cpu_seconds(pid)
    wall = side.seconds(steps)
    return wall / steps, (cpu_seconds(pid) - cpu) / steps


def compare(kind, options):
    batch = options.batch or BATCHES[kind]
    with tempfile.TemporaryDirectory() as folder:
        exchange = Path(folder) / "exchange.safetensors"
        ours = Ours(kind, batch, options.threads, exchange)
        with safe_open(exchange, "pt") as file:
            layouts = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
            sides = {name: Torch(kind, file, layout) for name, layout in layouts.items()}
            worst = max(side.check(file) for side in sides.values())
        name = min(sides, key=lambda name: min(sides[name].seconds(1) for _ in range(3)))
        theirs = sides.pop(name)
        sides.clear()
        ours.seconds(2)
        forget_peak(ours.pid), forget_peak(os.getpid())
        rounds = []
        for number in range(options.rounds):
            turns = [("ours", ours, ours.pid), ("torch", theirs, os.getpid())]
            row = {}
            for label, side, pid in turns if number % 2 == 0 else reversed(turns):
                row[label] = timed(side, pid, options.steps)
            rounds.append(row)
        result = summary(kind, batch, name, worst, rounds)
        result |= {"ours_mib": peak_mib(ours.pid), "torch_mib": peak_mib(os.getpid())}
        ours.close()
    return result


def summary(kind, batch, layout, worst, rounds):
    median = lambda values: statistics.median(list(values))
    wall = [row["torch"][0] / row["ours"][0] for row in rounds]
    return {
        "net": kind,
        "batch": batch,
        "torch_layout": layout,
        "largest_difference": worst,
        "ours_images_per_s": batch / median(row["ours"][0] for row in rounds),
        "torch_images_per_s": batch / median(row["torch"][0] for row in rounds),
        "ratio": median(wall),
        "ratio_from": min(wall),
        "ratio_to": max(wall),
        "cpu_ratio": median(row["torch"][1] / row["ours"][1] for row in rounds),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--batch", type=int, help="images a step; each preset's own when not given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each side")
    parser.add_argument("--steps", type=int, default=4, help="steps of a turn")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = [compare(kind, options) for kind in options.net]
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print(f"PyTorch {torch.__version__}, {options.threads} threads, {options.rounds} rounds of {options.steps} steps\n")
    print("| net | batch | ours, images/s | PyTorch, images/s | ours / PyTorch | by CPU time | peak MiB, ours : PyTorch |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for r in results:
        print(
            f"| {r['net']} | {r['batch']} | {r['ours_images_per_s']:.0f} "
            f"| {r['torch_images_per_s']:.0f} ({r['torch_layout']}) "
            f"| {r['ratio']:.2f} ({r['ratio_from']:.2f} to {r['ratio_to']:.2f}) | {r['cpu_ratio']:.2f} "
            f"| {r['ours_mib']} : {r['torch_mib']} |"
        )
    worst = max(r["largest_difference"] for r in results)
    print(f"\nLogits and trained weights of both sides differ by {worst:.0e} of the largest at most.")


if __name__ == "__main__":
    main()
