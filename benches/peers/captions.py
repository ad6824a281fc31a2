"""Our metrics of captions against pycocoevalcap and sacrebleu, on 200 random sets of captions.

Each set has up to eight pictures with up to five references each; captions are references with words left out, doubled,
swapped and made up, or nothing at all. Our side (`cargo bench --bench captions`) scores the same sets; the table shows the
largest difference of each score, and what is allowed.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import sacrebleu
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

ROOT = Path(__file__).resolve().parents[2]
SETS = 200
ALLOWED = 1e-4
WORDS = "a red frog on the green leaf small ship blue sea under grey sky brown horse in field with two dogs".split()
NAMES = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "sacrebleu", "ROUGE-L", "CIDEr-D"]


def random_set(draw):
    """Pictures: a caption and its references."""

    def sentence(least):
        return [draw.choice(WORDS) for _ in range(draw.randint(least, 14))]

    def changed(words):
        kept = [word for word in words if draw.random() > 0.15]
        kept = [draw.choice(WORDS) if draw.random() < 0.15 else word for word in kept]
        if draw.random() < 0.3:
            draw.shuffle(kept)
        return kept + kept[: draw.randint(0, 2)]

    pictures = []
    for _ in range(draw.randint(1, 8)):
        references = [sentence(1) for _ in range(draw.randint(1, 5))]
        caption = changed(draw.choice(references)) if draw.random() < 0.9 else sentence(0)
        pictures.append([" ".join(caption), [" ".join(words) for words in references]])
    return pictures


def theirs(pictures):
    results = {i: [caption] for i, (caption, _) in enumerate(pictures)}
    references = {i: of_picture for i, (_, of_picture) in enumerate(pictures)}
    bleu, _ = Bleu(4).compute_score(references, results, verbose=0)
    rouge, _ = Rouge().compute_score(references, results)
    cider, _ = Cider().compute_score(references, results)
    most = max(map(len, references.values()))
    streams = [[r[k] if k < len(r) else None for r in references.values()] for k in range(most)]
    sacre = sacrebleu.BLEU(tokenize="none").corpus_score([caption for caption, _ in pictures], streams).score
    return [*bleu, sacre, rouge, cider]


def ours(sets):
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "sets.json", Path(folder) / "scores.json"
        asked.write_text(json.dumps(sets))
        command = ["cargo", "bench", "--quiet", "--bench", "captions", "--", str(asked), str(answered)]
        subprocess.run(command, cwd=ROOT, check=True)
        return json.loads(answered.read_text())


def main():
    draw = random.Random(0)
    sets = [random_set(draw) for _ in range(SETS)]
    pairs = list(zip(map(theirs, sets), ours(sets), strict=True))
    failed = False
    print(f"{'':<12}{'difference':>12}{'allowed':>10}{'mean score':>12}")
    for at, name in enumerate(NAMES):
        difference = max(abs(due[at] - found[at]) for due, found in pairs)
        failed |= not difference <= ALLOWED
        mean = sum(due[at] for due, _ in pairs) / SETS
        print(f"{name:<12}{difference:>12.1e}{ALLOWED:>10.0e}{mean:>12.4f}")
    if failed:
        sys.exit("captions.py: a difference is larger than allowed")


if __name__ == "__main__":
    main()
