#!/usr/bin/env python3
"""Fits a model to decision logs of the proxy (JSON lines) and exports it as export.py does.

    python="$(scripts/python.sh)"
    "$python" examples/bring-your-own-model/train_from_log.py --out models/mine --version 2 \\
        decisions-*.jsonl

What is fitted is the last layer of mlp.py, in which the cost is linear: weighted least squares
towards ln(latency / mean latency of the class) of the endpoint that was chosen, pulled towards
what `peak_ewma` would do. The hidden layer stays random. A baseline to start from, and a check
that a log is usable; not a rival of the project's trainer.
"""

import argparse
import json
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import export
import features
import mlp

# A failed attempt counts as this many mean latencies, however fast it failed: an endpoint that
# fails at once must not look quick.
FAILURE_LATENCIES = 20.0
# Latencies count within these multiples of the mean, so that no single one rules the fit.
LATENCY_LIMITS = (0.01, 100.0)
# A rare exploring choice stands for many, but not for so many that it is all that is heard.
MAX_WEIGHT = 20.0
# The pull towards `peak_ewma` is as strong as this many rows of average weight.
PRIOR_ROWS = 100.0
# A feature that never varied would otherwise be free to take any weight.
MIN_VARIANCE = 1e-3
# The last part of the log is held out; later decisions, because the model will serve later ones.
TRAINING_SHARE = 0.8
MIN_ROWS = 200

# Cancelled attempts are left out: when the client gave up, the latency is not known.
OUTCOMES = {
    "success": False,
    "server_error": True,
    "connection_error": True,
    "timeout": True,
    "cancelled": None,
}


@dataclass(frozen=True)
class Rows:
    """One row per attempt, in the order of time."""

    candidates: np.ndarray  # [n, 34], features of the chosen endpoint
    context: np.ndarray  # [n, 8]
    target: np.ndarray  # [n], ln of the latency in mean latencies of the class
    weight: np.ndarray  # [n], 1 / probability of the choice, bounded

    def part(self, rows):
        return Rows(self.candidates[rows], self.context[rows], self.target[rows], self.weight[rows])


class FieldError(Exception):
    """A field of one record is not what it should be."""

    def __init__(self, name, found, expected):
        super().__init__(f"{name}: {found!r}, expected {expected}")


def read(paths, schema, max_rows):
    """The last `max_rows` usable attempts of the logs."""
    kept, seen = deque(maxlen=max_rows), 0
    for path in paths:
        for row in attempts(path, schema):
            kept.append(row)
            seen += 1
    if seen > max_rows:
        print(f"{seen} attempts, of which the last {max_rows} are used (--max-rows)")
    if len(kept) < MIN_ROWS:
        raise export.ExportError(f"{len(kept)} usable attempts in the logs, at least {MIN_ROWS} wanted")
    in_time = sorted(kept, key=lambda row: row[0])
    _, candidates, context, target, weight = zip(*in_time)
    return Rows(np.stack(candidates), np.stack(context), np.array(target), np.array(weight))


def attempts(path, schema):
    """Each usable attempt of one file as (time, features, context, target, weight)."""
    if path.suffix != ".jsonl":
        raise export.ExportError(f"{path}: not a .jsonl file; set the decision log's format to jsonl")
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                # A line without its end is being written, or its writer was interrupted.
                if line.isspace() or not line.endswith(b"\n"):
                    continue
                row = parse(path, number, line, schema)
                if row is not None:
                    yield row
    except OSError as error:
        raise export.ExportError(f"{path}: {error.strerror}") from error


def parse(path, number, line, schema):
    try:
        return attempt(json.loads(line), schema)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise export.ExportError(f"{path}:{number}: {error}") from error
    except FieldError as error:
        raise export.ExportError(f"{path}:{number}: {error}") from error


def attempt(record, schema):
    if not isinstance(record, dict):
        raise FieldError("record", record, "an object")
    if record.get("schema") != schema:
        raise FieldError("schema", record.get("schema"), schema)
    outcome = record.get("outcome")
    if outcome not in OUTCOMES:
        raise FieldError("outcome", outcome, f"one of {', '.join(OUTCOMES)}")
    failed = OUTCOMES[outcome]
    if failed is None:
        return None
    mean = number(record, "class_mean_seconds", least=1e-9)
    latencies = FAILURE_LATENCIES if failed else number(record, "latency_seconds") / mean
    propensity = number(record, "propensity", least=1e-9)
    return (
        number(record, "time_us"),
        chosen_features(record),
        vector(record, "context", len(features.CONTEXT)),
        np.log(np.clip(latencies, *LATENCY_LIMITS)),
        min(1.0 / propensity, MAX_WEIGHT),
    )


