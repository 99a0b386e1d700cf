//! Which classes are reported, and which of them compete for the same object. Not here: what a class is counted as.

use thiserror::Error;

/// A label that the model does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the model has no label '{wanted}'{hint}; it has: {known}")]
pub struct UnknownLabel {
    pub wanted: String,
    /// "; did you mean 'motorbike'?", or empty.
    hint: String,
    known: String,
}

/// The index of `wanted` among the model's labels. Case does not matter.
pub(super) fn label_index(labels: &[String], wanted: &str) -> Result<usize, UnknownLabel> {
    let index = labels.iter().position(|label| label.eq_ignore_ascii_case(wanted.trim()));
    index.ok_or_else(|| {
        let nearest = labels
            .iter()
            .map(|label| (strsim::jaro_winkler(label, wanted), label))
            .filter(|(similarity, _)| *similarity > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        UnknownLabel {
            wanted: wanted.to_string(),
            hint: nearest.map(|(_, label)| format!(" (did you mean '{label}'?)")).unwrap_or_default(),
            known: labels.join(", "),
        }
    })
}

/// The classes that are reported. A class that is not kept still competes for a box: what the network takes for a
/// train is dropped, not reported as its second guess, a truck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassFilter {
    keep: Vec<bool>,
}

impl ClassFilter {
    pub fn all(classes: usize) -> Self {
        Self { keep: vec![true; classes] }
    }

    /// The named labels; all where none is named.
    pub fn from_labels(labels: &[String], wanted: &[String]) -> Result<Self, UnknownLabel> {
        if wanted.is_empty() {
            return Ok(Self::all(labels.len()));
        }
        let mut keep = vec![false; labels.len()];
        for name in wanted {
            keep[label_index(labels, name)?] = true;
        }
        Ok(Self { keep })
    }

    /// False for a class beyond the model's labels, too.
    pub fn keeps(&self, class: usize) -> bool {
        self.keep.get(class).copied().unwrap_or(false)
    }
}

/// Class index → group. Boxes suppress each other only inside a group, so that a van which the network calls a car
/// and a truck at once is one vehicle, while a rider does not erase the bicycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    of_class: Vec<u16>,
}

impl Groups {
    /// Every class for itself: class-aware suppression.
    pub fn class_aware(classes: usize) -> Self {
        Self { of_class: (0..classes).map(|class| class as u16).collect() }
    }

    /// All classes in one group: class-agnostic suppression.
    pub fn class_agnostic(classes: usize) -> Self {
        Self { of_class: vec![0; classes] }
    }

    /// The labels of each given group together, every other label for itself. A label that two groups name joins them.
    pub fn from_labels(labels: &[String], groups: &[Vec<String>]) -> Result<Self, UnknownLabel> {
        let mut joined = Self::class_aware(labels.len());
        for group in groups {
            let Some((first, rest)) = group.split_first() else { continue };
            let first = label_index(labels, first)?;
            for name in rest {
                let (from, to) = (joined.of_class[label_index(labels, name)?], joined.of_class[first]);
                joined.of_class.iter_mut().filter(|id| **id == from).for_each(|id| *id = to);
            }
        }
        Ok(joined)
    }

    /// A class beyond the model's labels is a group of its own.
    pub fn of(&self, class: u16) -> u16 {
        self.of_class.get(usize::from(class)).copied().unwrap_or(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn a_group_joins_its_labels_and_leaves_the_others_alone() {
        let labels = words("person bicycle car motorbike bus truck");
        let groups = Groups::from_labels(&labels, &[words("car bus truck")]).unwrap();
        assert_eq!(groups.of(2), groups.of(4));
        assert_eq!(groups.of(2), groups.of(5));
        let alone = [groups.of(0), groups.of(1), groups.of(2), groups.of(3)];
        assert!((1..4).all(|i| !alone[..i].contains(&alone[i])), "{alone:?}");
    }

    #[test]
    fn two_groups_with_a_common_label_are_one() {
        let labels = words("a b c d");
        let groups = Groups::from_labels(&labels, &[words("a b"), words("c b")]).unwrap();
        assert_eq!((groups.of(0), groups.of(1)), (groups.of(2), groups.of(2)));
        assert_ne!(groups.of(3), groups.of(0));
    }

    #[test]
    fn an_unknown_label_names_the_nearest_known_one() {
        let error = ClassFilter::from_labels(&words("person motorbike"), &words("motorcycle")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model has no label 'motorcycle' (did you mean 'motorbike'?); it has: person, motorbike"
        );
    }

    #[test]
    fn the_filter_keeps_what_is_named_and_everything_if_nothing_is() {
        let labels = words("person car truck");
        let some = ClassFilter::from_labels(&labels, &words("Car truck")).unwrap();
        assert_eq!([0, 1, 2, 3].map(|c| some.keeps(c)), [false, true, true, false]);
        assert_eq!(ClassFilter::from_labels(&labels, &[]).unwrap(), ClassFilter::all(3));
    }
}
