//! Constants of a graph, read from their several encodings.

use super::{super::proto, shape::Reason};

/// Dimensions of a constant, checked against each other but not yet against its data.
pub(super) fn dims(tensor: &proto::Tensor<'_>) -> Result<Vec<usize>, Reason> {
    let dims: Result<Vec<usize>, _> = tensor
        .dims
        .iter()
        .map(|dim| usize::try_from(*dim))
        .collect();
    dims.map_err(|_| format!("constant {:?} has a negative dimension", tensor.name))
}

/// Number of values that `dims` stand for.
pub(super) fn count(dims: &[usize]) -> Result<usize, Reason> {
    let product = dims
        .iter()
        .try_fold(1usize, |product, dim| product.checked_mul(*dim));
    product.ok_or_else(|| format!("a constant of {dims:?} values"))
}

/// The values of a float32 constant.
pub(super) fn floats(tensor: &proto::Tensor<'_>) -> Result<Vec<f32>, Reason> {
    expect_type(tensor, proto::FLOAT, "float32")?;
    let values = if tensor.raw.is_empty() {
        tensor.floats.clone()
    } else {
        raw(tensor, f32::from_le_bytes)?
    };
    expect_count(tensor, values)
}

/// The values of an int64 constant.
pub(super) fn ints(tensor: &proto::Tensor<'_>) -> Result<Vec<i64>, Reason> {
    expect_type(tensor, proto::INT64, "int64")?;
    let values = if tensor.raw.is_empty() {
        tensor.ints.clone()
    } else {
        raw(tensor, i64::from_le_bytes)?
    };
    expect_count(tensor, values)
}

fn raw<T, const N: usize>(
    tensor: &proto::Tensor<'_>,
    decode: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, Reason> {
    let (values, rest) = tensor.raw.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(format!("constant {:?} is cut off", tensor.name));
    }
    Ok(values.iter().map(|bytes| decode(*bytes)).collect())
}

fn expect_type(tensor: &proto::Tensor<'_>, wanted: i64, name: &str) -> Result<(), Reason> {
    if tensor.data_type == wanted {
        return Ok(());
    }
    let found = tensor.data_type;
    Err(format!(
        "constant {:?} has element type {found}, expected {name}",
        tensor.name
    ))
}

fn expect_count<T>(tensor: &proto::Tensor<'_>, values: Vec<T>) -> Result<Vec<T>, Reason> {
    let wanted = count(&dims(tensor)?)?;
    if values.len() == wanted {
        return Ok(values);
    }
    Err(format!(
        "constant {:?} has {} values, expected {wanted}",
        tensor.name,
        values.len()
    ))
}
