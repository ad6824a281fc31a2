"""Captions of whole folders against transformers: is it the same model, and what does a caption cost?

`caption.py check FOLDER…`  imports each folder, exports the run again, and lets transformers load both: logits, tokenizer
                            ids, pixels and captions must be the same.
`caption.py make FOLDER`     makes a folder as large as ViT-GPT2 captioners are: 239 million random parameters, 50,257 tokens.
`caption.py time [FOLDER]`  captions one photo with both programs, each in a process of its own, with 4 beams and 16 tokens:
                            seconds with loading, and the most memory. Without a folder it makes one as large as ViT-GPT2
                            captioners are, 239 million random parameters and 50,257 tokens.
`caption.py many`           captions 512 small pictures with both programs, by a net as small as our own, with 4 beams and 16
                            tokens, in turns: captions a second, without what starting costs.

All use the processors that this one may use (`taskset -c 0 python …` for one). The program is built by
`cargo build --release` first, or named by PIXSCRIBE. Needs torch, transformers 5, Pillow.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PIXSCRIBE", str(ROOT / "target/release/pixscribe"))
ALLOWED = 1e-4
BEAMS, TOKENS = 4, 16
PICTURES, ROUNDS = 512, 5
# Pictures that transformers captions together: the fastest is taken.
TOGETHER = (64, 128, 256)
SENTENCES = ["a red frog on a green leaf", "Two ships, far out at sea!", "naïve  café\n42 %", "<|endoftext|>"]


def load(folder):
    """A folder's model, picture processor and tokenizer."""
    import torch
    from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = VisionEncoderDecoderModel.from_pretrained(folder).eval()
    return model, AutoImageProcessor.from_pretrained(folder, use_fast=False), AutoTokenizer.from_pretrained(folder)


def photo(path, width=640, height=427):
    """A picture of soft shapes and some noise, saved as a JPEG."""
    import numpy
    from PIL import Image

    y, x = numpy.mgrid[:height, :width] / height
    waves = [numpy.sin(k * x + 2 * y) * numpy.cos(5 * y - k * x * y) for k in (3, 7, 11)]
    noise = numpy.random.default_rng(0).normal(0, 8, (height, width, 3))
    Image.fromarray((numpy.stack(waves, -1) * 90 + 128 + noise).clip(0, 255).astype("uint8")).save(path, quality=92)
    return path


