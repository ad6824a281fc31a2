"""Our measures and classical filters against scikit-image and scipy, on ten pairs of pictures of the sample.

Our side (`cargo bench --bench restoration`) writes the pictures, what it measures of them and what its filters make of
them; the table shows the largest difference from what the libraries say of the same pictures, and what is allowed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, estimate_sigma

ROOT = Path(__file__).resolve().parents[2]


def ours():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "restoration.safetensors"
        command = ["cargo", "bench", "--quiet", "--bench", "restoration", "--", str(path)]
        subprocess.run(command, cwd=ROOT, check=True)
        return {name: values.astype(np.float64) for name, values in load_file(path).items()}


def rounded(picture):
    return np.floor(np.clip(picture, 0, 1) * 255 + 0.5) / 255


def comparisons(file):
    """Name, what the library says of each picture, and the allowed difference from ours."""
    clean, noisy, blurred = (file[name] for name in ("clean", "noisy", "blurred"))
    noise, blur, weight, patch, h = (file[name].item() for name in ("noise", "blur", "weight", "patch", "h"))
    for name, pictures in {"noisy": noisy, "blurred": blurred}.items():
        pairs = list(zip(clean, pictures))
        yield f"psnr.{name}", [peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs], 1e-4
        yield f"ssim.{name}", [structural_similarity(a, b, channel_axis=2, data_range=1) for a, b in pairs], 1e-4
    filtered = [gaussian_filter(picture, blur, axes=(0, 1)) for picture in noisy]
    yield "gaussian", filtered, 1e-5
    # One step of 8 bits, where both stand on either side of a half.
    yield "blurred", [rounded(gaussian_filter(picture, blur, axes=(0, 1))) for picture in clean], 1.01 / 255
    yield "total_variation", [denoise_tv_chambolle(picture, weight, channel_axis=2) for picture in noisy], 1e-4
    means = {"patch_size": int(patch), "patch_distance": 6, "h": h, "sigma": noise, "fast_mode": False}
    # The library's exponential is off by up to 4 %.
    yield "non_local_means", [denoise_nl_means(picture, channel_axis=2, **means) for picture in noisy], 1e-2


def main():
    file = ours()
    failed = False
    print(f"{'':<18}{'difference':>12}{'allowed':>10}")
    for name, due, allowed in comparisons(file):
        difference = np.abs(np.asarray(due) - file[name]).max()
        failed |= not difference <= allowed
        print(f"{name:<18}{difference:>12.1e}{allowed:>10.0e}")
    theirs = np.mean([estimate_sigma(picture, channel_axis=2, average_sigmas=True) for picture in file["noisy"]])
    noise = file["noise"].item()
    print(f"noise of {noise:.3f} is told as {file['noise_level'].mean():.3f} here, by estimate_sigma as {theirs:.3f}")
    if failed:
        sys.exit("restoration.py: a difference is larger than allowed")


if __name__ == "__main__":
    main()
