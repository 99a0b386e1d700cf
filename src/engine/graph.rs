//! What can be said of an ONNX file without running it: its inputs, outputs, operators and weights. Parses only, so it
//! is fast. Not here: what the outputs mean (model/inspect.rs).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, TensorShapeProto, ValueInfoProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::guard::catching_panics;
use super::input::Layout;
use super::one_line;
use crate::limits::{MAX_SIDE, MAX_TENSOR_BYTES};
use crate::model::ModelSpec;

/// An ONNX graph as its file declares it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphInfo {
    pub input: TensorInfo,
    /// Of the picture that it takes.
    pub width: u32,
    pub height: u32,
    pub outputs: Vec<TensorInfo>,
    /// How often each operator is used.
    pub operators: BTreeMap<String, usize>,
    /// The operators that compute the outputs' numbers: those that only move them about are looked through.
    pub last_operators: BTreeSet<String>,
    /// What the exporter noted beside the graph.
    pub metadata: BTreeMap<String, String>,
    /// Number of weights, all initialisers together.
    pub parameters: u64,
    pub opset: i64,
}

/// An input or output.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorInfo {
    pub name: String,
    /// ONNX's name of the element type, in lower case: `float`, `float16`, `int64`.
    pub kind: String,
    /// `None` where the file leaves the size open.
    pub shape: Vec<Option<usize>>,
}

/// `name float [1, 3, ?, ?]`
impl std::fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dims: Vec<String> = self.shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
        write!(f, "{} {} [{}]", self.name, self.kind, dims.join(", "))
    }
}

/// Reads the graph of an ONNX file that takes one picture: of `size` (width, height), or where that is `None` of the
/// size that the file declares. Outputs whose shape the file leaves open are worked out.
pub fn inspect(bytes: &[u8], size: Option<(u32, u32)>) -> Result<GraphInfo, String> {
    let model = parse(bytes)?;
    let input = GraphInput::of(&model, size)?;
    let graph = graph(&model);
    let mut operators = BTreeMap::new();
    for node in &graph.node {
        *operators.entry(node.op_type.clone()).or_default() += 1;
    }
    let mut outputs: Vec<TensorInfo> = graph.output.iter().map(tensor_info).collect();
    if outputs.iter().any(|output| output.shape.is_empty() || output.shape.contains(&None)) {
        for (output, shape) in outputs.iter_mut().zip(inferred_shapes(&model, &input)?) {
            output.shape = shape;
        }
    }
    Ok(GraphInfo {
        width: input.width,
        height: input.height,
        input: input.info,
        outputs,
        operators,
        last_operators: last_operators(graph),
        metadata: model.metadata_props.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect(),
        parameters: graph.initializer.iter().map(|t| volume(&t.dims)).fold(0, u64::saturating_add),
        opset: opset(&model),
    })
}

fn last_operators(graph: &GraphProto) -> BTreeSet<String> {
    const MOVES: [&str; 11] = [
        "Cast",
        "Concat",
        "DequantizeLinear",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    ];
    let makers: HashMap<&str, _> =
        graph.node.iter().flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node))).collect();
    let mut waiting: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let (mut seen, mut found) = (HashSet::new(), BTreeSet::new());
    while let Some(name) = waiting.pop() {
        let Some(node) = makers.get(name).filter(|_| seen.insert(name)) else { continue };
        // Only Concat has numbers in more than its first input; elsewhere the others are shapes and scales.
        let numbers = if node.op_type == "Concat" { node.input.len() } else { 1 };
        match MOVES.contains(&node.op_type.as_str()) {
            true => waiting.extend(node.input.iter().take(numbers).map(String::as_str)),
            false => drop(found.insert(node.op_type.clone())),
        }
    }
    found
}

/// Decodes the protobuf and refuses, in words, what no engine here can run.
pub(super) fn parse(bytes: &[u8]) -> Result<ModelProto, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let broken = "is no ONNX network, or was cut off: export or copy it again";
    let model = tract_onnx::onnx().proto_model_for_read(&mut &*bytes).map_err(|e| format!("{broken} ({e})"))?;
    let Some(graph) = &model.graph else { return Err(broken.into()) };
    if graph.node.is_empty() || graph.output.is_empty() {
        return Err("the graph has no operators or no outputs".into());
    }
    let external = Some(DataLocation::External as i32);
    if let Some(weights) = graph.initializer.iter().find(|t| t.data_location == external) {
        return Err(format!("weights `{}` lie in a second file: save the model as one file", weights.name));
    }
    let produced: HashSet<&str> = (graph.node.iter().flat_map(|n| &n.output))
        .chain(graph.initializer.iter().map(|t| &t.name))
        .chain(graph.input.iter().map(|i| &i.name))
        .map(String::as_str)
        .collect();
    match graph.output.iter().find(|o| !produced.contains(o.name.as_str())) {
        Some(output) => Err(format!("no operator computes the output `{}`", output.name)),
        None => Ok(model),
    }
}

