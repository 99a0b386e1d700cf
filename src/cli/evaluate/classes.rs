//! Which labels of the model are scored against which classes of the truth.

use anyhow::bail;

use crate::detect::{ClassFilter, VEHICLES};

/// The scored classes, and where the truth's and the model's own go.
#[derive(Debug, PartialEq)]
pub struct Scored {
    pub names: Vec<String>,
    /// By class index of the truth; `None`: its boxes are left out.
    pub of_truth: Vec<Option<usize>>,
    /// By label index of the model; `None`: its detections are left out.
    pub of_label: Vec<Option<usize>>,
}

/// Each class for itself: all that the truth has, or those in `wanted`. The model must have a label for each.
pub fn apart(truth: &[String], labels: &[String], wanted: &[String]) -> anyhow::Result<Scored> {
    for name in wanted {
        if position(truth, name).is_none() {
            bail!("the truth has no class '{name}'; it has: {}", truth.join(", "));
        }
    }
    let chosen = |name: &String| wanted.is_empty() || position(wanted, name).is_some();
    let names: Vec<String> = truth.iter().filter(|name| chosen(name)).cloned().collect();
    // For its message, which names the nearest label.
    ClassFilter::from_labels(labels, &names).map_err(|error| {
        anyhow::anyhow!("{error}; leave that class out with --classes, or score all as one kind with --agnostic")
    })?;
    Ok(Scored {
        of_truth: truth.iter().map(|name| position(&names, name)).collect(),
        of_label: labels.iter().map(|label| position(&names, label)).collect(),
        names,
    })
}

/// All as one kind. `wanted` are labels of the model. The truth's classes of these names count; where it has none of them,
/// those that the model has no label for, as `vehicle`. Without `wanted` the truth's own classes are the labels, and the class
/// `vehicle` means all vehicles.
pub fn as_one(truth: &[String], labels: &[String], wanted: &[String]) -> anyhow::Result<Scored> {
    let mut found = Vec::new();
    match wanted {
        [] => {
            for name in truth {
                match position(labels, name) {
                    Some(label) => found.push(label),
                    None if ["vehicle", "vehicles"].iter().any(|word| name.eq_ignore_ascii_case(word)) => {
                        found.extend(VEHICLES.iter().filter_map(|word| position(labels, word)));
                    }
                    None => bail!("the model has no label '{name}': say with --classes which of its labels are meant"),
                }
            }
        }
        wanted => {
            let keep = ClassFilter::from_labels(labels, wanted)?;
            found.extend((0..labels.len()).filter(|label| keep.keeps(*label)));
        }
    }
    let named = |name: &String| position(labels, name).is_some_and(|label| found.contains(&label));
    let counts = |name: &String| match wanted.is_empty() || truth.iter().any(named) {
        true => named(name) || wanted.is_empty(),
        false => position(labels, name).is_none(),
    };
    Ok(Scored {
        names: vec![
            labels
                .iter()
                .enumerate()
                .filter(|(i, _)| found.contains(i))
                .map(|(_, l)| l.as_str())
                .collect::<Vec<_>>()
                .join("+"),
        ],
        of_truth: truth.iter().map(|name| counts(name).then_some(0)).collect(),
        of_label: (0..labels.len()).map(|label| found.contains(&label).then_some(0)).collect(),
    })
}

fn position(names: &[String], wanted: &str) -> Option<usize> {
    names.iter().position(|name| name.eq_ignore_ascii_case(wanted.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn classes_meet_by_name() {
        let scored = apart(&words("car person"), &words("person bicycle Car"), &[]).unwrap();
        assert_eq!(scored.of_truth, [Some(0), Some(1)]);
        assert_eq!(scored.of_label, [Some(1), None, Some(0)]);
        let only = apart(&words("car person"), &words("person bicycle car"), &words("person")).unwrap();
        assert_eq!((only.names, only.of_truth), (words("person"), vec![None, Some(0)]));
    }

    #[test]
    fn a_class_that_cannot_be_found_is_refused() {
        let error =
            |truth, labels, wanted| apart(&words(truth), &words(labels), &words(wanted)).unwrap_err().to_string();
        assert!(error("motorcycle", "car motorbike", "").contains("did you mean 'motorbike'?"));
        assert!(error("car", "car", "bus").contains("the truth has no class 'bus'"));
        let error =
            |truth, wanted| as_one(&words(truth), &words("car bus dog"), &words(wanted)).unwrap_err().to_string();
        assert!(error("lorry", "").contains("no label 'lorry': say with --classes"));
        assert!(error("car", "lorry").contains("no label 'lorry'"));
    }

    #[test]
    fn as_one_kind_the_labels_are_those_of_the_truth_or_those_named() {
        let of = |truth, wanted| {
            let scored = as_one(&words(truth), &words("person car dog motorbike"), &words(wanted)).unwrap();
            (scored.of_truth, scored.of_label)
        };
        assert_eq!(of("vehicle", ""), (vec![Some(0)], vec![None, Some(0), None, Some(0)]));
        assert_eq!(of("vehicle", "car"), (vec![Some(0)], vec![None, Some(0), None, None]));
        assert_eq!(of("bicycle car", "car"), (vec![None, Some(0)], vec![None, Some(0), None, None]));
        assert_eq!(of("car person", "car"), (vec![Some(0), None], vec![None, Some(0), None, None]));
        assert_eq!(of("car dog", ""), (vec![Some(0); 2], vec![None, Some(0), Some(0), None]));
    }
}
