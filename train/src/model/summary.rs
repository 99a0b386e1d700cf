//! The table of a model, as Keras prints it.

use super::Model;
use crate::shape::with_batch;

impl Model {
    /// Layers with their shapes, numbers of parameters and what they are connected to; then the totals.
    pub fn summary(&self) -> String {
        let mut rows = vec![["Layer (type)", "Output Shape", "Param #", "Connected to"].map(String::from)];
        let mut seen = vec![false; self.layers.len()];
        for place in &self.places {
            // A shared layer is listed where it is used first, as in Keras.
            if std::mem::replace(&mut seen[place.layer], true) {
                continue;
            }
            let entry = &self.layers[place.layer];
            let count: usize = self.parameters[entry.own.clone()].iter().map(|it| it.spec.count()).sum();
            let connected: Vec<String> = self
                .places
                .iter()
                .filter(|other| other.layer == place.layer)
                .flat_map(|other| &other.inputs)
                .map(|&input| format!("{}[0][0]", self.layers[self.places[input].layer].name))
                .collect();
            rows.push([
                format!("{} ({})", entry.name, entry.layer.class()),
                with_batch(&place.shape),
                thousands(count),
                if connected.is_empty() { "-".into() } else { connected.join(", ") },
            ]);
        }
        let widths: Vec<usize> =
            (0..4).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
        let line: usize = widths.iter().sum::<usize>() + 3 * 2;
        let mut text = format!("Model: \"functional\"\n{}\n", "_".repeat(line));
        for (number, [layer, shape, count, connected]) in rows.iter().enumerate() {
            let row = format!(
                "{layer:<a$}  {shape:<b$}  {count:>c$}  {connected}",
                a = widths[0],
                b = widths[1],
                c = widths[2]
            );
            text += &format!("{}\n", row.trim_end());
            if number == 0 {
                text += &format!("{}\n", "=".repeat(line));
            }
        }
        let (trainable, kept) = self.count_parameters();
        text += &format!("{}\n", "=".repeat(line));
        text += &format!(" Total params: {} ({})\n", thousands(trainable + kept), bytes(trainable + kept));
        text += &format!(" Trainable params: {} ({})\n", thousands(trainable), bytes(trainable));
        text + &format!(" Non-trainable params: {} ({})\n", thousands(kept), bytes(kept))
    }
}

/// `23,600,006`.
fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Of so many 32-bit floats: `90.03 MB`.
fn bytes(count: usize) -> String {
    let bytes = count as f64 * 4.0;
    match bytes {
        b if b >= 1024.0 * 1024.0 => format!("{:.2} MB", b / (1024.0 * 1024.0)),
        b if b >= 1024.0 => format!("{:.2} KB", b / 1024.0),
        b => format!("{b:.2} B"),
    }
}