/// The network of a model. A file that declares another size than the model has, and computes any (`rect`), then declares that.
pub(super) fn parse_model(bytes: &[u8], spec: &ModelSpec) -> Result<ModelProto, String> {
    let mut model = parse(bytes)?;
    let (width, height) = (spec.input.width, spec.input.height);
    if spec.rect && GraphInput::of(&model, Some((width, height))).is_err() {
        let input = GraphInput::of(&model, None)?;
        declare(&mut model, &input.info.name, &input.layout.shape(width, height));
    }
    Ok(model)
}

/// Gives the input this shape, and takes away what the file notes of all that follows from it.
fn declare(model: &mut ModelProto, input: &str, shape: &[usize]) {
    let Some(graph) = &mut model.graph else { return };
    let dim = |&side: &usize| Dimension { value: Some(DimValue::DimValue(side as i64)), ..Dimension::default() };
    let tensor = |value: &mut ValueInfoProto, shape| {
        if let Some(TypeValue::TensorType(tensor)) = value.r#type.as_mut().and_then(|kind| kind.value.as_mut()) {
            tensor.shape = shape;
        }
    };
    for value in graph.input.iter_mut().filter(|value| value.name == input) {
        tensor(value, Some(TensorShapeProto { dim: shape.iter().map(dim).collect() }));
    }
    graph.output.iter_mut().for_each(|value| tensor(value, None));
    graph.value_info.clear();
}

/// The graph of a model that [`parse`] let through.
pub(super) fn graph(model: &ModelProto) -> &GraphProto {
    // parse() lets no model without a graph through.
    model.graph.as_ref().expect("a graph")
}

/// The one picture that a network takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GraphInput {
    pub info: TensorInfo,
    pub layout: Layout,
    pub width: u32,
    pub height: u32,
    pub kind: DatumType,
    /// Whether the file leaves a dimension open: then its notes on inner shapes are symbolic too.
    pub dynamic: bool,
}

impl GraphInput {
    /// Checks that the graph takes one picture of `size` (width, height), or of the size it declares where that is
    /// `None`.
    pub(super) fn of(model: &ModelProto, size: Option<(u32, u32)>) -> Result<Self, String> {
        let inputs: Vec<TensorInfo> = fed_inputs(graph(model)).map(tensor_info).collect();
        let [input] = inputs.as_slice() else {
            let names: Vec<String> = inputs.iter().map(ToString::to_string).collect();
            return Err(format!("the network has {} inputs ({}), not one picture", names.len(), names.join("; ")));
        };
        let kind = match input.kind.as_str() {
            "float" => DatumType::F32,
            "float16" => DatumType::F16,
            _ => return Err(format!("input `{input}` is not float or float16: export with a float input")),
        };
        let (layout, declared_height, declared_width) = match input.shape[..] {
            [_, Some(3) | None, height, width] => (Layout::Nchw, height, width),
            [_, height, width, Some(3)] => (Layout::Nhwc, height, width),
            _ => return Err(format!("input `{input}` is no picture: [1, 3, height, width] or [1, height, width, 3]")),
        };
        if let Some(batch) = input.shape[0].filter(|&batch| batch != 1) {
            return Err(format!("input `{input}` wants {batch} pictures at once: export it for a batch of 1"));
        }
        let (width, height) = match (size, declared_width, declared_height) {
            (None, Some(w), Some(h)) if w.max(h) <= MAX_SIDE as usize => (w as u32, h as u32),
            (None, Some(_), Some(_)) => return Err(format!("input `{input}` is larger than {MAX_SIDE} pixels")),
            (None, _, _) => return Err(format!("input `{input}` leaves its size open: import it with --size 640x640")),
            (Some((w, h)), declared_w, declared_h) => {
                let fits = |side: u32, declared: Option<usize>| declared.is_none_or(|d| d == side as usize);
                if !fits(w, declared_w) || !fits(h, declared_h) {
                    return Err(format!("input `{input}` does not take a picture of {w}x{h}"));
                }
                (w, h)
            }
        };
        let dynamic = input.shape.contains(&None);
        Ok(Self { info: input.clone(), layout, width, height, kind, dynamic })
    }

    pub(super) fn fact(&self) -> InferenceFact {
        InferenceFact::dt_shape(self.kind, self.layout.shape(self.width, self.height))
    }
}

