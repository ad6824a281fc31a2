"""The GAN of src/models/gan and its training step: one update of the discriminator, one of the generator, averages."""

import copy

import torch
import torch.nn.functional as F
from common import Peer, state
from torch import nn

NOISE = 128


class ConditionalNorm(nn.Module):
    def __init__(self, labels, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False, momentum=0.4)
        self.scale = nn.Embedding(labels, channels)
        self.shift = nn.Embedding(labels, channels)

    def forward(self, x, y):
        x = self.norm(x)
        return x * self.scale(y)[:, :, None, None] + self.shift(y)[:, :, None, None]


class Generator(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.seedling = nn.Linear(NOISE, 4 * 4 * 256, bias=False)
        self.layout = nn.Embedding(labels, 4 * 4 * 256)
        widths = [256, 128, 64, 3]
        self.norms = nn.ModuleList(ConditionalNorm(labels, width) for width in widths[:3])
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False) for a, b in zip(widths, widths[1:])
        )

    def forward(self, noise, y):
        x = (self.seedling(noise) + self.layout(y)).view(-1, 256, 4, 4)
        for norm, conv in zip(self.norms, self.convs):
            x = conv(F.relu(norm(x, y)))
        return torch.tanh(x)


class Spectral(nn.Module):
    """A weight over its largest singular value, found by one power iteration a step."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.register_buffer("u", torch.empty(shape[0]))
        self.register_buffer("v", torch.empty(self.weight[0].numel()))

    @torch.no_grad()
    def iterate(self):
        matrix = self.weight.flatten(1)
        self.u = F.normalize(matrix @ self.v, dim=0)
        self.v = F.normalize(matrix.T @ self.u, dim=0)

    def forward(self):
        return self.weight / torch.dot(self.u, self.weight.flatten(1) @ self.v)


class Discriminator(nn.Module):
    def __init__(self, labels):
        super().__init__()
        shapes = [(32, 3, 3, 3), (64, 32, 4, 4), (128, 64, 4, 4), (96, 128, 4, 4)]
        self.weights = nn.ModuleList(Spectral(*shape) for shape in shapes)
        self.biases = nn.ParameterList(torch.zeros(shape[0]) for shape in shapes)
        self.realness = Spectral(1, 96)
        self.realness_bias = nn.Parameter(torch.zeros(1))
        self.projection = Spectral(labels, 96)
        convs = [nn.Conv2d(128, 112, 4, 2, 1, bias=False), nn.Conv2d(112, 112, 3, 1, 1, bias=False)]
        self.head_convs = nn.ModuleList(convs)
        self.head_norms = nn.ModuleList(nn.BatchNorm2d(112, momentum=0.4) for _ in convs)
        self.head = nn.Linear(112, labels)

    def iterate(self):
        for spectral in [*self.weights, self.realness, self.projection]:
            spectral.iterate()

    def conv(self, x, index):
        first = index == 0
        weight, bias = self.weights[index](), self.biases[index]
        return F.leaky_relu(F.conv2d(x, weight, bias, 1 if first else 2, 1), 0.1)

    def features(self, x):
        for index in range(3):
            x = self.conv(x, index)
        return x

    def score(self, features, y):
        sums = self.conv(features, 3).sum((2, 3))
        plain = F.linear(sums, self.realness(), self.realness_bias).squeeze(1)
        return plain + (F.embedding(y, self.projection()) * sums).sum(1)

    def names(self, features):
        for conv, norm in zip(self.head_convs, self.head_norms):
            features = F.relu(norm(conv(features)))
        return self.head(features.mean((2, 3)))


class GanPeer(Peer):
    # Adam without a memory of the gradient makes whole steps of the last bits of a small one: the difference grows with the
    # learning rate, which is 6e-4 for the discriminator where 1e-4 was due at 4e-4.
    stepped = 1.5e-4

    """Real and made pictures pass the discriminator in one batch, which is faster here than one after the other."""

    def __init__(self, file, layout):
        super().__init__(file)
        self.y = file.get_tensor("batch.y").long()
        self.noise = file.get_tensor("batch.noise")
        self.real = file.get_tensor("batch.x").permute(0, 3, 1, 2).contiguous(memory_format=layout)
        labels = int(self.meta["labels"])
        self.nets = nn.ModuleDict({"generator": Generator(labels), "discriminator": Discriminator(labels)})
        missing, unknown = self.nets.load_state_dict(tensors(file, "start"), strict=False)
        assert not unknown and all(name.endswith("num_batches_tracked") for name in missing), (missing, unknown)
        self.nets.to(memory_format=layout)
        self.averages = copy.deepcopy(self.nets)
        betas = (self.meta["beta1"], self.meta["beta2"])
        adam = {"lr": self.meta["learning_rate"], "betas": betas, "eps": self.meta["eps"], "fused": True}
        self.adams = {name: torch.optim.Adam(net.parameters(), **adam) for name, net in self.nets.items()}

    def step(self):
        critic, painter = self.nets["discriminator"], self.nets["generator"]
        critic.iterate()
        made = painter(self.noise, self.y)
        features = critic.features(torch.cat([self.real, made.detach()]))
        real, fake = critic.score(features, self.y.repeat(2)).chunk(2)
        logits = critic.names(features[: len(self.y)])
        hinge = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        self.adams["discriminator"].zero_grad(set_to_none=True)
        (hinge + self.meta["label_weight_real"] * F.cross_entropy(logits, self.y)).backward()
        self.adams["discriminator"].step()

        critic.requires_grad_(False)
        critic.head_norms.eval()
        features = critic.features(made)
        names = F.cross_entropy(critic.names(features), self.y)
        loss = self.meta["label_weight_fake"] * names - critic.score(features, self.y).mean()
        self.adams["generator"].zero_grad(set_to_none=True)
        loss.backward()
        self.adams["generator"].step()
        critic.requires_grad_(True)
        critic.head_norms.train()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averages.parameters()), list(self.nets.parameters()), 0.001)
        return {"realness": real.detach(), "logits": logits.detach()}

    def end(self, file):
        return self.nets.state_dict(), tensors(file, "end")


def tensors(file, prefix):
    """Our tensors by PyTorch's names and in its layout."""
    found = {}
    for key, tensor in state(file, prefix):
        name, tensor = translated(key, tensor)
        found[name] = tensor.contiguous()
    return found


