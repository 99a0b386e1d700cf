//! How often a picture is drawn: pictures with rare classes more often than others.

use super::dice::Dice;
use super::{DetectionSet, LabelledPicture};

/// Numbers drawn by weight.
pub(super) struct Weighted {
    /// Sums of the weights up to each number, it included.
    sums: Vec<f32>,
}

impl Weighted {
    /// A class that n of N pictures show weighs (N / n)^balance, a picture as much as its heaviest class, as the repeat
    /// factors of Gupta et al. 2019 (arXiv:1908.03195, section 5) do for a balance of 0.5. Pictures without boxes weigh as
    /// the most common class does. With a balance of 0 all are drawn alike.
    pub fn of(set: &DetectionSet, balance: f32) -> Self {
        let mut showing = vec![0usize; set.classes.len()];
        for picture in &set.pictures {
            (0..showing.len()).filter(|&class| shows(picture, class)).for_each(|class| showing[class] += 1);
        }
        let total = set.pictures.len() as f32;
        let class = |&count: &usize| (total / count.max(1) as f32).powf(balance);
        let weights: Vec<f32> = showing.iter().map(class).collect();
        let least = weights.iter().copied().fold(f32::MAX, f32::min);
        let mut sum = 0.0;
        let sums = set.pictures.iter().map(|picture| {
            sum += picture.boxes.iter().map(|one| weights[one.class]).fold(least, f32::max);
            sum
        });
        Weighted { sums: sums.collect() }
    }

    pub fn draw(&self, dice: &mut Dice) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let place = dice.unit() * total;
        self.sums.partition_point(|&sum| sum <= place).min(self.sums.len() - 1)
    }
}

fn shows(picture: &LabelledPicture, class: usize) -> bool {
    picture.boxes.iter().any(|one| one.class == class)
}
