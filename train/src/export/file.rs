//! A model as an ONNX file in memory.

use std::collections::{HashMap, HashSet};

use wayside::engine::onnx::{
    DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorShapeProto,
    TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use super::ExportOptions;
use super::scope::{Nodes, Scope};
use crate::model::Model;
use crate::{Error, Result};

/// Of ONNX 1.12; every reader of note knows it.
const OPSET: i64 = 17;
/// The version of the format that came with it.
const IR_VERSION: i64 = 8;

pub(super) fn model(model: &Model, options: &ExportOptions) -> Result<ModelProto> {
    check(model, options)?;
    let mut file = Nodes::default();
    let tensors = write_layers(model, &mut file)?;
    let names = name_outputs(model, options, &tensors, &mut file);
    refuse_doubles(model, &tensors, &file)?;
    let info = |name: &str, place: usize| value_info(name, options.batch, &model.places[place].shape);
    let graph = GraphProto {
        name: "model".into(),
        node: file.nodes,
        initializer: file.constants,
        input: model.inputs.iter().map(|&place| info(&tensors[place], place)).collect(),
        output: model.outputs.iter().zip(&names).map(|(&place, name)| info(name, place)).collect(),
        ..Default::default()
    };
    Ok(ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        producer_name: "wayside-train".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        metadata_props: metadata(options),
        graph: Some(graph),
        ..Default::default()
    })
}

/// Names of the inputs in the file, in order.
pub(super) fn input_names(model: &Model) -> Vec<String> {
    model.inputs.iter().map(|&place| model.layers[model.places[place].layer].name.clone()).collect()
}

/// Names of the outputs in the file, in order: what the options say, else the layers'. A layer that gives several of them is
/// counted: `embedding`, `embedding_1`.
pub(super) fn output_names(model: &Model, options: &ExportOptions) -> Vec<String> {
    if !options.output_names.is_empty() {
        return options.output_names.clone();
    }
    let mut taken: HashSet<String> = input_names(model).into_iter().collect();
    let mut names = Vec::new();
    for &place in &model.outputs {
        let layer = &model.layers[model.places[place].layer].name;
        let mut name = layer.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            name = format!("{layer}_{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

fn check(model: &Model, options: &ExportOptions) -> Result<()> {
    let refuse = |why: String| Err(Error::Model(format!("can't export: {why}")));
    if options.batch == Some(0) {
        return refuse("a batch of 0".into());
    }
    let (named, there) = (options.output_names.len(), model.outputs.len());
    if named != 0 && named != there {
        return refuse(format!("{named} output_names for {there} outputs"));
    }
    let unique: HashSet<&String> = options.output_names.iter().collect();
    if unique.len() != named || input_names(model).iter().any(|name| unique.contains(name)) {
        return refuse("output_names that repeat each other or an input's name".into());
    }
    if let Some(normalization) = &options.normalization {
        let channels = model.inputs.first().and_then(|&place| model.places[place].shape.last().copied()).unwrap_or(0);
        let fits = |numbers: &[f32]| {
            (numbers.len() == 1 || numbers.len() == channels) && numbers.iter().all(|number| number.is_finite())
        };
        if !fits(&normalization.mean) || !fits(&normalization.std) || normalization.std.contains(&0.0) {
            return refuse(format!(
                "mean and std need a number for each of the input's {channels} channels, std none of 0"
            ));
        }
    }
    Ok(())
}

/// The name of what each place gives.
fn write_layers(model: &Model, file: &mut Nodes) -> Result<Vec<String>> {
    let mut tensors: Vec<String> = Vec::new();
    let mut uses: HashMap<usize, usize> = HashMap::new();
    for place in &model.places {
        let entry = &model.layers[place.layer];
        if place.inputs.is_empty() {
            tensors.push(entry.name.clone());
            continue;
        }
        let used = uses.entry(place.layer).or_insert(0);
        let name = if *used == 0 { entry.name.clone() } else { format!("{}_{used}", entry.name) };
        *used += 1;
        let mut scope = Scope {
            file,
            name,
            inputs: place.inputs.iter().map(|&input| tensors[input].clone()).collect(),
            input_shapes: place.inputs.iter().map(|&input| model.places[input].shape.clone()).collect(),
            parameters: &model.parameters[entry.own.clone()],
        };
        let refuse = |why: String| Error::Model(format!("can't export layer {}: {why}", entry.name));
        tensors.push(entry.layer.export(&mut scope).map_err(refuse)?);
    }
    Ok(tensors)
}

/// Gives the outputs their names: renames the tensors where they are a node's alone, copies them elsewhere.
fn name_outputs(model: &Model, options: &ExportOptions, tensors: &[String], file: &mut Nodes) -> Vec<String> {
    let names = output_names(model, options);
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut copies = Vec::new();
    for (&place, name) in model.outputs.iter().zip(&names) {
        let tensor = &tensors[place];
        let made = file.nodes.iter().any(|node| node.output.contains(tensor));
        if made && !renamed.contains_key(tensor) {
            renamed.insert(tensor.clone(), name.clone());
        } else {
            copies.push((tensor.clone(), name.clone()));
        }
    }
    for (tensor, name) in copies {
        let (input, output) = (vec![tensor], vec![name.clone()]);
        file.nodes.push(NodeProto { name, op_type: "Identity".into(), input, output, ..Default::default() });
    }
    for tensor in file.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
        if let Some(name) = renamed.get(tensor.as_str()) {
            *tensor = name.clone();
        }
    }
    names
}

/// Layers' names may be anything, so that two tensors could get the same.
fn refuse_doubles(model: &Model, tensors: &[String], file: &Nodes) -> Result<()> {
    let inputs = model.inputs.iter().map(|&place| &tensors[place]);
    let constants = file.constants.iter().map(|constant| &constant.name);
    let mut taken = HashSet::new();
    for name in file.nodes.iter().flat_map(|node| &node.output).chain(inputs).chain(constants) {
        if !taken.insert(name) {
            return Err(Error::Model(format!("can't export: two tensors would be named {name}: rename that layer")));
        }
    }
    Ok(())
}

/// `shape`: channels last, without the batch. In the file pictures are channels first.
fn value_info(name: &str, batch: Option<usize>, shape: &[usize]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let batch = match batch {
        Some(size) => Value::DimValue(size as i64),
        None => Value::DimParam("batch".into()),
    };
    let axes = match *shape {
        [height, width, channels] => vec![channels, height, width],
        _ => shape.to_vec(),
    };
    let axes = std::iter::once(batch).chain(axes.iter().map(|&axis| Value::DimValue(axis as i64)));
    let dim = axes.map(|value| Dimension { value: Some(value), ..Default::default() }).collect();
    let tensor = type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
}

fn metadata(options: &ExportOptions) -> Vec<StringStringEntryProto> {
    let mut notes = vec![("producer".to_owned(), format!("wayside-train {}", env!("CARGO_PKG_VERSION")))];
    if !options.labels.is_empty() {
        // Python's way to print a dictionary, which is what Ultralytics writes.
        let quoted = |text: &String| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
        let labels: Vec<String> =
            options.labels.iter().enumerate().map(|(class, label)| format!("{class}: {}", quoted(label))).collect();
        notes.push(("names".into(), format!("{{{}}}", labels.join(", "))));
    }
    if let Some(normalization) = &options.normalization {
        notes.push(("mean".into(), format!("{:?}", normalization.mean)));
        notes.push(("std".into(), format!("{:?}", normalization.std)));
    }
    notes.extend(options.metadata.iter().cloned());
    notes.into_iter().map(|(key, value)| StringStringEntryProto { key, value }).collect()
}