/// tract's view of the graph for this input, every shape worked out. Refuses operators that tract lacks and tensors
/// that are too large, naming the node. Nothing of the network's size is allocated but its weights.
pub(super) fn analysed(model: &ModelProto, input: &GraphInput) -> Result<InferenceModel, String> {
    let onnx = tract_onnx::onnx().with_ignore_value_info(input.dynamic);
    for node in &graph(model).node {
        if !onnx.op_register.0.contains_key(&node.op_type) {
            let name = if node.name.is_empty() { node.output.join(", ") } else { node.name.clone() };
            return Err(format!("operator {} of node `{name}` is unknown to tract: export without it", node.op_type));
        }
    }
    let mut inference = (onnx.model_for_proto_model(model))
        .and_then(|m| m.with_input_fact(0, input.fact()))
        .map_err(|e| one_line(&e))?;
    evaluate_constants(&mut inference)?;
    inference.analyse(false).map_err(|e| one_line(&e))?;
    for node in inference.nodes() {
        node.outputs.iter().try_for_each(|output| check_size(&node.name, &output.fact))?;
    }
    Ok(inference)
}

/// Computes what depends on no input, in the order of computation, each only after its shape alone was worked out and
/// found bearable. tract's analysis does it without asking, and a few bytes can ask for terabytes: an allocation that
/// fails may end the process.
fn evaluate_constants(inference: &mut InferenceModel) -> Result<(), String> {
    for id in inference.eval_order().map_err(|e| one_line(&e))? {
        let name = inference.node(id).name.clone();
        let fail = |e: TractError| format!("node `{name}`: {}", one_line(&e));
        let (inputs, outputs) = inference.node_facts(id).map_err(fail)?;
        if inputs.is_empty() || !inputs.iter().all(|input| input.value.is_concrete()) {
            continue;
        }
        let node = inference.node(id);
        let observed = node.op.observe_outlets(inference, node).map_err(fail)?;
        let observed: TVec<_> =
            observed.iter().map(|o| inference.outlet_fact(*o)).collect::<TractResult<_>>().map_err(fail)?;
        let mut op = node.op.clone();
        let shapes = op.infer_facts(inputs.clone(), outputs.clone(), observed.clone()).map_err(fail)?.1;
        shapes.iter().try_for_each(|shape| check_size(&name, shape))?;
        let values = op.infer(inputs, outputs, observed).map_err(fail)?.1;
        for (slot, value) in values.into_iter().enumerate() {
            inference.set_outlet_fact(OutletId::new(id, slot), value).map_err(fail)?;
        }
    }
    Ok(())
}

fn check_size(node: &str, fact: &InferenceFact) -> Result<(), String> {
    let Ok(Some(shape)) = fact.shape.as_concrete_finite() else { return Ok(()) };
    let element = fact.datum_type.concretize().map_or(4, |kind| kind.size_of() as u64);
    let bytes = shape.iter().fold(element, |bytes, &d| bytes.saturating_mul(d as u64));
    if bytes > MAX_TENSOR_BYTES {
        return Err(format!("node `{node}` makes a tensor of {shape:?}: more than {} MiB", MAX_TENSOR_BYTES >> 20));
    }
    Ok(())
}

fn inferred_shapes(model: &ModelProto, input: &GraphInput) -> Result<Vec<Vec<Option<usize>>>, String> {
    catching_panics(|| {
        let inference = analysed(model, input)?;
        let outputs = inference.output_outlets().map_err(|e| one_line(&e))?;
        let shape = |outlet: &OutletId| {
            let fact = inference.outlet_fact(*outlet).map_err(|e| one_line(&e))?;
            Ok(fact.shape.dims().map(|d| d.concretize().and_then(|d| usize::try_from(d.as_i64()?).ok())).collect())
        };
        outputs.iter().map(shape).collect()
    })
}

/// Inputs that have to be fed: old exporters list the weights as inputs too.
fn fed_inputs(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    graph.input.iter().filter(move |input| !weights.contains(input.name.as_str()))
}

fn tensor_info(value: &ValueInfoProto) -> TensorInfo {
    let tensor = value.r#type.as_ref().and_then(|t| t.value.as_ref()).map(|TypeValue::TensorType(t)| t);
    let kind = tensor.and_then(|t| DataType::try_from(t.elem_type).ok()).map(|t| t.as_str_name().to_lowercase());
    let dims = tensor.and_then(|t| t.shape.as_ref()).map(|s| s.dim.as_slice()).unwrap_or_default();
    let size = |dim: &Option<DimValue>| match dim {
        Some(DimValue::DimValue(size)) => usize::try_from(*size).ok().filter(|&size| size > 0),
        Some(DimValue::DimParam(_)) | None => None,
    };
    TensorInfo {
        name: value.name.clone(),
        kind: kind.unwrap_or_else(|| "unknown".into()),
        shape: dims.iter().map(|d| size(&d.value)).collect(),
    }
}

fn volume(dims: &[i64]) -> u64 {
    dims.iter().fold(1, |volume: u64, &d| volume.saturating_mul(d.max(0) as u64))
}

fn opset(model: &ModelProto) -> i64 {
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    model.opset_import.iter().find(|o| standard(&o.domain)).map_or(0, |o| o.version)
}