def pixscribe(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def captioned(folder, picture, *flags):
    return json.loads(pixscribe("caption", picture, "--model", folder, "--json", *flags))[0]["token_ids"]


def check(folder):
    """Both forms of a folder side by side; the largest difference of logits."""
    import torch
    from PIL import Image

    with tempfile.TemporaryDirectory() as place:
        picture, out = photo(Path(place) / "photo.jpg"), Path(place) / "out"
        pixscribe("import", folder, "--name", "imported", "--runs", place)
        pixscribe("export", "imported", "--format", "hf", "-o", out, "--runs", place)
        (model, processor, tokenizer), (again, other_processor, other_tokenizer) = load(folder), load(out)
        pixels = processor(Image.open(picture), return_tensors="pt").pixel_values
        assert torch.equal(pixels, other_processor(Image.open(picture), return_tensors="pt").pixel_values), "pixels"
        for text in SENTENCES:
            ids = tokenizer(text).input_ids
            assert ids == other_tokenizer(text).input_ids, text
            assert tokenizer.decode(ids) == other_tokenizer.decode(ids), text
        draw = torch.Generator().manual_seed(1)
        ids = torch.randint(model.config.decoder.vocab_size, (1, 8), generator=draw)
        with torch.no_grad():
            due, found = (m(pixel_values=pixels, decoder_input_ids=ids).logits for m in (model, again))
            said = [m.generate(pixels).tolist()[0] for m in (model, again)]
        worst = (due - found).abs().max().item()
        assert worst <= ALLOWED, f"logits differ by {worst:.1e}"
        for named in (folder, Path(place) / "imported/weights"):
            assert captioned(named, picture) == said[0] == said[1], named
    return worst


# The sizes of `pixscribe train captioner --set preset=plain`.
SMALL_EYES = {"image_size": 32, "patch_size": 4, "hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 6,
              "intermediate_size": 384}
SMALL_MOUTH = {"vocab_size": 512, "n_positions": 96, "n_embd": 96, "n_layer": 2, "n_head": 6, "bos_token_id": 511,
               "eos_token_id": 511}


def make(folder, eyes=None, mouth=None):
    """A folder of the usual size, or of these sizes. Numbers are drawn larger than first weights are, so that captions
    follow the picture."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, ViTConfig, ViTImageProcessor, ViTModel
    from transformers import VisionEncoderDecoderModel

    torch.manual_seed(0)
    eyes = ViTConfig(**(eyes or {}))
    decoder = GPT2LMHeadModel(GPT2Config(add_cross_attention=True, is_decoder=True, **(mouth or {})))
    model = VisionEncoderDecoderModel(encoder=ViTModel(eyes), decoder=decoder)
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = ("norm" in name or "ln_" in name) and name.endswith("weight")
            p.normal_(1.0 if norm else 0.0, 0.05)
    end = decoder.config.eos_token_id
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = config.bos_token_id = config.eos_token_id = config.pad_token_id = end
    model.save_pretrained(folder)
    size = {"height": eyes.image_size, "width": eyes.image_size}
    ViTImageProcessor(size=size).save_pretrained(folder)
    Path(folder, "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    # GPT-2's letters for bytes, and pairs of them.
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in kept] + [chr(256 + at) for at in range(256 - len(kept))]
    pairs = [(a, b) for a in letters for b in letters][: end - 256]
    words = letters + [a + b for a, b in pairs] + ["<|endoftext|>"]
    Path(folder, "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(words)}, ensure_ascii=False))
    Path(folder, "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in pairs))
    return sum(p.numel() for p in model.parameters())


def theirs(folder, picture):
    """One caption by transformers; prints ids, and what loading and captioning took without the imports."""
    import torch
    import transformers  # noqa: F401, imported before the clock starts
    from PIL import Image

    begun, computed = time.perf_counter(), time.process_time()
    model, processor, _ = load(folder)
    with torch.no_grad():
        pixels = processor(Image.open(picture), return_tensors="pt").pixel_values
        ids = model.generate(pixels, num_beams=BEAMS, max_new_tokens=TOKENS)
    seconds, computing = time.perf_counter() - begun, time.process_time() - computed
    print(json.dumps({"ids": ids.tolist()[0], "seconds": seconds, "computing": computing}))


def measured(command):
    """What a process prints, its seconds, those that it computed, and its most memory in MiB."""
    begun = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"caption.py: {command[0]} failed")
    return json.loads(out), [time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]


def clocked(folder, place):
    picture = photo(Path(place) / "photo.jpg")
    flags = ["--beams", BEAMS, "--max-tokens", TOKENS, "--json"]
    ours, our_figures = measured([PROGRAM, "caption", picture, "--model", folder, *flags])
    due, their_figures = measured([sys.executable, __file__, "theirs", folder, picture])
    size = sum(path.stat().st_size for path in Path(folder).glob("*.safetensors")) / 2**20
    print(f"weights {size:.0f} MiB, processors {len(os.sched_getaffinity(0))}")
    print(f"{'':<22}{'seconds':>10}{'computing':>11}{'MiB':>8}")
    for name, (seconds, computing, memory) in (("pixscribe", our_figures), ("transformers", their_figures)):
        print(f"{name:<22}{seconds:>10.2f}{computing:>11.2f}{memory:>8.0f}")
    print(f"{'  without its imports':<22}{due['seconds']:>10.2f}{due['computing']:>11.2f}")
    if ours[0]["token_ids"] != due["ids"]:
        sys.exit(f"caption.py: the captions differ\n{ours[0]['token_ids']}\n{due['ids']}")
    print(f"the same caption of {len(due['ids'])} tokens, {len(set(due['ids']))} of them different")


def many(place):
    """Captions of many small pictures, in turns."""
    import numpy
    import torch
    from PIL import Image

    folder, pictures = Path(place) / "model", Path(place) / "pictures"
    pictures.mkdir()
    make(folder, SMALL_EYES, SMALL_MOUTH)
    whole = Image.open(photo(Path(place) / "photo.jpg"))
    draw = numpy.random.default_rng(1)
    paths = [pictures / f"{index:04}.png" for index in range(PICTURES)]
    for path in paths:
        x, y = draw.integers(whole.width - 96), draw.integers(whole.height - 96)
        whole.crop((x, y, x + 96, y + 96)).resize((32, 32)).save(path)
    model, processor, _ = load(folder)

    def ours(paths):
        begun = time.perf_counter()
        out = pixscribe("caption", *paths, "--model", folder, "--beams", BEAMS, "--max-tokens", TOKENS, "--json")
        return time.perf_counter() - begun, [said["token_ids"] for said in json.loads(out)]

    def theirs(paths, together):
        begun, said = time.perf_counter(), []
        for first in range(0, len(paths), together):
            images = [Image.open(path) for path in paths[first : first + together]]
            pixels = processor(images, return_tensors="pt").pixel_values
            with torch.no_grad():
                said += model.generate(pixels, num_beams=BEAMS, max_new_tokens=TOKENS).tolist()
        return time.perf_counter() - begun, said

    together = min(TOGETHER, key=lambda count: theirs(paths, count)[0])
    rounds = []
    for _ in range(ROUNDS):
        start, _ = ours(paths[:1])
        (mine, found), (their, due) = ours(paths), theirs(paths, together)
        rounds.append(((PICTURES - 1) / (mine - start), PICTURES / their))
    end = model.config.eos_token_id
    cut = lambda ids: ids[: ids.index(end, 1) + 1] if end in ids[1:] else ids
    same = sum(cut(a) == cut(b) for a, b in zip(found, due))
    ratios = sorted(a / b for a, b in rounds)
    mine, their = (sorted(column)[ROUNDS // 2] for column in zip(*rounds))
    print(f"{mine:.0f} captions/s, transformers {their:.0f} ({together} together); "
          f"ratio {ratios[ROUNDS // 2]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); {same} of {PICTURES} captions the same")


def main():
    match sys.argv[1:]:
        case ["theirs", folder, picture]:
            theirs(folder, picture)
        case ["check", *folders] if folders:
            for folder in folders:
                print(f"{Path(folder).name}: the same, logits to {check(folder):.1e}")
        case ["make", folder]:
            print(f"{make(folder)} parameters")
        case ["many"]:
            with tempfile.TemporaryDirectory() as place:
                many(place)
        case ["time", *rest] if len(rest) < 2:
            with tempfile.TemporaryDirectory() as place:
                if not rest:
                    make(Path(place) / "model")
                clocked(rest[0] if rest else Path(place) / "model", place)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
