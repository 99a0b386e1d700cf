//! How a model learns: optimizer, losses, metrics.

use std::collections::HashMap;

use burn::tensor::Tensor;

use super::Model;
use crate::loss::{JointLoss, Loss};
use crate::metric::Metric;
use crate::optimizer::Optimizer;
use crate::{Error, Result};

/// The arguments of [`Model::compile`]. (Keras' `target_tensors` belongs to its old graph mode and has no meaning here.)
#[derive(Debug)]
pub struct Compile {
    optimizer: Box<dyn Optimizer>,
    losses: Vec<Box<dyn Loss>>,
    joint: Option<Box<dyn JointLoss>>,
    loss_weights: Option<Vec<f32>>,
    metrics: Vec<(usize, Box<dyn Metric>)>,
    weighted_metrics: Vec<(usize, Box<dyn Metric>)>,
    sample_weight_mode: SampleWeightMode,
}

/// What a sample weight belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SampleWeightMode {
    /// A weight for each sample.
    #[default]
    Samples,
    /// A weight for each step of each sample, where outputs are (steps, features): `samples · steps` of them, a sample's side by side.
    Temporal,
}

impl Compile {
    pub fn new(optimizer: impl Optimizer + 'static) -> Self {
        Compile {
            optimizer: Box::new(optimizer),
            losses: Vec::new(),
            joint: None,
            loss_weights: None,
            metrics: Vec::new(),
            weighted_metrics: Vec::new(),
            sample_weight_mode: SampleWeightMode::Samples,
        }
    }

    /// The loss of the next output: called once for each output, in their order.
    pub fn loss(mut self, loss: impl Loss + 'static) -> Self {
        self.losses.push(Box::new(loss));
        self
    }

    /// One loss of all outputs together, in place of those of each.
    pub fn joint_loss(mut self, loss: impl JointLoss + 'static) -> Self {
        self.joint = Some(Box::new(loss));
        self
    }

    /// How much each output's loss, or each part of a joint loss, counts in the sum.
    pub fn loss_weights(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.loss_weights = Some(weights.into());
        self
    }

    /// Watches the first output, each sample counting alike.
    pub fn metric(self, metric: impl Metric + 'static) -> Self {
        self.metric_of(0, metric)
    }

    pub fn metric_of(mut self, output: usize, metric: impl Metric + 'static) -> Self {
        self.metrics.push((output, Box::new(metric)));
        self
    }

    /// Watches an output with the sample and class weights.
    pub fn weighted_metric(mut self, output: usize, metric: impl Metric + 'static) -> Self {
        self.weighted_metrics.push((output, Box::new(metric)));
        self
    }

    pub fn sample_weight_mode(mut self, mode: SampleWeightMode) -> Self {
        self.sample_weight_mode = mode;
        self
    }
}

/// What a compiled model carries.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub optimizer: Box<dyn Optimizer>,
    pub losses: Losses,
    pub loss_weights: Vec<f32>,
    pub watched: Vec<Watched>,
    pub mode: SampleWeightMode,
    /// The optimizer's numbers for each parameter, by its name.
    pub slots: HashMap<String, Vec<Tensor<1>>>,
    /// Steps made.
    pub step: usize,
    /// What callbacks make of the schedule's rate.
    pub rate_factor: f32,
    /// A rate set by a callback, in place of the schedule's.
    pub rate_override: Option<f32>,
}

#[derive(Debug)]
pub(crate) enum Losses {
    /// For each output.
    Each(Vec<Box<dyn Loss>>),
    Joint(Box<dyn JointLoss>),
}

#[derive(Debug)]
pub(crate) struct Watched {
    pub output: usize,
    pub metric: Box<dyn Metric>,
    pub weighted: bool,
    /// As it stands in the history.
    pub name: String,
}

impl Compiled {
    pub fn rate(&self) -> f32 {
        let schedule = &self.optimizer.settings().learning_rate;
        self.rate_override.unwrap_or_else(|| schedule.rate(self.step)) * self.rate_factor
    }
}

