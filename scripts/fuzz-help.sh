#!/usr/bin/env bash
# Tells how to fuzz. By hand only: cargo-fuzz needs a nightly compiler and runs until stopped.
cat <<'TEXT'
Fuzzing needs a nightly toolchain and cargo-fuzz:

    rustup toolchain install nightly
    cargo install cargo-fuzz --locked

    cargo +nightly fuzz list                                        # the targets, in fuzz/
    cargo +nightly fuzz run model_file      -- -max_total_time=300  # model.onnx as read from disk
    cargo +nightly fuzz run registry_record -- -max_total_time=300  # a record as read from Redis

A crash leaves its input in fuzz/artifacts/<target>/. Turn it into a test beside the parser
before fixing it. More in docs/fuzzing.md.
TEXT
