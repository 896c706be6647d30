//! The model contract, version 1, as far as the file itself can show it: inputs, output,
//! operator set and metadata.

use super::{
    proto::{self, ValueInfo},
    wire::WireError,
};
use crate::features::{CONTEXT, FEATURES};

/// Name of the input with one row of features per candidate, float32 [d, F].
pub(super) const CANDIDATES: &str = "candidates";
/// Name of the input with the features of the decision, float32 [1, G].
pub(super) const CONTEXT_INPUT: &str = "context";
/// Name of the output, float32 [d].
pub(super) const COST: &str = "cost";

/// Operator sets whose meaning the native runtime knows and ONNX Runtime 1.24 and later runs.
const OPSETS: std::ops::RangeInclusive<i64> = 17..=21;

/// A model file that meets the contract; its schema is still to be compared.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    /// What the file computes.
    pub(super) proto: proto::Graph<'a>,
    /// Version of ONNX's own operators.
    pub(super) opset: i64,
    /// What the file says of itself.
    pub(super) metadata: Metadata,
}

/// `metadata_props` of a model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// `lb.schema`
    pub(super) schema: String,
    /// `lb.name`
    pub(super) name: String,
    /// `lb.version`
    pub(super) version: String,
    /// `lb.training`
    pub(super) training: String,
}

/// Why a file is not a model of contract 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Not an ONNX file, or a damaged one.
    #[error("not a readable ONNX file: {0}")]
    Malformed(#[from] WireError),
    /// The file has no nodes.
    #[error("the file holds no graph")]
    Empty,
    /// The operator set is not stated or not one of those supported.
    #[error("operator set {0:?} is not one of 17 to 21")]
    Opset(Option<i64>),
    /// An input or the output is missing, or is not what the contract says.
    #[error("{name}: {found}, expected {expected}")]
    Value {
        /// Name of the input or output.
        name: String,
        /// What the file has.
        found: String,
        /// What the contract wants.
        expected: String,
    },
    /// A key of `metadata_props` is missing.
    #[error("metadata_props has no {0:?}")]
    Metadata(&'static str),
    /// Weights lie outside the file, where no checksum covers them.
    #[error("tensor {0:?} keeps its data in another file")]
    External(String),
    /// A node holds a graph of its own; those are not checked, so they are not run.
    #[error("node {0:?} holds a sub-graph")]
    Subgraph(String),
}

impl<'a> Graph<'a> {
    /// Reads a model file and holds it against the contract.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ContractError> {
        let model = proto::decode(bytes)?;
        if model.graph.nodes.is_empty() {
            return Err(ContractError::Empty);
        }
        let opset = default_opset(&model)?;
        check_inputs(&model.graph)?;
        check_output(&model.graph)?;
        check_internal(&model.graph)?;
        Ok(Self {
            opset,
            metadata: Metadata::read(&model.metadata)?,
            proto: model.graph,
        })
    }
}

impl Metadata {
    fn read(props: &[(&str, &str)]) -> Result<Self, ContractError> {
        let value = |key: &'static str| {
            let found = props.iter().find(|(name, _)| *name == key);
            found
                .map(|(_, value)| (*value).to_owned())
                .ok_or(ContractError::Metadata(key))
        };
        Ok(Self {
            schema: value("lb.schema")?,
            name: value("lb.name")?,
            version: value("lb.version")?,
            training: value("lb.training")?,
        })
    }
}

fn default_opset(model: &proto::Model<'_>) -> Result<i64, ContractError> {
    let is_default = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let found = model
        .opsets
        .iter()
        .find(|(domain, _)| is_default(domain))
        .map(|found| found.1);
    found
        .filter(|version| OPSETS.contains(version))
        .ok_or(ContractError::Opset(found))
}

fn check_inputs(graph: &proto::Graph<'_>) -> Result<(), ContractError> {
    // Old exporters list initializers among the inputs.
    let is_initializer = |name| graph.initializers.iter().any(|tensor| tensor.name == name);
    check_value(&graph.inputs, CANDIDATES, &[None, Some(FEATURES)])?;
    check_value(&graph.inputs, CONTEXT_INPUT, &[Some(1), Some(CONTEXT)])?;
    for input in &graph.inputs {
        if ![CANDIDATES, CONTEXT_INPUT].contains(&input.name) && !is_initializer(input.name) {
            return Err(mismatch(input.name, "an input", "no such input"));
        }
    }
    Ok(())
}

fn check_output(graph: &proto::Graph<'_>) -> Result<(), ContractError> {
    check_value(&graph.outputs, COST, &[None])?;
    match graph.outputs.iter().find(|output| output.name != COST) {
        Some(other) => Err(mismatch(
            other.name,
            "an output",
            "cost to be the only output",
        )),
        None => Ok(()),
    }
}

/// Weights must lie in the file, whose checksum the manifest holds.
fn check_internal(graph: &proto::Graph<'_>) -> Result<(), ContractError> {
    let holds_graph = |node: &&proto::Node<'_>| node.attributes.iter().any(|held| held.subgraph);
    if let Some(node) = graph.nodes.iter().find(holds_graph) {
        return Err(ContractError::Subgraph(node.name.to_owned()));
    }
    let attributes = graph.nodes.iter().flat_map(|node| &node.attributes);
    let tensors = attributes.filter_map(|attribute| attribute.tensor.as_ref());
    match graph
        .initializers
        .iter()
        .chain(tensors)
        .find(|tensor| tensor.external)
    {
        Some(tensor) => Err(ContractError::External(tensor.name.to_owned())),
        None => Ok(()),
    }
}

/// `dims` has `None` where the dimension must be left open, for the number of candidates.
fn check_value(
    values: &[ValueInfo<'_>],
    name: &str,
    dims: &[Option<usize>],
) -> Result<(), ContractError> {
    let expected = || describe(proto::FLOAT, Some(dims.iter().map(|dim| dim.map(to_i64))));
    let Some(value) = values.iter().find(|value| value.name == name) else {
        return Err(mismatch(name, "missing", &expected()));
    };
    let shape_fits = value.shape.as_ref().is_some_and(|shape| {
        shape.len() == dims.len() && shape.iter().zip(dims).all(|(a, b)| *a == b.map(to_i64))
    });
    if value.data_type == proto::FLOAT && shape_fits {
        return Ok(());
    }
    let found = describe(
        value.data_type,
        value.shape.as_ref().map(|shape| shape.iter().copied()),
    );
    Err(mismatch(name, &found, &expected()))
}

fn to_i64(dim: usize) -> i64 {
    dim as i64
}

fn describe(data_type: i64, shape: Option<impl Iterator<Item = Option<i64>>>) -> String {
    let data_type = match data_type {
        proto::FLOAT => "float32".to_owned(),
        other => format!("element type {other}"),
    };
    let Some(shape) = shape else {
        return format!("{data_type} of unstated shape");
    };
    let dims: Vec<String> = shape
        .map(|dim| dim.map_or("d".to_owned(), |dim| dim.to_string()))
        .collect();
    format!("{data_type} [{}]", dims.join(", "))
}

fn mismatch(name: &str, found: &str, expected: &str) -> ContractError {
    ContractError::Value {
        name: name.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}
