"""The CNNs of src/models/cnn.rs and their training step."""

import torch
import torch.nn.functional as F
from common import Peer, state
from torch import nn


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


class CnnPeer(Peer):
    """Forward, cross-entropy, backward, SGD with Nesterov momentum."""

    def __init__(self, net, file, layout):
        super().__init__(file)
        meta = self.meta
        self.net = net()
        self.net.load_state_dict(tensors(file, "start"), strict=False)
        self.net.to(memory_format=layout)
        x = file.get_tensor("batch.x").permute(0, 3, 1, 2)
        self.x = x.contiguous(memory_format=layout)
        self.y = file.get_tensor("batch.y").long()
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
        return {"logits": logits.detach()}

    def end(self, file):
        return self.net.state_dict(), tensors(file, "end")


def role(name):
    """What src/nn/parameter.rs calls a parameter's role."""
    if "norm" in name:
        return "norm_bias" if name.endswith("bias") else "bias"
    return "bias" if name.endswith("bias") else "weight"


def tensors(file, prefix):
    """Our tensors in PyTorch's layout: channels first, also where pixels feed a dense layer."""
    found = {}
    for key, tensor in state(file, prefix):
        if tensor.dim() == 4:
            tensor = tensor.permute(0, 3, 1, 2)
        elif key.endswith("hidden.weight"):
            tensor = tensor.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2).flatten(1)
        found[key] = tensor.contiguous()
    return found
