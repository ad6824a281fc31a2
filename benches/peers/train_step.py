"""Training steps of each model against PyTorch eager: the same net, weights, batch and threads, in one run.

Both sides do whole steps (forward, loss, backward, optimiser) on a batch in memory. Before anything is timed, PyTorch
loads our first weights, and what its net says and its weights after a few steps must equal ours to 1e-4. Then both take
turns; the table shows medians of the rounds' images a second and of the rounds' ratios.
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
from captioner import CaptionerPeer
from cnn import CnnPeer, Default, Plain
from diffusion import DiffusionPeer
from gan import GanPeer
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]


# Each net's batch, and its side in PyTorch.
NETS = {
    "plain": (128, lambda file, layout: CnnPeer(Plain, file, layout)),
    "default": (500, lambda file, layout: CnnPeer(Default, file, layout)),
    "gan": (64, GanPeer),
    "diffusion": (128, DiffusionPeer),
    "captioner": (128, CaptionerPeer),
}


class Ours:
    """Our process, which computes only when it is asked to."""

    def __init__(self, net, batch, threads, exchange):
        # A worker keeps the pages that it frees.
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "MIMALLOC_PURGE_DELAY": "-1"}
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
    batch, peer = NETS[kind]
    batch = options.batch or batch
    with tempfile.TemporaryDirectory() as folder:
        exchange = Path(folder) / "exchange.safetensors"
        ours = Ours(kind, batch, options.threads, exchange)
        with safe_open(exchange, "pt") as file:
            layouts = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
            sides = {name: peer(file, layout) for name, layout in layouts.items()}
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
    parser.add_argument("--batch", type=int, help="images a step; each net's own when not given")
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
