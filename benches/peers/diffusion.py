"""The U-Net of src/models/unet and its training step: a prediction of v, its squared error, AdamW, the average."""

import copy
import math

import torch
import torch.nn.functional as F
from common import Peer, state
from torch import nn

FINE, COARSE, DEEP, WIDTH, WAVES, GROUPS, HEADS = 48, 96, 128, 192, 64, 8, 3


class ResBlock(nn.Module):
    def __init__(self, channels, filters):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.conv1 = nn.Conv2d(channels, filters, 3, padding=1)
        self.modulation = nn.Linear(WIDTH, 2 * filters)
        self.norm2 = nn.GroupNorm(GROUPS, filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, filters, 1) if channels != filters else nn.Identity()

    def forward(self, x, condition):
        y = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        # (1 + s) gamma n + beta + h.
        normal = F.group_norm(y, GROUPS, self.norm2.weight, eps=self.norm2.eps)
        y = torch.addcmul(self.norm2.bias[:, None, None] + shift, normal, 1 + scale)
        return self.shortcut(x) + self.conv2(F.silu(y))


class SelfAttention(nn.Module):
    """Queries, keys and values by one convolution; the keys have no bias."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.weight = nn.Parameter(torch.empty(3 * channels, channels, 1, 1))
        self.query_bias = nn.Parameter(torch.empty(channels))
        self.value_bias = nn.Parameter(torch.empty(channels))
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        batch, channels, height, width = x.shape
        bias = torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias])
        together = F.conv2d(self.norm(x), self.weight, bias)
        q, k, v = together.view(batch, 3, HEADS, channels // HEADS, height * width).transpose(3, 4).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(2, 3).reshape(batch, channels, height, width))


class Deep(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.merge = nn.Conv2d(4 * channels, DEEP, 1)
        self.block = ResBlock(DEEP, DEEP)
        self.split = nn.Conv2d(DEEP, 2 * channels, 1)
        self.mix = nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x, condition):
        y = self.block(self.merge(F.pixel_unshuffle(x, 2)), condition)
        return x + self.mix(F.pixel_shuffle(self.split(y), 2))


class UNet(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.time1, self.time2 = nn.Linear(WAVES, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.labels = nn.Embedding(labels + 1, WIDTH)
        self.stem = nn.Conv2d(12, FINE, 3, padding=1)
        self.fine1 = ResBlock(FINE, FINE)
        self.merge = nn.Conv2d(4 * FINE, COARSE, 1)
        self.coarse1 = ResBlock(COARSE, COARSE)
        self.attention = SelfAttention(COARSE)
        self.deep = Deep(COARSE)
        self.coarse2 = ResBlock(COARSE, COARSE)
        self.split = nn.Conv2d(COARSE, 4 * FINE, 1)
        self.fine2 = ResBlock(2 * FINE, FINE)
        self.norm = nn.GroupNorm(GROUPS, FINE)
        self.out = nn.Conv2d(FINE, 12, 3, padding=1)
        half = WAVES // 2
        frequencies = torch.exp(torch.arange(half) * (math.log(256.0) / (half - 1)))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, x, times, rows):
        angles = times[:, None] * self.frequencies
        time = F.silu(self.time1(torch.cat([angles.sin(), angles.cos()], dim=1)))
        condition = F.silu(self.time2(time) + self.labels(rows))
        skip = self.fine1(self.stem(F.pixel_unshuffle(x, 2)), condition)
        x = self.coarse1(self.merge(F.pixel_unshuffle(skip, 2)), condition)
        x = self.deep(self.attention(x), condition)
        x = F.pixel_shuffle(self.split(self.coarse2(x, condition)), 2)
        x = self.fine2(torch.cat([x, skip], dim=1), condition)
        return F.pixel_shuffle(self.out(F.silu(self.norm(x))), 2)


class DiffusionPeer(Peer):
    def __init__(self, file, layout):
        super().__init__(file)
        picture = lambda name: file.get_tensor(name).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self.x, self.due = picture("batch.x"), picture("batch.due")
        self.times, self.rows = file.get_tensor("batch.times"), file.get_tensor("batch.rows").long()
        self.net = UNet(int(self.meta["labels"]))
        self.net.load_state_dict(tensors(file, "start.net"))
        self.net.to(memory_format=layout)
        self.average = copy.deepcopy(self.net)
        decayed = [p for name, p in self.net.named_parameters() if decays(name)]
        others = [p for name, p in self.net.named_parameters() if not decays(name)]
        groups = [{"params": decayed, "weight_decay": self.meta["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
        betas = (self.meta["beta1"], self.meta["beta2"])
        self.adam = torch.optim.AdamW(
            groups, lr=self.meta["learning_rate"], betas=betas, eps=self.meta["eps"], fused=True
        )

    def step(self):
        v = self.net(self.x, self.times, self.rows)
        self.adam.zero_grad(set_to_none=True)
        F.mse_loss(v, self.due).backward()
        self.adam.step()
        with torch.no_grad():
            weight = 1 - self.meta["ema"]
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), weight)
        return {"v": v.detach().permute(0, 2, 3, 1)}

    def end(self, file):
        mine = {f"{part}.{name}": tensor for part in ("net", "average") for name, tensor in
                getattr(self, part).state_dict().items()}
        ours = {f"{part}.{name}": tensor for part in ("net", "average") for name, tensor in
                tensors(file, f"end.{part}").items()}
        return mine, ours


def decays(name):
    """Weights of convolutions and linear layers."""
    return name.endswith("weight") and "norm" not in name and not name.startswith("labels")


# Channels that are squares of 2x2 pixels, as inputs and as outputs of a layer.
SQUARES_IN, SQUARES_OUT = ("stem", "merge", "deep.merge"), ("split", "deep.split", "out")


def tensors(file, prefix):
    """Our tensors by PyTorch's names and in its layout."""
    found = {}
    for name, tensor in state(file, prefix):
        layer, _, kind = name.removeprefix("condition.").rpartition(".")
        # An average's numbers lie in a row.
        shape = file.get_tensor(f"start.net.{name}").shape
        tensor = tensor.view(shape)
        if layer in SQUARES_OUT:
            tensor = tensor.unflatten(0, (4, -1)).transpose(0, 1).flatten(0, 1)
        if tensor.dim() == 4:
            if layer in SQUARES_IN:
                tensor = tensor.unflatten(3, (4, -1)).transpose(3, 4).flatten(3, 4)
            tensor = tensor.permute(0, 3, 1, 2)
        found[f"{layer}.{kind}"] = tensor.contiguous()
    parts = ["queries", "keys", "values"]
    found["attention.weight"] = torch.cat([found.pop(f"attention.{part}.weight") for part in parts])
    found["attention.query_bias"] = found.pop("attention.queries.bias")
    found["attention.value_bias"] = found.pop("attention.values.bias")
    return found
