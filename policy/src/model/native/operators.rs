//! One function per ONNX operator: checks what a node asks for and adds its steps.

use super::{
    super::proto::{Node, Tensor},
    kernel::Dense,
    plan::{Function, Operand, Operation, Operator},
    scope::{Scope, Value},
    shape::{Dim, Reason, Shape},
};

type Built = Result<Value, Reason>;

/// Adds the steps of `node`; gives what its output stands for.
pub(super) fn build(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    match node.operator {
        "Gemm" => gemm(scope, node),
        "MatMul" => matmul(scope, node),
        "Add" => zip(scope, node, Operator::Add),
        "Sub" => zip(scope, node, Operator::Sub),
        "Mul" => zip(scope, node, Operator::Mul),
        "Div" => zip(scope, node, Operator::Div),
        "Relu" => map(scope, node, Function::Relu),
        "Tanh" => map(scope, node, Function::Tanh),
        "Sigmoid" => map(scope, node, Function::Sigmoid),
        "ReduceMean" => reduce_mean(scope, node),
        "Concat" => concat(scope, node),
        "Squeeze" => view(scope, node, Shape::squeeze),
        "Unsqueeze" => view(scope, node, Shape::unsqueeze),
        "Reshape" => reshape(scope, node),
        "Identity" => identity(scope, node),
        _ => Err("this operator is not supported".to_owned()),
    }
}

/// The tensor of a `Constant` node.
pub(super) fn constant<'a>(node: &'a Node<'a>) -> Result<&'a Tensor<'a>, Reason> {
    attributes(node, &["value"])?;
    inputs::<0>(node)?;
    let value = node
        .attributes
        .first()
        .and_then(|attribute| attribute.tensor.as_ref());
    value.ok_or_else(|| "no attribute \"value\"".to_owned())
}

fn gemm(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    attributes(node, &["alpha", "beta", "transA", "transB"])?;
    if int(node, "transA", 0) != 0 {
        return Err("transA is not supported".to_owned());
    }
    let (left, right, bias) = match node.inputs[..] {
        [left, right] | [left, right, ""] => (left, right, None),
        [left, right, bias] => (left, right, Some(bias)),
        _ => return Err(format!("{} inputs, expected 2 or 3", node.inputs.len())),
    };
    let input = scope.value(left)?;
    if input.shape.dims().len() != 2 {
        return Err(format!("input of shape {}, expected a matrix", input.shape));
    }
    let alpha = float(node, "alpha", 1.0);
    let (weights, inner, outer) = matrix(scope, right, int(node, "transB", 0) != 0, alpha)?;
    let shape = product_shape(&input.shape, inner, outer)?;
    let bias = match bias {
        Some(name) => Some(gemm_bias(scope, name, float(node, "beta", 1.0), &shape)?),
        None => None,
    };
    let weights = Dense::new(&weights, inner, outer);
    let operand = scope.builder.dense(input.operand, weights, bias)?;
    Ok(Value {
        shape,
        operand,
        sole: true,
    })
}

fn gemm_bias(
    scope: &mut Scope<'_>,
    name: &str,
    beta: f32,
    shape: &Shape,
) -> Result<Operand, Reason> {
    let bias = if scope.is_constant(name) {
        let (dims, mut floats) = scope.floats(name)?;
        floats.iter_mut().for_each(|value| *value *= beta);
        let shape = Shape::fixed(&dims)?;
        Value {
            shape,
            operand: scope.builder.constant(&floats),
            sole: false,
        }
    } else if beta.to_bits() == 1f32.to_bits() {
        scope.value(name)?
    } else {
        return Err("beta with a bias that is not constant".to_owned());
    };
    if bias.shape.broadcast(shape)? != *shape {
        return Err(format!(
            "bias of shape {} for a result of {shape}",
            bias.shape
        ));
    }
    Ok(bias.operand)
}

fn matmul(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    attributes(node, &[])?;
    let [left, right] = inputs(node)?;
    let input = scope.value(left)?;
    let (weights, inner, outer) = matrix(scope, right, false, 1.0)?;
    let shape = product_shape(&input.shape, inner, outer)?;
    let weights = Dense::new(&weights, inner, outer);
    let operand = scope.builder.dense(input.operand, weights, None)?;
    Ok(Value {
        shape,
        operand,
        sole: true,
    })
}

