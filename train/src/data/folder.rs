//! A folder of pictures for each class, as Keras' `image_dataset_from_directory` takes it.

use std::path::Path;

use super::pictures::{Pictures, Size};
use super::read::{Skipped, pictures_in};
use crate::{Error, Result};

/// Reads `folder/CLASS/*.jpg|png|webp`; classes are numbered in the order of their names. `step` is called for each picture
/// with how many there are.
pub fn read(folder: &Path, size: Size, skipped: &mut Skipped, mut step: impl FnMut(usize)) -> Result<Pictures> {
    let classes = classes(folder)?;
    let mut files = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let inside = folder.join(class);
        let found = pictures_in(&inside).map_err(|error| Error::file(&inside, error))?;
        files.extend(found.into_iter().map(|file| (label, file)));
    }
    let mut pictures = Pictures::empty(size, classes);
    for (label, file) in &files {
        if let Some(picture) = skipped.read(file) {
            pictures.push(&picture, *label);
        }
        step(files.len());
    }
    if pictures.labels.is_empty() {
        return Err(Error::Data(format!(
            "{}: no picture can be used; a folder for each class with jpg, png or webp files is needed",
            folder.display()
        )));
    }
    Ok(pictures)
}

/// Names of the folders inside.
fn classes(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file(folder, error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_by_key(|name| natural(name));
    if names.len() < 2 {
        return Err(Error::Data(format!("{}: needs at least two folders, one for each class", folder.display())));
    }
    Ok(names)
}

/// s2 before s10: the digits at the end count as a number.
fn natural(name: &str) -> (String, u64, String) {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (stem.to_owned(), name[stem.len()..].parse().unwrap_or(0), name.to_owned())
}
