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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::detection::LabelledBox;

    /// Draws of each picture, of 8000; the pictures show these classes.
    fn drawn(pictures: &[&[usize]], balance: f32) -> Vec<f32> {
        let one = |&class: &usize| LabelledBox { class, rect: [0.0, 0.0, 9.0, 9.0] };
        let picture = |classes: &&[usize]| LabelledPicture {
            file: "x".into(),
            boxes: classes.iter().map(one).collect(),
            ignored: vec![],
            known: vec![true; 2],
            exhaustive: true,
            size: (9, 9),
        };
        let pictures: Vec<_> = pictures.iter().map(picture).collect();
        let pixels = vec![None; pictures.len()];
        let set = DetectionSet { classes: vec!["a".into(), "b".into()], pictures, pixels, longest: None };
        let (weighted, mut dice) = (Weighted::of(&set, balance), Dice::new(1, 2, 3));
        let mut counts = vec![0.0; set.pictures.len()];
        (0..8000).for_each(|_| counts[weighted.draw(&mut dice)] += 1.0);
        counts
    }

    #[test]
    fn pictures_of_rare_classes_come_more_often() {
        // a is shown four times as often as b: its pictures weigh half as much, or a quarter.
        let pictures: [&[usize]; 6] = [&[0], &[0, 0, 0], &[0], &[0], &[1], &[]];
        let about = |counts: Vec<f32>, parts: [f32; 6]| {
            let sum: f32 = parts.iter().sum();
            counts.iter().zip(parts).all(|(count, part)| (count / 8000.0 - part / sum).abs() < 0.02)
        };
        assert!(about(drawn(&pictures, 0.0), [1.0; 6]));
        assert!(about(drawn(&pictures, 0.5), [1.0, 1.0, 1.0, 1.0, 2.0, 1.0]));
        assert!(about(drawn(&pictures, 1.0), [1.0, 1.0, 1.0, 1.0, 4.0, 1.0]));
    }
}