/// A constant matrix as `[inner, outer]`, each weight times `alpha`.
fn matrix(
    scope: &mut Scope<'_>,
    name: &str,
    transposed: bool,
    alpha: f32,
) -> Result<(Vec<f32>, usize, usize), Reason> {
    let (dims, floats) = scope.floats(name)?;
    let [rows, columns] = dims[..] else {
        return Err(format!("weights of dimensions {dims:?}, expected a matrix"));
    };
    if floats.is_empty() {
        return Err(format!("weights of dimensions {dims:?} are empty"));
    }
    let scaled = |index: usize| floats[index] * alpha;
    if transposed {
        let at = |k: usize| (0..rows).map(move |j| j * columns + k);
        return Ok((
            (0..columns).flat_map(at).map(scaled).collect(),
            columns,
            rows,
        ));
    }
    Ok(((0..floats.len()).map(scaled).collect(), rows, columns))
}

/// Shape of a value times an `[inner, outer]` matrix.
fn product_shape(input: &Shape, inner: usize, outer: usize) -> Result<Shape, Reason> {
    match input.dims().len().checked_sub(1) {
        Some(last) if input.dims()[last] == Dim::Fixed(inner) && input.is_row(last) => {
            input.with(last, Dim::Fixed(outer))
        }
        _ => Err(format!("input of shape {input} times [{inner}, {outer}]")),
    }
}

fn zip(scope: &mut Scope<'_>, node: &Node<'_>, operator: Operator) -> Built {
    attributes(node, &[])?;
    let [left, right] = inputs(node)?;
    let (left, right) = (scope.value(left)?, scope.value(right)?);
    let shape = left.shape.broadcast(&right.shape)?;
    let layout = shape.layout();
    for operand in [left.operand, right.operand] {
        if ![1, layout.width].contains(&operand.layout.width) {
            return Err(format!(
                "shapes {} and {} repeat parts of rows",
                left.shape, right.shape
            ));
        }
    }
    if operator == Operator::Add {
        for (value, other) in [(&left, &right), (&right, &left)] {
            if !value.sole || value.operand.layout != layout {
                continue;
            }
            if let Some(operand) = scope.builder.fuse_bias(value.operand, other.operand) {
                return Ok(Value {
                    shape,
                    operand,
                    sole: true,
                });
            }
        }
    }
    let operation = Operation::Zip {
        left: left.operand,
        right: right.operand,
        operator,
    };
    Ok(Value {
        operand: scope.builder.step(operation, layout)?,
        shape,
        sole: true,
    })
}

fn map(scope: &mut Scope<'_>, node: &Node<'_>, function: Function) -> Built {
    attributes(node, &[])?;
    let [input] = inputs(node)?;
    let input = scope.value(input)?;
    let fused = match function {
        Function::Relu if input.sole => scope.builder.fuse_relu(input.operand),
        _ => None,
    };
    let operand = match fused {
        Some(operand) => operand,
        None => scope.builder.map(input.operand, function)?,
    };
    Ok(Value {
        shape: input.shape,
        operand,
        sole: true,
    })
}

fn reduce_mean(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    attributes(node, &["axes", "keepdims", "noop_with_empty_axes"])?;
    let (input, axes) = value_and_axes(scope, node)?;
    let axis = match axes[..] {
        [axis] => input.shape.axis(axis)?,
        _ => return Err(format!("axes {axes:?}, expected one")),
    };
    let shape = input.shape.reduce(axis, int(node, "keepdims", 1) != 0)?;
    let operation = match input.shape.dims()[axis] {
        Dim::Fixed(1) => return Ok(Value { shape, ..input }),
        Dim::Candidates => Operation::MeanOverCandidates {
            input: input.operand,
        },
        Dim::Fixed(_) if input.shape.is_row(axis) => Operation::MeanOverColumns {
            input: input.operand,
        },
        Dim::Fixed(_) => return Err(format!("axis {axis} is a part of rows of {}", input.shape)),
    };
    let operand = scope.builder.step(operation, shape.layout())?;
    Ok(Value {
        shape,
        operand,
        sole: true,
    })
}

