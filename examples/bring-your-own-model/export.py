#!/usr/bin/env python3
"""Exports a network as one version of a model that ai-loadbalancer serves.

    python="$(scripts/python.sh)"
    "$python" examples/bring-your-own-model/export.py --out models/mine --version 1
    ai-loadbalancer model check models/mine

The network here is an untrained example (mlp.py). For your own, replace it by anything that gives
an ONNX model and, independently of it, a function from features to costs: `write_version` does
the rest. The contract is in docs/models.md.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

import features
import mlp

# The proxy wants 64 vectors at least, and each of these numbers of candidates: 1 and 2 are where
# a graph with a fixed or squeezed dimension goes wrong, 32 is what the time budget is held to.
VECTOR_CANDIDATES = (1, 2, 8, 32)
VECTORS_EACH = 16


class ExportError(Exception):
    """What the user has to put right."""


@dataclass(frozen=True)
class Label:
    """What a version says of itself. Stands in the graph and in the manifest, which must agree."""

    name: str
    version: int
    schema: str  # feature schema that the weights were made for
    training: str  # how the weights came about
    ranges: dict = field(default_factory=dict)  # feature name: [least, greatest] in training


def write_version(out, label, model, costs):
    """Writes `out`/<version>/ and gives its path.

    `model` is the ONNX model; `costs(candidates [d, 34], context [1, 8])` gives the costs [d] in
    float64, by other means than the graph. Raises ExportError when the version exists.
    """
    target = Path(out) / str(label.version)
    if target.exists():
        raise ExportError(f"{target}: exists; a version never changes, take the next number")
    helper.set_model_props(model, metadata(label))
    onnx.checker.check_model(model, full_check=True)
    contents = {"model.onnx": model.SerializeToString(deterministic=True), "parity.json": parity(costs)}
    # Last, because a folder without a manifest counts as one still being written.
    contents["manifest.yaml"] = manifest(label, contents)
    write_whole(target, contents)
    return target


def metadata(label):
    return {
        "lb.schema": label.schema,
        "lb.name": label.name,
        "lb.version": str(label.version),
        "lb.training": label.training,
    }


def parity(costs):
    """Test vectors that whatever runtime is to serve must reproduce within 1e-4·(1 + |cost|)."""
    rng = np.random.default_rng(1)
    vectors = []
    for d in VECTOR_CANDIDATES * VECTORS_EACH:
        candidates = sixteenths(rng, d, len(features.CANDIDATE))
        context = sixteenths(rng, 1, len(features.CONTEXT))
        cost = np.asarray(costs(candidates, context), np.float64)
        if cost.shape != (d,) or not np.isfinite(cost).all():
            raise ExportError(f"costs of {d} candidates: expected {d} finite numbers, got {cost}")
        vectors.append(
            {
                "candidates": candidates.ravel().tolist(),
                "context": context.ravel().tolist(),
                "cost": cost.tolist(),
            }
        )
    return json.dumps({"vectors": vectors}).encode()


def sixteenths(rng, rows, columns):
    """Values from -4 to 4 that float32 holds exactly, so that only the computation is tested."""
    return rng.integers(-64, 65, (rows, columns)) / 16.0


def manifest(label, contents):
    files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    value = {
        "name": label.name,
        "version": label.version,
        "schema": label.schema,
        "training": label.training,
        "files": files,
        "ranges": label.ranges,
    }
    # JSON is YAML, and it needs no further package.
    return (json.dumps(value, indent=2) + "\n").encode()


def write_whole(target, contents):
    """Writes the files beside their place and renames: a reload never sees half a version."""
    # The proxy looks at numbered folders only.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        for name, data in contents.items():
            (unfinished / name).write_bytes(data)
        unfinished.rename(target)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ExportError(f"{target}: cannot be written: {error}") from error


def schema_of(program):
    """The feature schema of a build: what `ai-loadbalancer model schema` prints, one line."""
    try:
        run = subprocess.run([program, "model", "schema"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ExportError(f"{program} model schema: {error}; give --schema or --program") from error
    return run.stdout.strip()


def add_label_arguments(parser, name):
    parser.add_argument("--out", type=Path, required=True, help="model folder, gets a folder <version>")
    parser.add_argument("--name", default=name, help="name of the model (default: %(default)s)")
    parser.add_argument("--version", type=version_number, default=1, help="number of the version (default: 1)")
    parser.add_argument("--schema", help="feature schema (default: that of --program)")
    parser.add_argument("--program", default="ai-loadbalancer", help="proxy to ask for its schema (default: %(default)s)")


def version_number(text):
    # A folder named 007 or ٣ would not be found.
    if not (text.isascii() and text.isdigit() and text == str(int(text))) or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a version number")
    return int(text)


def seed(text):
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return int(text)


def positive(text):
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def run(main):
    """Runs `main`; what the user has to put right is one line and exit code 1."""
    try:
        main()
    except (ExportError, ValueError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")


def main():
    parser = argparse.ArgumentParser(description="Exports an example model.")
    add_label_arguments(parser, name="example-mlp")
    parser.add_argument("--seed", type=seed, default=1, help="of the random weights (default: 1)")
    parser.add_argument("--hidden", type=positive, default=16, help="hidden values (default: 16)")
    parser.add_argument("--weights", type=Path, help=".npz with w1, wg, b1, w2, wl, b instead of a seed")
    arguments = parser.parse_args()
    if arguments.weights:
        network, training = mlp.from_file(arguments.weights), f"weights from {arguments.weights.name}"
    else:
        network = mlp.from_seed(arguments.seed, arguments.hidden)
        training = f"not trained: peak_ewma and random weights of seed {arguments.seed}"
    schema = arguments.schema or schema_of(arguments.program)
    label = Label(arguments.name, arguments.version, schema, training)
    print(write_version(arguments.out, label, network.to_onnx(), network.costs))


if __name__ == "__main__":
    run(main)
