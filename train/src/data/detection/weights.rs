//! How often a picture is drawn: pictures with rare classes and those of small sources more often than others.

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
    /// the most common class does. One of n pictures of a source weighs (N / n)^balance times that: a thousand pictures of one
    /// camera say little more than a hundred. With a balance of 0 all are drawn alike.
    pub fn of(set: &DetectionSet, balance: f32) -> Self {
        let mut showing = vec![0usize; set.classes.len()];
        for picture in &set.pictures {
            (0..showing.len()).filter(|&class| shows(picture, class)).for_each(|class| showing[class] += 1);
        }
        let mut from = vec![0usize; 1 + set.pictures.iter().map(|picture| picture.source).max().unwrap_or(0)];
        set.pictures.iter().for_each(|picture| from[picture.source] += 1);
        let total = set.pictures.len() as f32;
        let rarity = |&count: &usize| (total / count.max(1) as f32).powf(balance);
        let classes: Vec<f32> = showing.iter().map(rarity).collect();
        let sources: Vec<f32> = from.iter().map(rarity).collect();
        let least = classes.iter().copied().fold(f32::MAX, f32::min);
        let mut sum = 0.0;
        let sums = set.pictures.iter().map(|picture| {
            let rarest = picture.boxes.iter().map(|one| classes[one.class]).fold(least, f32::max);
            sum += rarest * sources[picture.source];
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

    /// Draws of each picture, of 8000; the pictures come from these sources and show these classes.
    fn drawn(pictures: &[(usize, &[usize])], balance: f32) -> Vec<f32> {
        let one = |&class: &usize| LabelledBox { class, rect: [0.0, 0.0, 9.0, 9.0] };
        let picture = |&(source, classes): &(usize, &[usize])| LabelledPicture {
            file: "x".into(),
            boxes: classes.iter().map(one).collect(),
            ignored: vec![],
            source,
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

    fn about<const N: usize>(counts: Vec<f32>, parts: [f32; N]) -> bool {
        let sum: f32 = parts.iter().sum();
        counts.iter().zip(parts).all(|(count, part)| (count / 8000.0 - part / sum).abs() < 0.02)
    }

    #[test]
    fn pictures_of_small_sources_come_more_often() {
        let pictures: [(usize, &[usize]); 5] = [(0, &[0]), (0, &[0]), (0, &[0]), (0, &[0]), (1, &[0])];
        assert!(about(drawn(&pictures, 0.5), [1.0, 1.0, 1.0, 1.0, 2.0]));
        assert!(about(drawn(&pictures, 1.0), [1.0, 1.0, 1.0, 1.0, 4.0]));
    }

    #[test]
    fn pictures_of_rare_classes_come_more_often() {
        // a is shown four times as often as b: its pictures weigh half as much, or a quarter.
        let classes: [&[usize]; 6] = [&[0], &[0, 0, 0], &[0], &[0], &[1], &[]];
        let pictures = classes.map(|classes| (0, classes));
        assert!(about(drawn(&pictures, 0.0), [1.0; 6]));
        assert!(about(drawn(&pictures, 0.5), [1.0, 1.0, 1.0, 1.0, 2.0, 1.0]));
        assert!(about(drawn(&pictures, 1.0), [1.0, 1.0, 1.0, 1.0, 4.0, 1.0]));
    }
}
