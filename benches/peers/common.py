"""What the peers of all nets share."""

import json
import sys
import time

TOLERANCE = 1e-4


class Peer:
    """A training step in PyTorch, from our first weights and on our batch."""

    # Of trained weights.
    stepped = TOLERANCE

    def __init__(self, file):
        self.meta = json.loads(file.metadata()["pixscribe"])

    def step(self):
        """One step; what the net said, by name."""
        raise NotImplementedError

    def end(self, file):
        """The tensors after the checked steps: PyTorch's and ours, both by PyTorch's names and in its layout."""
        raise NotImplementedError

    def seconds(self, steps):
        begun = time.perf_counter()
        for _ in range(steps):
            self.step()
        return time.perf_counter() - begun

    def check(self, file):
        """What the first step says, and the tensors after the checked steps, against ours; the largest difference."""
        worst = max(difference(name, got, file.get_tensor(f"said.{name}")) for name, got in self.step().items())
        for _ in range(1, int(self.meta["steps"])):
            self.step()
        mine, ours = self.end(file)
        return max(worst, *(difference(name, mine[name], due, self.stepped) for name, due in ours.items()))


def state(file, prefix):
    """Our tensors under a prefix, by their names without it."""
    for key in file.keys():
        if key.startswith(prefix + "."):
            yield key.removeprefix(prefix + "."), file.get_tensor(key)


def difference(name, got, due, allowed=TOLERANCE):
    worst = ((got - due).abs().max() / due.abs().max().clamp(min=1)).item()
    if not worst <= allowed:
        sys.exit(f"train_step.py: {name} differs from PyTorch's by {worst:.1e}; nothing was timed")
    return worst