def chosen_features(record):
    candidates, chosen = record.get("candidates"), record.get("chosen")
    if not isinstance(candidates, list) or not candidates:
        raise FieldError("candidates", candidates, "a list")
    if not isinstance(chosen, int) or not 0 <= chosen < len(candidates):
        raise FieldError("chosen", chosen, f"an index below {len(candidates)}")
    width = len(features.CANDIDATE)
    return vector(record, "features", len(candidates) * width)[chosen * width :][:width]


def number(record, name, least=0.0):
    value = record.get(name)
    if not isinstance(value, (int, float)) or not least <= value < 1e300:
        raise FieldError(name, value, f"a number from {least}")
    return float(value)


def vector(record, name, length):
    value = record.get(name)
    if not isinstance(value, list) or len(value) != length:
        found = len(value) if isinstance(value, list) else value
        raise FieldError(name, found, f"{length} numbers")
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError(name, str(error), "numbers") from error
    if array.shape != (length,) or not np.isfinite(array).all():
        raise FieldError(name, "a value that is not finite", f"{length} finite numbers")
    return array


def design(network, rows):
    """What the cost is a weighted sum of: hidden values, features, context, one."""
    hidden = network.hidden(rows.candidates, rows.context)
    return np.hstack([hidden, rows.candidates, rows.context, np.ones((len(rows.target), 1))])


def prior(network):
    """The weights of `peak_ewma` in the place of each column of `design`."""
    hidden, context = network.w2.shape[0], len(features.CONTEXT)
    return np.concatenate([np.zeros(hidden), mlp.linear(mlp.PEAK_EWMA)[:, 0], np.zeros(context + 1)])


def fit(network, rows):
    """The network with its last layer fitted."""
    columns, start = design(network, rows), prior(network)
    weight = rows.weight / rows.weight.mean()
    spread = np.maximum(columns.var(axis=0), MIN_VARIANCE)
    pull = PRIOR_ROWS * spread
    pull[-1] = 0.0  # the level is free: peak_ewma's costs have another zero than these
    weighted = columns * weight[:, None]
    change = np.linalg.solve(weighted.T @ columns + np.diag(pull), weighted.T @ (rows.target - columns @ start))
    return with_last_layer(network, start + change)


def with_last_layer(network, weights):
    hidden, width = network.w2.shape[0], len(features.CANDIDATE)
    w2, wl, _context, b = np.split(weights, [hidden, hidden + width, len(weights) - 1])
    # The context was there to explain how busy the cluster was as a whole. All candidates of a
    # decision share it, so it changes no choice and is left out of the graph.
    return replace(network, w2=w2[:, None].astype("f4"), wl=wl[:, None].astype("f4"), b=b.astype("f4"))


def error(network, rows):
    """Weighted standard deviation of what the costs leave unexplained, up to a constant."""
    costs = network.costs(rows.candidates, rows.context)
    rest = rows.target - costs
    mean = np.average(rest, weights=rows.weight)
    return np.sqrt(np.average((rest - mean) ** 2, weights=rows.weight))


def ranges(rows):
    """Least and greatest value of each feature in training, by name."""
    pairs = [(features.CANDIDATE, rows.candidates), (features.CONTEXT, rows.context)]
    return {
        name: [float(column.min()), float(column.max())]
        for names, values in pairs
        for name, column in zip(names, values.T)
    }


def main():
    parser = argparse.ArgumentParser(description="Fits a model to decision logs and exports it.")
    export.add_label_arguments(parser, name="fitted")
    parser.add_argument("--seed", type=export.seed, default=1, help="of the hidden layer (default: 1)")
    parser.add_argument("--hidden", type=export.positive, default=16, help="hidden values (default: 16)")
    parser.add_argument("--max-rows", type=export.positive, default=200_000, help="attempts in memory (default: 200000)")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG.jsonl", help="decision logs")
    arguments = parser.parse_args()

    schema = arguments.schema or export.schema_of(arguments.program)
    rows = read(arguments.logs, schema, arguments.max_rows)
    split = int(len(rows.target) * TRAINING_SHARE)
    seen, held_out = rows.part(slice(split)), rows.part(slice(split, None))
    start = with_last_layer(random := mlp.from_seed(arguments.seed, arguments.hidden), prior(random))
    fitted = fit(random, seen)
    print(f"attempts            {len(seen.target)} fitted, {len(held_out.target)} held out")
    print(f"error of peak_ewma  {error(start, held_out):.4f} (held out, standard deviation of ln latency)")
    print(f"error of the fit    {error(fitted, held_out):.4f}")

    training = f"least squares on {len(seen.target)} logged attempts, hidden layer of seed {arguments.seed}"
    label = export.Label(arguments.name, arguments.version, schema, training, ranges(seen))
    print(export.write_version(arguments.out, label, fitted.to_onnx(), fitted.costs))


if __name__ == "__main__":
    export.run(main)
