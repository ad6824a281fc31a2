"""Makes other-vit-gpt2/: a small random VisionEncoderDecoderModel whose every switch differs from tiny-vit-gpt2's, and the
numbers that it gives. Needs torch, transformers 5 and safetensors; run as `python make_other.py`."""

import json
import tempfile
from pathlib import Path

import safetensors.torch
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, ViTConfig, ViTModel, VisionEncoderDecoderModel

FOLDER = Path(__file__).parent / "other-vit-gpt2"
PAD, START, END, OTHER_END = 0, 1, 2, 7
BATCH, PREFIX = 3, 6
MODES = {
    "greedy": {"num_beams": 1, "max_length": 12},
    "greedy_norepeat1": {"num_beams": 1, "max_length": 12, "no_repeat_ngram_size": 1},
    "beam4": {"num_beams": 4, "max_length": 12},
    "beam4_all": {"num_beams": 4, "max_length": 12, "num_return_sequences": 4},
    "beam3_early_lp2": {"num_beams": 3, "max_length": 12, "early_stopping": True, "length_penalty": 2.0},
    "beam3_never": {"num_beams": 3, "max_length": 12, "early_stopping": "never", "length_penalty": 0.5},
    "beam3_short": {"num_beams": 3, "max_length": 12, "length_penalty": -1.0},
    "beam4_norepeat2_min6": {"num_beams": 4, "max_length": 14, "no_repeat_ngram_size": 2, "min_length": 6},
    "beam3_two_ends": {"num_beams": 3, "max_length": 12, "eos_token_id": [END, OTHER_END], "num_return_sequences": 3},
}
GRADIENTS = ("enc_to_dec_proj.weight", "decoder.lm_head.weight", "decoder.transformer.wte.weight",
             "decoder.transformer.h.1.attn.c_attn.weight", "decoder.transformer.h.1.crossattention.c_attn.weight",
             "encoder.embeddings.patch_embeddings.projection.weight")


def make():
    vit = ViTConfig(hidden_size=24, num_hidden_layers=3, num_attention_heads=3, intermediate_size=40, hidden_act="relu",
                    image_size=24, patch_size=6, layer_norm_eps=1e-5, qkv_bias=False, hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0)
    gpt2 = GPT2Config(vocab_size=160, n_positions=32, n_embd=32, n_layer=2, n_head=4, n_inner=56,
                      activation_function="gelu", layer_norm_epsilon=1e-6, scale_attn_by_inverse_layer_idx=True,
                      add_cross_attention=True, is_decoder=True, tie_word_embeddings=False, bos_token_id=START,
                      eos_token_id=END, pad_token_id=PAD, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    model = VisionEncoderDecoderModel(encoder=ViTModel(vit, add_pooling_layer=False), decoder=GPT2LMHeadModel(gpt2))
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id, config.bos_token_id = START, START
        config.eos_token_id, config.pad_token_id = END, PAD
    model.config.tie_word_embeddings = False
    # Nothing stands at its first value, so that one left out shows.
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = ("norm" in name or "ln_" in name) and name.endswith("weight")
            p.normal_(1.0 if norm else 0.0, 0.2)
    return model.eval()


def saved(model):
    """The model's tensors under the names that it is saved with."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.torch.load_file(Path(folder) / "model.safetensors")


def gradients(model):
    twin = make()
    for (_, p), (_, q) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        q.data.copy_(p.grad)
    return saved(twin)


def forward(model, pixels, prefix, tensors):
    model.set_attn_implementation("eager")
    out = model(pixel_values=pixels, decoder_input_ids=prefix, output_hidden_states=True, output_attentions=True)
    model.set_attn_implementation("sdpa")
    tensors["encoder_last_hidden_state"] = out.encoder_last_hidden_state
    tensors["logits"] = out.logits
    tensors["cross_attentions"] = torch.stack(out.cross_attentions)
    tensors |= {f"encoder_hidden_{i}": x[:1] for i, x in enumerate(out.encoder_hidden_states)}
    tensors |= {f"decoder_hidden_{i}": x for i, x in enumerate(out.decoder_hidden_states)}


def generate(model, pixels):
    modes = {}
    for name, args in MODES.items():
        out = model.generate(pixels, **args, do_sample=False, return_dict_in_generate=True, output_scores=True)
        modes[name] = {"args": args, "ids": out.sequences.tolist()}
        if args["num_beams"] > 1:
            modes[name]["scores"] = out.sequences_scores.tolist()
    return modes


def train(model, pixels, labels, numbers, tensors):
    loss = model(pixel_values=pixels, labels=labels).loss
    loss.backward()
    grads = gradients(model)
    tensors |= {f"grad:{name}": grads[name] for name in GRADIENTS}
    numbers["loss"] = loss.item()
    numbers["grad_norms"] = {name: g.double().norm().item() for name, g in grads.items()}
    adamw = {"lr": 1e-3, "betas": [0.9, 0.99], "eps": 1e-6, "weight_decay": 0.05}
    optimizer = torch.optim.AdamW(model.parameters(), **adamw)
    numbers["adamw"], numbers["adamw_losses"] = adamw, []
    for _ in range(8):
        optimizer.zero_grad()
        loss = model(pixel_values=pixels, labels=labels).loss
        loss.backward()
        optimizer.step()
        numbers["adamw_losses"].append(loss.item())


def main():
    torch.manual_seed(7)
    torch.use_deterministic_algorithms(True)
    model = make()
    model.save_pretrained(FOLDER)
    pixels = torch.randn(BATCH, 3, 24, 24)
    prefix = torch.randint(3, 160, (BATCH, PREFIX))
    prefix[:, 0] = START
    labels = torch.tensor([[11, 12, 13, END, -100], [100, END, -100, -100, -100], [9, 8, 7, 6, END]])
    tensors = {"pixel_values": pixels, "prefix_ids": prefix, "labels": labels}
    numbers = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__}, "start": START,
               "eos": END, "pad": PAD}
    with torch.no_grad():
        forward(model, pixels, prefix, tensors)
        numbers["generate"] = generate(model, pixels)
    train(model, pixels, labels, numbers, tensors)
    tensors = {name: x.detach().contiguous() for name, x in tensors.items()}
    safetensors.torch.save_file(tensors, FOLDER / "reference.safetensors")
    (FOLDER / "reference.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
