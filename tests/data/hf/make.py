"""Writes this folder's files: what torch, PIL and transformers say, for tests of src/hf.

Made with torch 2.15.0, Pillow 13.0.0, transformers 5.24.0 and safetensors 0.8: python make.py
"""

import json
import os
import zipfile
from collections import OrderedDict

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil, ViTImageProcessorPil

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def tensors():
    torch.manual_seed(1)
    base = torch.randn(6, 5)
    return OrderedDict(
        plain=torch.randn(3, 4),
        half=torch.randn(2, 3).half(),
        bfloat=torch.randn(7).bfloat16(),
        double=torch.randn(2, 2, dtype=torch.float64),
        transposed=base.t(),
        window=base[1:5:2, 1:4],
        shared=base,
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        one=base[2:3, 1:2],
        parameter=torch.nn.Parameter(torch.randn(4)),
        permuted=torch.randn(2, 3, 4).permute(2, 0, 1),
    )


def save_tensors():
    good = tensors()
    save_file({name: value.detach().clone().contiguous() for name, value in good.items()}, path("tensors.safetensors"))
    with_buffers = OrderedDict(good)
    with_buffers["h.0.attn.bias"] = torch.ones(1, 1, 2, 2, dtype=torch.uint8)
    with_buffers["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    with_buffers["h.1.attn.bias"] = torch.ones(1, 1, 2, 2, dtype=torch.bool)
    with_buffers["ids"] = torch.arange(3)
    # What state_dict() leaves on the dictionary.
    with_buffers._metadata = OrderedDict([("", {"version": 1})])
    torch.save(with_buffers, path("tensors.bin"))
    torch.save({"shared": good["shared"]}, path("dict.bin"))
    torch.save(OrderedDict(plain=good["plain"]), path("old.bin"), _use_new_zipfile_serialization=False)
    torch.save(OrderedDict(inner=OrderedDict(plain=good["plain"])), path("nested.bin"))
    torch.save(OrderedDict(plain=good["plain"].int()), path("whole.bin"))
    torch.save(torch.nn.Linear(2, 2), path("module.bin"))


class Shell:
    def __reduce__(self):
        return os.system, ("touch /tmp/pickle-was-run",)


def save_hostile():
    torch.save(OrderedDict(plain=Shell()), path("shell.bin"))
    stored = zipfile.ZipFile(path("dict.bin"))
    with zipfile.ZipFile(path("compressed.bin"), "w", zipfile.ZIP_DEFLATED) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))


def picture(width, height):
    """The same pictures as in the tests: a hash of place and channel, half of it smooth."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    noise = (x * 7919 + y * 104729 + c * 1299709) * 2654435761 % 2**32 >> 24
    smooth = (x * 5 + y * 3 + c * 40) % 256
    return np.where((x // 4 + y // 4) % 2 == 0, noise, smooth).astype(np.uint8)


SIZES = [
    ((23, 17), (9, 11)),
    ((7, 5), (16, 20)),
    ((1, 1), (4, 3)),
    ((200, 2), (7, 6)),
    ((2, 90), (5, 8)),
    ((31, 29), (31, 12)),
    ((31, 29), (13, 29)),
    ((64, 48), (32, 32)),
    ((5, 5), (5, 5)),
]


def save_pictures():
    results = {}
    for (width, height), (to_width, to_height) in SIZES:
        source = Image.fromarray(picture(width, height))
        for number in range(6):
            # Rows, then columns: up to version 12 one call did it in this order, 13 changes it for some sizes.
            resized = source.resize((to_width, height), resample=number).resize((to_width, to_height), resample=number)
            results[f"{number}:{width}x{height}:{to_width}x{to_height}"] = torch.from_numpy(np.array(resized))
    save_file(results, path("resized.safetensors"))


PROCESSORS = {
    "vit": ViTImageProcessorPil(size={"height": 12, "width": 10}),
    "clip": CLIPImageProcessorPil(size={"shortest_edge": 9}, crop_size={"height": 7, "width": 8}),
    "padded": CLIPImageProcessorPil(size={"shortest_edge": 6}, crop_size={"height": 9, "width": 12}, resample=2),
    "plain": ViTImageProcessorPil(size={"height": 6, "width": 6}, do_normalize=False, resample=0),
    "raw": ViTImageProcessorPil(do_resize=False, do_rescale=False, do_normalize=False),
}


def save_processed():
    results, settings = {}, {}
    for name, processor in PROCESSORS.items():
        settings[name] = json.loads(processor.to_json_string())
        pixels = processor(Image.fromarray(picture(13, 18)), return_tensors="np")["pixel_values"][0]
        results[name] = torch.from_numpy(np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.float32))
    save_file(results, path("processed.safetensors"))
    with open(path("processors.json"), "w") as file:
        json.dump(settings, file, indent=1, sort_keys=True)


save_tensors()
save_hostile()
save_pictures()
save_processed()
