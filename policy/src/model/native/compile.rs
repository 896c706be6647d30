//! Compiles a graph: walks its nodes in order, each of which adds steps to the plan.

use super::{
    super::{
        graph::{COST, Graph},
        proto,
    },
    Unsupported, operators,
    plan::Plan,
    scope::Scope,
    shape::{Dim, Reason},
};

/// Nodes of a graph at most; fusing looks through all steps, so this bounds the time, too.
const MAX_NODES: usize = 1024;

/// Compiles a graph that meets the contract.
pub(super) fn compile(graph: &Graph<'_>) -> Result<Plan, Unsupported> {
    let nodes = &graph.proto.nodes;
    if nodes.len() > MAX_NODES {
        return Err(refusal(
            "",
            "graph",
            format!("{} nodes, at most {MAX_NODES}", nodes.len()),
        ));
    }
    let mut scope = Scope::new(graph).map_err(|reason| refusal("", "graph", reason))?;
    for node in nodes {
        let name = if node.name.is_empty() {
            node.outputs.first().copied().unwrap_or("")
        } else {
            node.name
        };
        add(&mut scope, node).map_err(|reason| refusal(name, node.operator, reason))?;
    }
    finish(scope).map_err(|reason| refusal(COST, "output", reason))
}

/// Adds one node.
fn add<'a>(scope: &mut Scope<'a>, node: &'a proto::Node<'a>) -> Result<(), Reason> {
    if !node.domain.is_empty() && node.domain != "ai.onnx" {
        return Err(format!("operators of {:?} are not known", node.domain));
    }
    let [output] = node.outputs[..] else {
        return Err(format!("{} outputs, expected one", node.outputs.len()));
    };
    if node.operator == "Constant" {
        return scope.define_constant(output, operators::constant(node)?);
    }
    let value = operators::build(scope, node)?;
    scope.define(output, value)
}

fn finish(mut scope: Scope<'_>) -> Result<Plan, Reason> {
    let cost = scope.value(COST)?;
    if cost.shape.dims() != [Dim::Candidates] {
        return Err(format!("shape {}, expected [d]", cost.shape));
    }
    Ok(scope.builder.finish(cost.operand))
}

fn refusal(node: &str, operator: &str, reason: String) -> Unsupported {
    Unsupported {
        node: node.to_owned(),
        operator: operator.to_owned(),
        reason,
    }
}
