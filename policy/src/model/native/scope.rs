//! What each name of a graph stands for while its nodes are walked.

use super::{
    super::{
        graph::{CANDIDATES, CONTEXT_INPUT, COST, Graph},
        proto,
    },
    builder::Builder,
    plan::{Operand, Source},
    shape::{Dim, Reason, Shape},
    tensor,
};
use crate::features::{CONTEXT, FEATURES};
use std::collections::HashMap;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) shape: Shape,
    pub(super) operand: Operand,
    /// Nothing else reads the same buffer, so its step may be changed.
    pub(super) sole: bool,
}

/// The names defined so far, and the plan as far as it goes.
pub(super) struct Scope<'a> {
    pub(super) builder: Builder,
    pub(super) opset: i64,
    constants: HashMap<&'a str, &'a proto::Tensor<'a>>,
    values: HashMap<&'a str, Value>,
    uses: HashMap<&'a str, usize>,
}

impl<'a> Scope<'a> {
    /// A scope that knows the inputs and constants of `graph`.
    pub(super) fn new(graph: &'a Graph<'a>) -> Result<Self, Reason> {
        let mut scope = Self {
            builder: Builder::default(),
            opset: graph.opset,
            constants: HashMap::new(),
            values: HashMap::new(),
            uses: HashMap::from([(COST, 1)]),
        };
        scope.input(
            CANDIDATES,
            Source::Candidates,
            vec![Dim::Candidates, Dim::Fixed(FEATURES)],
        )?;
        scope.input(
            CONTEXT_INPUT,
            Source::Context,
            vec![Dim::Fixed(1), Dim::Fixed(CONTEXT)],
        )?;
        for constant in &graph.proto.initializers {
            scope.define_constant(constant.name, constant)?;
        }
        for name in graph.proto.nodes.iter().flat_map(|node| &node.inputs) {
            *scope.uses.entry(name).or_default() += 1;
        }
        Ok(scope)
    }

    fn input(&mut self, name: &'a str, source: Source, dims: Vec<Dim>) -> Result<(), Reason> {
        let shape = Shape::new(dims)?;
        let operand = Operand {
            source,
            layout: shape.layout(),
        };
        self.define(
            name,
            Value {
                shape,
                operand,
                sole: false,
            },
        )
    }

    /// Gives `name` to a value.
    pub(super) fn define(&mut self, name: &'a str, value: Value) -> Result<(), Reason> {
        if self.constants.contains_key(name) || self.values.insert(name, value).is_some() {
            return Err(format!("{name:?} is defined twice"));
        }
        Ok(())
    }

    /// Gives `name` to a constant.
    pub(super) fn define_constant(
        &mut self,
        name: &'a str,
        tensor: &'a proto::Tensor<'a>,
    ) -> Result<(), Reason> {
        if self.values.contains_key(name) || self.constants.insert(name, tensor).is_some() {
            return Err(format!("{name:?} is defined twice"));
        }
        Ok(())
    }

    /// What `name` stands for; a constant must have one row.
    pub(super) fn value(&mut self, name: &str) -> Result<Value, Reason> {
        if let Some(value) = self.values.get(name) {
            let sole = value.sole && self.uses.get(name) == Some(&1);
            return Ok(Value {
                sole,
                ..value.clone()
            });
        }
        let (dims, floats) = self.floats(name)?;
        let shape = Shape::fixed(&dims)?;
        Ok(Value {
            shape,
            operand: self.builder.constant(&floats),
            sole: false,
        })
    }

    /// Whether `name` is a constant.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// Dimensions and values of a float constant.
    pub(super) fn floats(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f32>), Reason> {
        let tensor = self.constant(name)?;
        let dims = tensor::dims(tensor)?;
        self.builder.reserve(tensor::count(&dims)?)?;
        Ok((dims, tensor::floats(tensor)?))
    }

    /// Values of an integer constant.
    pub(super) fn ints(&self, name: &str) -> Result<Vec<i64>, Reason> {
        tensor::ints(self.constant(name)?)
    }

    fn constant(&self, name: &str) -> Result<&'a proto::Tensor<'a>, Reason> {
        if let Some(tensor) = self.constants.get(name) {
            return Ok(tensor);
        }
        match self.values.contains_key(name) {
            true => Err(format!("{name:?} must be a constant")),
            false => Err(format!("{name:?} is not defined before its use")),
        }
    }
}
