//! Which classes are taken for which.

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    pub classes: Vec<String>,
    /// `counts[truth][answer]`.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// `answers` and `truth` are numbers of classes.
    pub fn of(classes: &[String], truth: &[usize], answers: &[usize]) -> Self {
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        for (&truth, &answer) in truth.iter().zip(answers) {
            counts[truth][answer] += 1;
        }
        Confusion { classes: classes.to_vec(), counts }
    }

    /// The part that is right, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes.len()).map(|class| self.counts[class][class]).sum();
        let all: usize = self.counts.iter().flatten().sum();
        right as f64 / all.max(1) as f64
    }

    /// Recall of each class, 0 to 1; none where it never occurs.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        self.counts
            .iter()
            .enumerate()
            .map(|(class, row)| {
                let all: usize = row.iter().sum();
                (all > 0).then(|| row[class] as f64 / all as f64)
            })
            .collect()
    }

    /// Mean recall over the classes that occur: each class counts alike, however rare.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> = self.recalls().into_iter().flatten().collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_truth_and_answer() {
        let classes = ["car", "bus", "tram"].map(String::from);
        let confusion = Confusion::of(&classes, &[0, 0, 0, 1], &[0, 0, 1, 1]);
        assert_eq!(confusion.counts, [[2, 1, 0], [0, 1, 0], [0, 0, 0]]);
        assert!((confusion.accuracy() - 0.75).abs() < 1e-12);
        assert_eq!(confusion.recalls(), [Some(2.0 / 3.0), Some(1.0), None]);
        assert!((confusion.balanced_accuracy() - 5.0 / 6.0).abs() < 1e-12);
    }
}
