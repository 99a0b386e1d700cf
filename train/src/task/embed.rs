//! A network that gives pictures of one person nearby vectors: triplet loss on a 128-d encoding (FaceNet, Schroff et al.
//! 2015).

use std::path::PathBuf;

use super::{draw_curves, make_folder};
use crate::callback::Callback;
use crate::chart;
use crate::data::augment::Augment;
use crate::data::people::People;
use crate::data::pictures::Pictures;
use crate::export::{ExportOptions, Normalization};
use crate::loss::{Mining, Triplet};
use crate::measure::{Roc, pairs};
use crate::model::{Compile, Fit, History, Model, Predict};
use crate::optimizer::Adam;
use crate::schedule::Schedule;
use crate::{Error, Result, zoo};

/// How it is trained.
#[derive(Debug, Clone)]
pub struct Embed {
    pub arch: String,
    /// Length of the vector.
    pub dimensions: usize,
    pub epochs: usize,
    /// People in a batch, pictures of each, batches in an epoch.
    pub people: usize,
    pub each: usize,
    pub batches: usize,
    pub learning_rate: f32,
    pub mining: Mining,
    /// α: how much nearer one's own pictures have to be than others'.
    pub margin: f32,
    pub seed: u64,
    pub device: String,
    pub out: PathBuf,
}

/// What came out.
#[derive(Debug)]
pub struct Embedded {
    pub history: History,
    /// Over all pairs of the people that were never seen.
    pub roc: Roc,
    /// The same of the network before training: what chance gives.
    pub before: Roc,
    pub pairs: usize,
    pub parameters: usize,
    pub device: &'static str,
}

impl Embed {
    /// Trains on people, measures on others.
    pub fn run(&self, train: Pictures, unseen: &Pictures, callbacks: Vec<Box<dyn Callback>>) -> Result<Embedded> {
        make_folder(&self.out)?;
        let (device, device_name) = crate::device::open(&self.device)?;
        let shape = train.size.shape();
        let mut model = zoo::by_name(&self.arch, &shape, self.dimensions)?.reseeded(self.seed).to_device(&device);
        let before = self.measure(&model, unseen)?;
        let people = train.augmented(Augment::faces(self.seed));
        let people = People::new(people, self.people, self.each, self.batches, self.seed)?;
        let steps = self.batches * self.epochs;
        model.compile(
            Compile::new(Adam::new(Schedule::cosine(self.learning_rate, steps)))
                .loss(Triplet::new(self.mining).margin(self.margin)),
        )?;
        let fit = Fit::new()
            .batch_size(people.batch_size())
            .epochs(self.epochs)
            .shuffle(false)
            .callbacks(callbacks)
            .checkpoint(self.out.join("checkpoint.safetensors"));
        let history = model.fit(&people, fit)?;
        let roc = self.measure(&model, unseen)?;
        draw_curves(&self.out.join("loss.svg"), "Triplet loss", "loss", &history, &["loss"])?;
        let curves = [("trained".to_owned(), &roc), ("before training".to_owned(), &before)];
        chart::write(&self.out.join("roc.svg"), &chart::roc("Verification of people never seen", &curves)?)?;
        let channels = shape[2];
        let normalization = Some(Normalization { mean: vec![0.0; channels], std: vec![255.0; channels] });
        let options = ExportOptions { normalization, fold_batch_norm: true, ..Default::default() };
        model.export(self.out.join("model.onnx"), &options)?;
        let (learning, kept) = model.count_parameters();
        let pairs = unseen.labels.len() * (unseen.labels.len() - 1) / 2;
        Ok(Embedded { history, roc, before, pairs, parameters: learning + kept, device: device_name })
    }

    fn measure(&self, model: &Model, pictures: &Pictures) -> Result<Roc> {
        let vectors = model.predict(pictures, Predict::new().batch_size(32))?.remove(0);
        let flat: Vec<f32> = vectors.iter().copied().collect();
        Roc::of(&pairs(&flat, self.dimensions, &pictures.labels))
            .ok_or_else(|| Error::Data("verification needs two people, one of them with two pictures".into()))
    }
}
