//! Class names that an exporter noted beside the graph: Ultralytics writes `names` as Python prints a dictionary,
//! `{0: 'person', 1: 'traffic light'}`.

use std::collections::BTreeMap;

/// The class names, where there are any.
pub(super) fn noted(metadata: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let names = quoted(metadata.get("names")?);
    (!names.is_empty() && names.iter().all(|name| !name.trim().is_empty())).then_some(names)
}

/// The strings between single or double quotes.
fn quoted(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = text.chars();
    while let Some(quote) = letters.find(|c| matches!(c, '\'' | '"')) {
        let mut word = String::new();
        while let Some(letter) = letters.next().filter(|letter| *letter != quote) {
            let escaped = if letter == '\\' { letters.next() } else { None };
            word.push(escaped.unwrap_or(letter));
        }
        found.push(word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_dictionary_is_read() {
        for (text, expected) in [
            ("{0: 'person', 1: 'traffic light'}", Some(vec!["person", "traffic light"])),
            ("['car', \"driver's cab\"]", Some(vec!["car", "driver's cab"])),
            (r"{0: 'it\'s'}", Some(vec!["it's"])),
            ("{0: ''}", None),
            ("{}", None),
            ("{0: 'cut of", Some(vec!["cut of"])),
        ] {
            let metadata = BTreeMap::from([("names".to_owned(), text.to_owned())]);
            let expected = expected.map(|names| names.into_iter().map(String::from).collect::<Vec<_>>());
            assert_eq!(noted(&metadata), expected, "{text}");
        }
        assert_eq!(noted(&BTreeMap::new()), None);
    }
}
