"""The captioner of src/models/captioner, a ViT with a convolutional stem and a GPT-2, and its training step."""

import torch
import torch.nn.functional as F
from common import Peer, state
from torch import nn


def heads(x, count):
    """(B, N, C) to (B, count, N, C / count)."""
    return x.unflatten(2, (count, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """Queries, keys and values by one layer."""

    def __init__(self, width, count, causal):
        super().__init__()
        self.count, self.causal = count, causal
        self.together, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = (heads(part, self.count) for part in self.together(x).chunk(3, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Keys and values by one layer."""

    def __init__(self, width, count):
        super().__init__()
        self.count = count
        self.query, self.together, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x, memory):
        k, v = (heads(part, self.count) for part in self.together(memory).chunk(2, dim=2))
        y = F.scaled_dot_product_attention(heads(self.query(x), self.count), k, v)
        return self.out(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width, approximate):
        super().__init__()
        self.approximate = approximate
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x), approximate=self.approximate))


class EncoderBlock(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-12), nn.LayerNorm(width, 1e-12)
        self.attention, self.mlp = SelfAttention(width, count, False), Mlp(width, "none")

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class DecoderBlock(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.norm1, self.norm_cross, self.norm2 = (nn.LayerNorm(width) for _ in range(3))
        self.attention, self.cross = SelfAttention(width, count, True), CrossAttention(width, count)
        self.mlp = Mlp(width, "tanh")

    def forward(self, x, memory):
        x = x + self.attention(self.norm1(x))
        x = x + self.cross(self.norm_cross(x), memory)
        return x + self.mlp(self.norm2(x))


class Stage(nn.Module):
    def __init__(self, channels, filters, pool):
        super().__init__()
        self.pool = pool
        self.conv = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(filters, momentum=0.4)

    def forward(self, x):
        x = self.conv(x)
        return F.gelu(self.norm(F.max_pool2d(x, 2) if self.pool else x))


class Encoder(nn.Module):
    def __init__(self, width, layers, count):
        super().__init__()
        self.stem = nn.Sequential(Stage(3, 32, True), Stage(32, 64, False), Stage(64, width, True))
        self.positions = nn.Parameter(torch.empty(64, width))
        self.layer = nn.ModuleList(EncoderBlock(width, count) for _ in range(layers))
        self.norm = nn.LayerNorm(width, 1e-12)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2) + self.positions
        for layer in self.layer:
            x = layer(x)
        return self.norm(x)


class Decoder(nn.Module):
    """The head is the table of words."""

    def __init__(self, vocabulary, positions, width, layers, count):
        super().__init__()
        self.words, self.positions = nn.Parameter(torch.empty(vocabulary, width)), nn.Parameter(torch.empty(positions, width))
        self.layer = nn.ModuleList(DecoderBlock(width, count) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids, memory):
        x = F.embedding(ids, self.words) + self.positions[: ids.shape[1]]
        for layer in self.layer:
            x = layer(x, memory)
        return F.linear(self.norm(x).flatten(0, 1), self.words)


class Captioner(nn.Module):
    def __init__(self, meta):
        super().__init__()
        size = {name: int(meta[name]) for name in ("width", "layers", "heads", "decoder_layers", "vocabulary", "positions")}
        self.encoder = Encoder(size["width"], size["layers"], size["heads"])
        self.decoder = Decoder(
            size["vocabulary"], size["positions"], size["width"], size["decoder_layers"], size["heads"]
        )

    def forward(self, x, ids):
        return self.decoder(ids, self.encoder(x))


class CaptionerPeer(Peer):
    def __init__(self, file, layout):
        super().__init__(file)
        meta = self.meta
        self.x = file.get_tensor("batch.x").permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self.ids = file.get_tensor("batch.inputs").long().view(len(self.x), -1)
        self.targets = file.get_tensor("batch.targets").long()
        self.net = Captioner(meta)
        self.net.load_state_dict(tensors(file, "start"), strict=False)
        self.net.to(memory_format=layout)
        named = dict(self.net.named_parameters())
        groups = [
            {"params": [p for name, p in named.items() if decays(name)], "weight_decay": meta["weight_decay"]},
            {"params": [p for name, p in named.items() if not decays(name)], "weight_decay": 0.0},
        ]
        self.parameters = list(named.values())
        self.adam = torch.optim.AdamW(
            groups, lr=meta["learning_rate"], betas=(meta["beta1"], meta["beta2"]), eps=meta["eps"], fused=True
        )

    def step(self):
        logits = self.net(self.x, self.ids)
        self.adam.zero_grad(set_to_none=True)
        F.cross_entropy(logits, self.targets, label_smoothing=self.meta["smoothing"]).backward()
        nn.utils.clip_grad_norm_(self.parameters, self.meta["clip_norm"], foreach=True)
        self.adam.step()
        return {"logits": logits.detach()}

    def end(self, file):
        return self.net.state_dict(), tensors(file, "end")


def decays(name):
    """Weights of convolutions and linear layers; the table of words is the head's."""
    return name == "decoder.words" or (name.endswith("weight") and "norm" not in name)


def tensors(file, prefix):
    """Our tensors by PyTorch's names and in its layout."""
    found = {name: tensor for name, tensor in state(file, prefix)}
    for name in [name for name in found if name.endswith("conv.weight")]:
        found[name] = found[name].permute(0, 3, 1, 2).contiguous()
    for name in [name for name in found if ".key." in name]:
        parts = [name.replace(".key.", f".{part}.") for part in ("query", "key", "value")]
        # The queries of what looks at pictures have a layer of their own.
        parts = parts[1:] if ".cross." in name else parts
        found[name.replace(".key.", ".together.")] = torch.cat([found.pop(part) for part in parts])
    return found
