# `just` lists these; `just NAME` runs one.

_list:
    @just --list --unsorted

# Open the dashboard
dashboard *ARGS:
    cargo run --release -- {{ARGS}}

# Run the tests
test *ARGS:
    cargo test --release {{ARGS}}

# Everything that must hold before a change lands
ci:
    .ci/run

# Format the sources
fmt:
    cargo fmt --all

# Lint as strictly as CI does
clippy:
    cargo clippy --release --all-targets -- -D warnings

# Check the types of the GPU build, with no CUDA toolkit
cuda-check:
    cargo check --release --features cuda,ci-check

# Build for CUDA, the toolkit fetched from PyPI into FOLDER
cuda-build FOLDER:
    scripts/cuda-build {{FOLDER}}

# Whether a GPU learns what the CPU learns
gpu-check *ARGS:
    scripts/gpu-check {{ARGS}}

# Write config.toml and README's keys anew from the program's own tables
documents:
    UPDATE_DOCUMENTS=1 cargo test --release --test documents
