//! The part of ONNX's `ModelProto` that a scorer can hold, decoded into borrowed structs.
//! Field numbers are those of `onnx.proto`; fields that mean nothing here are skipped.

use super::wire::{Field, Fields, WireError};

/// Nodes, tensors, names and attributes of one model together. Two bytes of file can make one
/// item, so the size of the file alone would not bound memory.
const MAX_ITEMS: usize = 65_536;
/// Integers of one list: axes, shapes and dimensions are short, index tables are not long.
const MAX_INTS: usize = 4096;

/// `TensorProto.DataType` of 32-bit floats.
pub(super) const FLOAT: i64 = 1;
/// `TensorProto.DataType` of 64-bit integers.
pub(super) const INT64: i64 = 7;

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    /// Operator set versions by domain.
    pub(super) opsets: Vec<(&'a str, i64)>,
    /// `metadata_props`.
    pub(super) metadata: Vec<(&'a str, &'a str)>,
    /// The graph, empty when the file has none.
    pub(super) graph: Graph<'a>,
}

/// The computation.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

/// One operation.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// A setting of a node. Kinds that no supported operator takes are not decoded.
#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) float: Option<f32>,
    pub(super) int: Option<i64>,
    pub(super) tensor: Option<Tensor<'a>>,
    pub(super) ints: Vec<i64>,
    /// Holds a sub-graph, which stays unread.
    pub(super) subgraph: bool,
}

/// A constant.
#[derive(Debug, Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i64,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) raw: &'a [u8],
    /// The data lies in another file.
    pub(super) external: bool,
}

/// Name, element type and shape of an input or output.
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    pub(super) data_type: i64,
    /// `None` where the file states no shape; a dimension is `None` when it is not fixed.
    pub(super) shape: Option<Vec<Option<i64>>>,
}

/// Decodes a file.
pub(super) fn decode(bytes: &[u8]) -> Result<Model<'_>, WireError> {
    Decoder {
        items_left: MAX_ITEMS,
    }
    .model(bytes)
}

struct Decoder {
    items_left: usize,
}

impl Decoder {
    /// Counts one item.
    fn item(&mut self) -> Result<(), WireError> {
        self.items_left = self
            .items_left
            .checked_sub(1)
            .ok_or(WireError::TooMany(MAX_ITEMS))?;
        Ok(())
    }

    fn model<'a>(&mut self, bytes: &'a [u8]) -> Result<Model<'a>, WireError> {
        let mut model = Model::default();
        for field in Fields::new(bytes) {
            let field = field?;
            match field.number {
                7 => self.graph(field.message()?, &mut model.graph)?,
                8 => {
                    self.item()?;
                    model.opsets.push(opset(field.message()?)?);
                }
                14 => {
                    self.item()?;
                    model.metadata.push(entry(field.message()?)?);
                }
                _ => {}
            }
        }
        Ok(model)
    }

    /// Adds to `graph`: protobuf lets a message come in several pieces.
    fn graph<'a>(&mut self, fields: Fields<'a>, graph: &mut Graph<'a>) -> Result<(), WireError> {
        for field in fields {
            let field = field?;
            match field.number {
                1 => graph.nodes.push(self.node(field.message()?)?),
                5 => graph.initializers.push(self.tensor(field.message()?)?),
                11 => graph.inputs.push(self.value_info(field.message()?)?),
                12 => graph.outputs.push(self.value_info(field.message()?)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn node<'a>(&mut self, fields: Fields<'a>) -> Result<Node<'a>, WireError> {
        self.item()?;
        let mut node = Node::default();
        for field in fields {
            let field = field?;
            match field.number {
                1 => self.name(&field, &mut node.inputs)?,
                2 => self.name(&field, &mut node.outputs)?,
                3 => node.name = field.text()?,
                4 => node.operator = field.text()?,
                5 => node.attributes.push(self.attribute(field.message()?)?),
                7 => node.domain = field.text()?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn name<'a>(&mut self, field: &Field<'a>, into: &mut Vec<&'a str>) -> Result<(), WireError> {
        self.item()?;
        into.push(field.text()?);
        Ok(())
    }

    fn attribute<'a>(&mut self, fields: Fields<'a>) -> Result<Attribute<'a>, WireError> {
        self.item()?;
        let mut attribute = Attribute::default();
        for field in fields {
            let field = field?;
            match field.number {
                1 => attribute.name = field.text()?,
                2 => attribute.float = Some(field.float()?),
                3 => attribute.int = Some(field.int()?),
                5 => attribute.tensor = Some(self.tensor(field.message()?)?),
                6 | 11 => attribute.subgraph = true,
                8 => field.ints(&mut attribute.ints, MAX_INTS)?,
                _ => {}
            }
        }
        Ok(attribute)
    }

    fn tensor<'a>(&mut self, fields: Fields<'a>) -> Result<Tensor<'a>, WireError> {
        self.item()?;
        let mut tensor = Tensor::default();
        for field in fields {
            let field = field?;
            match field.number {
                1 => field.ints(&mut tensor.dims, MAX_INTS)?,
                2 => tensor.data_type = field.int()?,
                4 => field.floats(&mut tensor.floats)?,
                7 => field.ints(&mut tensor.ints, MAX_INTS)?,
                8 => tensor.name = field.text()?,
                9 => tensor.raw = field.bytes()?,
                13 => tensor.external = true,
                14 => tensor.external |= field.int()? != 0,
                _ => {}
            }
        }
        Ok(tensor)
    }

    fn value_info<'a>(&mut self, fields: Fields<'a>) -> Result<ValueInfo<'a>, WireError> {
        self.item()?;
        let mut info = ValueInfo::default();
        for field in fields {
            let field = field?;
            match field.number {
                1 => info.name = field.text()?,
                2 => value_type(field.message()?, &mut info)?,
                _ => {}
            }
        }
        Ok(info)
    }
}

/// `TypeProto`: only tensors are of use.
fn value_type(fields: Fields<'_>, info: &mut ValueInfo<'_>) -> Result<(), WireError> {
    for field in fields {
        let field = field?;
        if field.number == 1 {
            for part in field.message()? {
                let part = part?;
                match part.number {
                    1 => info.data_type = part.int()?,
                    2 => info.shape = Some(shape(part.message()?)?),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn shape(fields: Fields<'_>) -> Result<Vec<Option<i64>>, WireError> {
    let mut dims = Vec::new();
    for field in fields {
        let field = field?;
        if field.number != 1 {
            continue;
        }
        if dims.len() >= MAX_INTS {
            return Err(WireError::TooMany(MAX_INTS));
        }
        dims.push(dimension(field.message()?)?);
    }
    Ok(dims)
}

fn dimension(fields: Fields<'_>) -> Result<Option<i64>, WireError> {
    let mut value = None;
    for field in fields {
        let field = field?;
        if field.number == 1 {
            value = Some(field.int()?);
        }
    }
    Ok(value)
}

fn opset(fields: Fields<'_>) -> Result<(&str, i64), WireError> {
    let mut opset = ("", 0);
    for field in fields {
        let field = field?;
        match field.number {
            1 => opset.0 = field.text()?,
            2 => opset.1 = field.int()?,
            _ => {}
        }
    }
    Ok(opset)
}

fn entry(fields: Fields<'_>) -> Result<(&str, &str), WireError> {
    let mut entry = ("", "");
    for field in fields {
        let field = field?;
        match field.number {
            1 => entry.0 = field.text()?,
            2 => entry.1 = field.text()?,
            _ => {}
        }
    }
    Ok(entry)
}
