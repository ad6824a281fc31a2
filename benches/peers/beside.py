"""What an open dashboard costs a training: the same training with and without one beside it, in turns, in pairs.

The training is one epoch of the smaller CNN. The dashboard stands in a pseudo-terminal of 200x50 cells that somebody reads,
on the screen that shows the training live. The time is the run's own (`run_ms` of its log, from its first step to its last); 1.02 is 2 % slower.
"""

import argparse
import fcntl
import json
import os
import pathlib
import pty
import signal
import statistics
import struct
import subprocess
import tempfile
import termios
import threading

COLUMNS, ROWS = 200, 50


def dashboard(program, runs):
    """Opens it; the function that closes it."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(program, [program, "--runs", runs, "--graphics", "blocks"], {**os.environ, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read():
        try:
            while chunk := os.read(terminal, 1 << 16):
                if b"\x1b[c" in chunk:
                    os.write(terminal, b"\x1b[?62;22c")
        except OSError:
            pass

    threading.Thread(target=read, daemon=True).start()

    def close():
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)

    return close


def computed_ms(folder):
    """From the first step that was logged to the last one."""
    events = [json.loads(line) for line in open(folder / "events.jsonl")]
    steps = [event["run_ms"] for event in events if event["kind"] == "metrics"]
    return steps[-1] - steps[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--images", type=int, default=40000)
    arguments = parser.parse_args()
    here = pathlib.Path(__file__).resolve().parents[2]
    program = os.environ.get("PIXSCRIBE", str(here / "target/release/pixscribe"))
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(here)
        os.environ["XDG_STATE_HOME"] = folder

        def train(name, is_watched):
            runs = f"{folder}/runs"
            close = dashboard(program, runs) if is_watched else lambda: None
            sets = ['cnn.preset="plain"', f"data.limit={arguments.images}", "epochs=1"]
            command = [program, "train", "cnn", "--run", name, "--json", "--runs", runs]
            for one in sets:
                command += ["--set", one]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            close()
            return computed_ms(pathlib.Path(runs, name))

        train("warm-up", False)
        for pair in range(arguments.pairs):
            # Who begins takes turns: what the machine does slower with time hits both.
            order = [False, True] if pair % 2 else [True, False]
            took = {is_watched: train(f"run-{pair}-{is_watched}", is_watched) for is_watched in order}
            ratios.append(took[True] / took[False])
            print(f"pair {pair + 1}: alone {took[False]} ms, watched {took[True]} ms, {ratios[-1]:.3f}", flush=True)
    ordered = sorted(ratios)
    print(f"a watched training takes {statistics.median(ratios):.3f} of the time ({ordered[0]:.3f} to {ordered[-1]:.3f}), {len(ratios)} pairs")


if __name__ == "__main__":
    main()