impl Model {
    /// Sets how the model learns. What an optimizer has gathered before is dropped.
    ///
    /// # Errors
    /// Where there are not as many losses, or loss weights, as outputs.
    pub fn compile(&mut self, how: Compile) -> Result<()> {
        let outputs = self.outputs.len();
        let losses = match how.joint {
            Some(loss) if how.losses.is_empty() => Losses::Joint(loss),
            Some(_) => return Err(Error::Model("a joint loss takes the place of the losses of each output".into())),
            None if how.losses.len() == outputs => Losses::Each(how.losses),
            None => {
                let count = how.losses.len();
                return Err(Error::Model(format!("{count} losses for {outputs} outputs: one for each is needed")));
            }
        };
        let parts = match &losses {
            Losses::Each(_) => outputs,
            Losses::Joint(loss) => loss.parts().len().max(1),
        };
        let loss_weights = how.loss_weights.unwrap_or_else(|| vec![1.0; parts]);
        if loss_weights.len() != parts {
            return Err(Error::Model(format!("{} loss weights for {parts} losses", loss_weights.len())));
        }
        let plain = how.metrics.into_iter().map(|(output, metric)| (output, metric, false));
        let weighted = how.weighted_metrics.into_iter().map(|(output, metric)| (output, metric, true));
        let mut watched: Vec<Watched> = Vec::new();
        for (output, metric, weighted) in plain.chain(weighted) {
            if output >= outputs {
                return Err(Error::Model(format!("a metric of output {output}, but there are {outputs}")));
            }
            let name = match outputs {
                1 => metric.name(),
                _ => format!("{}_{}", self.output_name(output), metric.name()),
            };
            let taken = |name: &str| watched.iter().any(|other| other.name == name);
            let name = if taken(&name) { format!("weighted_{name}") } else { name };
            if taken(&name) {
                return Err(Error::Model(format!("two metrics are named {name}")));
            }
            watched.push(Watched { output, metric, weighted, name });
        }
        self.compiled = Some(Compiled {
            optimizer: how.optimizer,
            losses,
            loss_weights,
            watched,
            mode: how.sample_weight_mode,
            slots: HashMap::new(),
            step: 0,
            rate_factor: 1.0,
            rate_override: None,
        });
        Ok(())
    }

    /// Of the losses that are logged beside their sum: none where there is only one.
    pub(super) fn loss_names(&self) -> Result<Vec<String>> {
        Ok(match &self.compiled()?.losses {
            Losses::Each(losses) if losses.len() == 1 => Vec::new(),
            Losses::Each(losses) => {
                (0..losses.len()).map(|output| format!("{}_loss", self.output_name(output))).collect()
            }
            Losses::Joint(loss) => loss.parts().iter().map(|part| format!("{part}_loss")).collect(),
        })
    }

    /// Name of the layer that gives this output.
    pub(crate) fn output_name(&self, output: usize) -> &str {
        &self.layers[self.places[self.outputs[output]].layer].name
    }

    pub(crate) fn compiled(&self) -> Result<&Compiled> {
        self.compiled.as_ref().ok_or_else(not_compiled)
    }

    pub(crate) fn compiled_mut(&mut self) -> Result<&mut Compiled> {
        self.compiled.as_mut().ok_or_else(not_compiled)
    }

    /// Learning rate of the next step.
    pub fn learning_rate(&self) -> Result<f32> {
        Ok(self.compiled()?.rate())
    }

    /// Replaces the optimizer's schedule from now on.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.compiled_mut()?.rate_override = Some(rate);
        Ok(())
    }

    /// Multiplies the learning rate from now on, whatever the schedule says.
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<()> {
        self.compiled_mut()?.rate_factor *= factor;
        Ok(())
    }
}

fn not_compiled() -> Error {
    Error::Model("the model has to be compiled first: model.compile(Compile::new(optimizer).loss(loss))".into())
}