def translated(key, tensor):
    net, layer, *rest = key.split(".")
    if net == "generator":
        if layer == "seedling":
            # Rows are pixels and then channels; PyTorch's are channels and then pixels.
            tensor = tensor.unflatten(0, (16, 256)).transpose(0, 1).flatten(0, 1)
            return key, tensor
        if layer == "layout":
            return "generator.layout.weight", tensor.unflatten(1, (16, 256)).transpose(1, 2).flatten(1, 2)
        index = int(layer.removeprefix("stage")) - 1
        if rest[0] == "conv":
            # (u, v, o), U, V, c is c, o, 2 (1 - U) + u, 2 (1 - V) + v.
            tensor = tensor.unflatten(0, (2, 2, -1)).flip(3, 4).permute(5, 2, 3, 0, 4, 1).flatten(4, 5).flatten(2, 3)
            return f"generator.convs.{index}.weight", tensor
        if rest[1] in ("scale", "shift"):
            return f"generator.norms.{index}.{rest[1]}.weight", tensor
        return f"generator.norms.{index}.norm.{rest[1]}", tensor
    if layer.startswith("conv"):
        index = int(layer.removeprefix("conv")) - 1
        if rest[0] == "bias":
            return f"discriminator.biases.{index}", tensor
        return f"discriminator.weights.{index}.{rest[0]}", kernel(tensor, rest[0], squares=index > 0)
    if layer == "realness" and rest == ["bias"]:
        return "discriminator.realness_bias", tensor
    if layer == "head" and rest[0].startswith("stage"):
        index = int(rest[0].removeprefix("stage")) - 1
        name = f"discriminator.head_{rest[1]}s.{index}.{rest[2]}"
        return name, kernel(tensor, rest[2], squares=index == 0)
    return key, tensor


def kernel(tensor, name, squares):
    """o, U, V, (u, v, c) is o, c, 2 U + u, 2 V + v; a vector of a spectral norm lies as a row of the weights."""
    if name == "v":
        side, channels = (2, len(tensor) // 4) if squares else (3, len(tensor) // 9)
        return kernel(tensor.view(1, side, side, channels), "weight", squares).flatten()
    if name != "weight" or tensor.dim() != 4:
        return tensor
    if squares:
        tensor = tensor.unflatten(3, (2, 2, -1)).permute(0, 5, 1, 3, 2, 4)
        return tensor.flatten(4, 5).flatten(2, 3)
    return tensor.permute(0, 3, 1, 2)