/// Input and axes; these are an attribute up to operator set 17 and an input from 18 on.
fn value_and_axes(scope: &mut Scope<'_>, node: &Node<'_>) -> Result<(Value, Vec<i64>), Reason> {
    let attribute = node
        .attributes
        .iter()
        .find(|attribute| attribute.name == "axes");
    match (&node.inputs[..], attribute) {
        ([input], Some(axes)) if scope.opset < 18 => Ok((scope.value(input)?, axes.ints.clone())),
        ([input, axes], None) => Ok((scope.value(input)?, scope.ints(axes)?)),
        // Without axes the result would depend on whether d is 1.
        _ => Err("the axes must be given".to_owned()),
    }
}

fn concat(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    attributes(node, &["axis"])?;
    let parts: Vec<Value> = node
        .inputs
        .iter()
        .map(|name| scope.value(name))
        .collect::<Result<_, _>>()?;
    let first = &parts.first().ok_or("no inputs")?.shape;
    let axis = first.axis(int(node, "axis", 0))?;
    let mut width = 0usize;
    for part in &parts {
        let last = part.shape.axis(axis as i64)?;
        if !part.shape.is_row(last) || part.shape.with(last, first.dims()[axis])? != *first {
            return Err(format!(
                "shapes {first} and {} side by side on axis {axis}",
                part.shape
            ));
        }
        width = width.saturating_add(part.operand.layout.width);
    }
    let shape = first.with(axis, Dim::Fixed(width))?;
    let operands = parts.iter().map(|part| part.operand).collect();
    let operand = scope
        .builder
        .step(Operation::Concat { inputs: operands }, shape.layout())?;
    Ok(Value {
        shape,
        operand,
        sole: true,
    })
}

fn view(
    scope: &mut Scope<'_>,
    node: &Node<'_>,
    reshaped: impl Fn(&Shape, &[i64]) -> Result<Shape, Reason>,
) -> Built {
    attributes(node, &[])?;
    let (input, axes) = value_and_axes(scope, node)?;
    Ok(Value {
        shape: reshaped(&input.shape, &axes)?,
        ..input
    })
}

fn reshape(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    attributes(node, &["allowzero"])?;
    if int(node, "allowzero", 0) != 0 {
        return Err("allowzero is not supported".to_owned());
    }
    let [input, target] = inputs(node)?;
    let target = scope.ints(target)?;
    let input = scope.value(input)?;
    Ok(Value {
        shape: input.shape.reshape(&target)?,
        ..input
    })
}

fn identity(scope: &mut Scope<'_>, node: &Node<'_>) -> Built {
    attributes(node, &[])?;
    let [input] = inputs(node)?;
    scope.value(input)
}

fn inputs<'a, const N: usize>(node: &Node<'a>) -> Result<[&'a str; N], Reason> {
    let found = node.inputs.as_slice().try_into();
    found.map_err(|_| format!("{} inputs, expected {N}", node.inputs.len()))
}

/// Fails on an attribute that is not in `known`: ignoring it could change the result.
fn attributes(node: &Node<'_>, known: &[&str]) -> Result<(), Reason> {
    match node
        .attributes
        .iter()
        .find(|attribute| !known.contains(&attribute.name))
    {
        Some(unknown) => Err(format!("attribute {:?} is not supported", unknown.name)),
        None => Ok(()),
    }
}

fn int(node: &Node<'_>, name: &str, default: i64) -> i64 {
    let found = node
        .attributes
        .iter()
        .find(|attribute| attribute.name == name);
    found.and_then(|attribute| attribute.int).unwrap_or(default)
}

fn float(node: &Node<'_>, name: &str, default: f32) -> f32 {
    let found = node
        .attributes
        .iter()
        .find(|attribute| attribute.name == name);
    found
        .and_then(|attribute| attribute.float)
        .unwrap_or(default)
}
