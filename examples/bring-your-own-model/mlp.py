"""The network of this example: one hidden layer beside a linear path.

    h    = relu(candidates @ w1 + context @ wg + b1)
    cost = h @ w2 + candidates @ wl + b

Formula (`costs`) and graph (`to_onnx`) are written apart on purpose: the test vectors come from
the formula, so a mistake in the graph shows when the proxy checks the model.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import features

# The proxy takes operator sets 17 to 21. IR version 8 is the oldest that fits 18; newer ones say
# nothing more here and lock out older ONNX Runtimes.
OPSET = 18
IR_VERSION = 8

# What the policy `peak_ewma` computes, as weights: cost = ln of
# peak latency × (1 + in flight) × error factor / weight.
PEAK_EWMA = {"in_flight": 1.0, "peak_ewma": 1.0, "error_factor": 1.0, "weight": -1.0}


@dataclass(frozen=True)
class Mlp:
    """Weights, float32: what the graph holds is what the formula uses."""

    w1: np.ndarray  # [34, hidden], of the candidate's features
    wg: np.ndarray  # [8, hidden], of the decision's features
    b1: np.ndarray  # [hidden]
    w2: np.ndarray  # [hidden, 1], the head
    wl: np.ndarray  # [34, 1], the linear path
    b: np.ndarray  # [1]

    def hidden(self, candidates, context):
        """Hidden values [d, hidden] in float64; `context` has one row, or one per candidate."""
        w1, wg, b1 = (weights.astype(np.float64) for weights in (self.w1, self.wg, self.b1))
        return np.maximum(candidates @ w1 + context @ wg + b1, 0.0)

    def costs(self, candidates, context):
        """The cost of each row of `candidates` [d, 34] given `context` [1, 8], in float64."""
        deep = self.hidden(candidates, context) @ self.w2.astype(np.float64)
        linear = candidates @ self.wl.astype(np.float64) + self.b.astype(np.float64)
        return (deep + linear)[:, 0]

    def to_onnx(self):
        """The graph. Each operator in it is one that the native runtime compiles."""
        node = helper.make_node
        nodes = [
            node("MatMul", ["candidates", "w1"], ["own"]),
            # [1, 8] gives [1, hidden]: computed once, not per candidate, and broadcast by Add.
            node("Gemm", ["context", "wg", "b1"], ["shared"]),
            node("Add", ["own", "shared"], ["before_relu"]),
            node("Relu", ["before_relu"], ["h"]),
            node("MatMul", ["h", "w2"], ["deep"]),
            node("Gemm", ["candidates", "wl", "b"], ["linear"]),
            node("Add", ["deep", "linear"], ["column"]),
            # [d, 1] to [d]. Without axes, a single candidate would lose its dimension too.
            node("Squeeze", ["column", "last_axis"], ["cost"]),
        ]
        weights = {field.name: getattr(self, field.name) for field in fields(self)}
        constants = weights | {"last_axis": np.array([1], np.int64)}
        graph = helper.make_graph(
            nodes,
            "mlp",
            # A name instead of a number leaves the dimension open: d is the number of candidates.
            inputs=[
                tensor("candidates", ["d", len(features.CANDIDATE)]),
                tensor("context", [1, len(features.CONTEXT)]),
            ],
            outputs=[tensor("cost", ["d"])],
            initializer=[numpy_helper.from_array(a, name) for name, a in constants.items()],
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def tensor(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def from_seed(seed, hidden):
    """Untrained, yet safe to serve: `peak_ewma` in the linear path, a faint random rest."""
    rng = np.random.default_rng(seed)

    def random(inputs, outputs, scale=1.0):
        return (rng.standard_normal((inputs, outputs)) * scale / np.sqrt(inputs)).astype("f4")

    return Mlp(
        w1=random(len(features.CANDIDATE), hidden),
        wg=random(len(features.CONTEXT), hidden),
        b1=random(1, hidden)[0],
        w2=random(hidden, 1, scale=0.1),
        wl=linear(PEAK_EWMA),
        b=np.zeros(1, "f4"),
    )


def linear(weights):
    """Weights by the feature's name as a column [34, 1]; every other feature has 0."""
    column = np.zeros((len(features.CANDIDATE), 1), "f4")
    for name, weight in weights.items():
        column[features.CANDIDATE.index(name)] = weight
    return column


def from_file(path: Path):
    """Weights from an .npz file with the arrays w1, wg, b1, w2, wl and b.

    Raises ValueError naming file, array and shape.
    """
    names = [field.name for field in fields(Mlp)]
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            arrays = {name: file[name] for name in names if name in file}
    except (OSError, ValueError, TypeError, AttributeError, BadZipFile) as error:
        raise ValueError(f"{path}: not a readable .npz file: {error}") from error
    if missing:
        raise ValueError(f"{path}: no array {missing[0]!r}, expected {', '.join(names)}")
    check_shapes(path, arrays)
    return Mlp(**{name: array.astype("f4") for name, array in arrays.items()})


def check_shapes(path, arrays):
    hidden = arrays["b1"].size
    expected = {
        "w1": (len(features.CANDIDATE), hidden),
        "wg": (len(features.CONTEXT), hidden),
        "b1": (hidden,),
        "w2": (hidden, 1),
        "wl": (len(features.CANDIDATE), 1),
        "b": (1,),
    }
    if hidden == 0:
        raise ValueError(f"{path}: b1 is empty, at least one hidden value wanted")
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape:
            raise ValueError(f"{path}: {name} has shape {array.shape}, expected {shape}")
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} must hold finite floating point numbers")
