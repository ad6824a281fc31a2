"""The dashboard beside `wandb leet`, on the same 20 series of 50,000 points, in turns within one run.

Both are started in a pseudo-terminal of 200x50 cells, on a log that is finished. Measured from the start of the process:
when the first chart stands (the first braille dots), when all is loaded (the last change of what a screen shows below its
first row, where pixscribe has the load of the machine, before two seconds without any), bytes until then, and bytes in five
idle seconds, five seconds after that: the load of the machine has come down by then. Before each turn both programs and the
log are read once, so that neither waits for the disk, and no process of the turn before is left.
"""

import argparse
import fcntl
import json
import math
import os
import pathlib
import pty
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

SERIES, POINTS = 20, 50_000
COLUMNS, ROWS = 200, 50
QUIET_S, SETTLE_S, IDLE_S, LONGEST_S = 2.0, 5.0, 5.0, 120.0
# What a terminal without pictures answers, in the order in which pixscribe asks.
ANSWERS = [(b"\x1b]11;?", b"\x1b]11;rgb:0000/0000/0000\x1b\\"), (b"\x1b[6n", b"\x1b[1;1R"), (b"\x1b[c", b"\x1b[?62;22c")]


def value(series, step):
    return (1 + series) / (1 + step / 900) + 0.05 * math.sin(step * (3 + series)) * (step % 7)


def record_ours(root):
    """A finished run's directory, as a worker writes it."""
    run = root / "long"
    run.mkdir(parents=True)
    (run / "config.toml").write_text('model = "cnn"\n')
    names = [f"train/metric-{series:02}" for series in range(SERIES)]
    seq, began = 0, 1_700_000_000_000

    def line(log, kind, **fields):
        nonlocal seq
        log.write(json.dumps({"seq": seq, "t_ms": began + 10 * seq, "run_ms": 10 * seq, "kind": kind, **fields}) + "\n")
        seq += 1

    with open(run / "events.jsonl", "w") as log:
        line(log, "hello", schema=1, instance="bench", model="cnn")
        line(log, "metric_defs", defs=[{"name": name, "unit": "", "higher_is_better": False} for name in names])
        for step in range(1, POINTS + 1):
            values = {name: value(series, step) for series, name in enumerate(names)}
            line(log, "metrics", step=step, epoch=step / 1000, values=values)
        line(log, "phase_changed", phase="finished")
    state = {"schema": 1, "phase": "finished", "model": "cnn", "step": POINTS, "total_steps": POINTS, "epoch": 50, "epochs": 50}
    (run / "state.json").write_text(json.dumps(state))


def record_theirs(root):
    """The same series, logged offline; the folder of the run."""
    import wandb

    os.environ["WANDB_SILENT"] = "true"
    run = wandb.init(project="bench", mode="offline", dir=root, settings=wandb.Settings(x_disable_stats=True))
    for step in range(1, POINTS + 1):
        run.log({f"train/metric-{series:02}": value(series, step) for series in range(SERIES)}, step=step)
    run.finish()
    wandb.teardown()
    return next(pathlib.Path(root, "wandb").glob("offline-run-*"))


def watch(command, keys, folder):
    """Seconds to the first chart and to the last frame, bytes until then, and bytes of idle seconds after it."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        os.execve(command[0], command, {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "XDG_STATE_HOME": str(folder)})
    began = time.perf_counter()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    first, seen, tail, chunks = None, 0, b"", []
    try:
        while time.perf_counter() - began < LONGEST_S:
            ready, _, _ = select.select([terminal], [], [], 0.02)
            now = time.perf_counter()
            if ready:
                chunk = os.read(terminal, 1 << 16)
                seen, tail = seen + len(chunk), (tail + chunk)[-(1 << 16) :]
                chunks.append((now, chunk))
                for question, answer in ANSWERS:
                    if question in chunk:
                        os.write(terminal, answer)
                if keys and seen > 500:
                    os.write(terminal, keys)
                    keys = b""
                # Braille's block begins with these two bytes.
                if first is None and any(code in tail for code in (b"\xe2\xa0", b"\xe2\xa1", b"\xe2\xa2", b"\xe2\xa3")):
                    first = now
            if first is not None and now - last_large(chunks) > QUIET_S:
                break
        loaded, until = last_change(chunks) - began, seen
        sent(terminal, SETTLE_S)
        idle = sent(terminal, IDLE_S)
        return {"first_chart_s": first and first - began, "loaded_s": loaded, "bytes": until, "idle_bytes": idle}
    finally:
        # The whole group: wandb's command starts a second process that would go on loading during the next turn.
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
        time.sleep(0.5)


def sent(terminal, seconds):
    """Bytes that a program sends within that time."""
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            count += len(os.read(terminal, 1 << 16))
    return count


def read_once(paths):
    """Brings files into the page cache."""
    for path in paths:
        with open(path, "rb") as file:
            while file.read(1 << 24):
                pass


def last_large(chunks):
    """When the last chunk came that is more than a few figures."""
    return next((at for at, chunk in reversed(chunks) if len(chunk) > 300), chunks[-1][0])


def last_change(chunks):
    """When the screen below its first row last looked otherwise."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    before, changed = None, None
    for at, chunk in chunks:
        stream.feed(chunk)
        after = screen.display[1:]
        if after != before:
            before, changed = after, at
    return changed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    here = pathlib.Path(__file__).resolve().parents[2]
    program = pathlib.Path(os.environ.get("PIXSCRIBE", here / "target/release/pixscribe"))
    if not program.exists():
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=here, check=True)
    wandb = shutil.which("wandb", path=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    if wandb is None:
        sys.exit("leet.py: there is no wandb; `pip install -r benches/peers/requirements.txt`")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        record_ours(folder / "runs")
        theirs = record_theirs(folder)
        programs = {
            "pixscribe": ([str(program), "--runs", str(folder / "runs"), "--graphics", "blocks"], b"2"),
            "wandb leet": ([wandb, "leet", "run", str(theirs)], b""),
        }
        package = pathlib.Path(wandb).resolve().parents[1] / "lib"
        files = [program, folder / "runs/long/events.jsonl", *theirs.glob("*.wandb"), *package.glob("*/site-packages/wandb/bin/*")]
        rounds = {name: [] for name in programs}
        for _ in range(arguments.rounds):
            for name, (command, keys) in programs.items():
                read_once(file for file in files if file.is_file())
                rounds[name].append(watch(command, keys, folder))
    if arguments.json:
        print(json.dumps(rounds))
        return
    print(f"{SERIES} series of {POINTS:,} points, {COLUMNS}x{ROWS} cells; medians of {arguments.rounds} turns (lowest to highest)")
    for name, results in rounds.items():
        cells = []
        for key, unit in (("first_chart_s", "s"), ("loaded_s", "s"), ("bytes", "bytes"), ("idle_bytes", "bytes")):
            found = sorted(result[key] for result in results if result[key] is not None)
            shown = "never" if not found else f"{statistics.median(found):.3g} ({found[0]:.3g} to {found[-1]:.3g}) {unit}"
            cells.append(f"{key} {shown}")
        print(f"{name:12}" + "; ".join(cells))


if __name__ == "__main__":
    main()
