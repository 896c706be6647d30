//! A graph to be written as ONNX: operations by name, constants by value.

/// Constants and operations, in an order in which results come before their uses.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Named constants.
    pub constants: Vec<Constant>,
    /// Operations.
    pub nodes: Vec<Node>,
}

/// A named constant.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Its values, row-major.
    pub values: Values,
}

/// Values of a constant.
#[derive(Clone, Debug)]
pub enum Values {
    /// float32
    Floats(Vec<f32>),
    /// int64
    Ints(Vec<i64>),
}

/// One operation with one result.
#[derive(Clone, Debug)]
pub struct Node {
    /// ONNX operator.
    pub operator: String,
    /// Names of what it reads.
    pub inputs: Vec<String>,
    /// Name of its result.
    pub output: String,
    /// Integer attributes.
    pub attributes: Vec<(String, i64)>,
}

impl Graph {
    /// Adds a float constant.
    #[must_use]
    pub fn floats(mut self, name: &str, dims: &[usize], values: &[f32]) -> Self {
        let values = Values::Floats(values.to_vec());
        self.constants.push(Constant {
            name: name.to_owned(),
            dims: dims.to_vec(),
            values,
        });
        self
    }

    /// Adds a list of integers, such as axes.
    #[must_use]
    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        let dims = vec![values.len()];
        let values = Values::Ints(values.to_vec());
        self.constants.push(Constant {
            name: name.to_owned(),
            dims,
            values,
        });
        self
    }

    /// Adds an operation.
    #[must_use]
    pub fn node(mut self, operator: &str, inputs: &[&str], output: &str) -> Self {
        self.nodes.push(Node {
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: output.to_owned(),
            attributes: Vec::new(),
        });
        self
    }

    /// Gives the last operation an integer attribute.
    ///
    /// # Panics
    /// Without an operation.
    #[must_use]
    pub fn with(mut self, attribute: &str, value: i64) -> Self {
        let node = self
            .nodes
            .last_mut()
            .expect("an attribute follows its operation");
        node.attributes.push((attribute.to_owned(), value));
        self
    }
}
