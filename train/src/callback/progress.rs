//! What a person sees while it trains.

use indicatif::{ProgressBar, ProgressStyle};

use super::{Callback, Training};
use crate::Result;
use crate::model::Logs;

/// A bar over the batches of an epoch with what is left of it, and a line that stays for each epoch.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

/// A line for each epoch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines;

impl Progress {
    pub fn new() -> Self {
        Self::default()
    }
}

/// A bar with a name, how far it is, and how long it will take.
pub(crate) fn bar(length: u64, name: impl Into<std::borrow::Cow<'static, str>>) -> ProgressBar {
    let template = "{msg} {bar:24} {pos}/{len}, {eta} left {prefix}";
    // The template is a constant that parses; otherwise indicatif's own style is as good.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(name)
}

fn line(logs: &Logs) -> String {
    let values: Vec<String> = logs.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    values.join(", ")
}

impl Callback for Progress {
    fn epoch_begin(&mut self, epoch: usize, training: &mut Training) -> Result<()> {
        let name = format!("epoch {}/{}", epoch + 1, training.plan.epochs);
        self.bar = Some(bar(training.plan.batches as u64, name));
        Ok(())
    }

    fn batch_end(&mut self, _batch: usize, logs: &Logs, _training: &mut Training) -> Result<()> {
        if let Some(bar) = &self.bar {
            bar.set_prefix(line(logs));
            bar.inc(1);
        }
        Ok(())
    }

    fn epoch_end(&mut self, epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        Lines.epoch_end(epoch, logs, training)
    }

    fn train_end(&mut self, _training: &mut Training) -> Result<()> {
        // Where the training ended in the middle of an epoch.
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        Ok(())
    }
}

impl Callback for Lines {
    fn epoch_end(&mut self, epoch: usize, logs: &Logs, training: &mut Training) -> Result<()> {
        eprintln!("epoch {}/{}: {}", epoch + 1, training.plan.epochs, line(logs));
        Ok(())
    }
}
