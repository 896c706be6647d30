//! Writes ONNX's `ModelProto`. Own code: the format needs four rules, and the bytes must not
//! change with a dependency. Field numbers are those of `onnx.proto`.

use crate::graph::{Constant, Graph, Node, Values};

/// What stands around the graph in a model file.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Columns of `candidates`.
    pub features: usize,
    /// Columns of `context`.
    pub context: usize,
    /// Version of ONNX's operators.
    pub opset: i64,
    /// `metadata_props`.
    pub metadata: Vec<(&'static str, String)>,
}

/// ONNX file format version that came with operator set 17.
const IR_VERSION: i64 = 8;
const FLOAT: i64 = 1;
const INT64: i64 = 7;
/// `AttributeProto.AttributeType` of an integer.
const ATTRIBUTE_INT: i64 = 2;

/// The bytes of a model file.
pub fn model(graph: &Graph, envelope: &Envelope) -> Vec<u8> {
    let mut message = Message::default();
    message.int(1, IR_VERSION);
    message.text(2, "lb-trainer");
    message.message(7, &graph_proto(graph, envelope));
    let mut opset = Message::default();
    opset.text(1, "");
    opset.int(2, envelope.opset);
    message.message(8, &opset);
    for (key, value) in &envelope.metadata {
        let mut entry = Message::default();
        entry.text(1, key);
        entry.text(2, value);
        message.message(14, &entry);
    }
    message.bytes
}

fn graph_proto(graph: &Graph, envelope: &Envelope) -> Message {
    let mut message = Message::default();
    for node in &graph.nodes {
        message.message(1, &node_proto(node));
    }
    message.text(2, "scorer");
    for constant in &graph.constants {
        message.message(5, &tensor_proto(constant));
    }
    let (features, context) = (Some(envelope.features), Some(envelope.context));
    message.message(11, &value_info("candidates", &[None, features]));
    message.message(11, &value_info("context", &[Some(1), context]));
    message.message(12, &value_info("cost", &[None]));
    message
}

fn node_proto(node: &Node) -> Message {
    let mut message = Message::default();
    for input in &node.inputs {
        message.text(1, input);
    }
    message.text(2, &node.output);
    message.text(3, &node.output);
    message.text(4, &node.operator);
    for (name, value) in &node.attributes {
        let mut attribute = Message::default();
        attribute.text(1, name);
        attribute.int(3, *value);
        attribute.int(20, ATTRIBUTE_INT);
        message.message(5, &attribute);
    }
    message
}

fn tensor_proto(constant: &Constant) -> Message {
    let mut message = Message::default();
    for dim in &constant.dims {
        message.int(1, *dim as i64);
    }
    let (data_type, raw): (i64, Vec<u8>) = match &constant.values {
        Values::Floats(values) => (
            FLOAT,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
        Values::Ints(values) => (
            INT64,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        ),
    };
    message.int(2, data_type);
    message.text(8, &constant.name);
    message.field(9, &raw);
    message
}

/// A float32 input or output; `None` is the number of candidates.
fn value_info(name: &str, dims: &[Option<usize>]) -> Message {
    let mut shape = Message::default();
    for dim in dims {
        let mut dimension = Message::default();
        match dim {
            Some(value) => dimension.int(1, *value as i64),
            None => dimension.text(2, "d"),
        }
        shape.message(1, &dimension);
    }
    let mut tensor = Message::default();
    tensor.int(1, FLOAT);
    tensor.message(2, &shape);
    let mut value_type = Message::default();
    value_type.message(1, &tensor);
    let mut info = Message::default();
    info.text(1, name);
    info.message(2, &value_type);
    info
}

/// A protobuf message being written.
#[derive(Debug, Default)]
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn int(&mut self, number: u64, value: i64) {
        self.varint(number << 3);
        self.varint(value.cast_unsigned());
    }

    fn text(&mut self, number: u64, value: &str) {
        self.field(number, value.as_bytes());
    }

    fn message(&mut self, number: u64, value: &Self) {
        self.field(number, &value.bytes);
    }

    fn field(&mut self, number: u64, value: &[u8]) {
        self.varint(number << 3 | 2);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}
