//! `wayside detect` on pictures: a line and a drawing each.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use image::RgbImage;

use super::report::{Report, warn};
use super::{Args, Named, progress};
use crate::clock::{Clock, SystemClock};
use crate::draw::write_jpg;
use crate::frame::Frame;
use crate::pipeline::Shutdown;
use crate::source::{picture_paths, read_picture};

pub fn run(args: &Args, mut detector: Named, shutdown: &Shutdown) -> anyhow::Result<ExitCode> {
    let mut pictures = Vec::new();
    for spec in &args.inputs {
        pictures.extend(picture_paths(spec)?);
    }
    let targets = match &args.draw {
        Some(folder) => Some(targets(folder, &pictures)?),
        None => None,
    };
    let clock = SystemClock::new();
    let bar = progress((pictures.len() > 1).then_some(pictures.len() as u64), args.quiet);
    let (mut frame, mut found, mut drawn, mut failed) = (Frame::default(), Vec::new(), RgbImage::default(), 0);
    for (index, path) in pictures.iter().enumerate() {
        if shutdown.draining() {
            bar.finish_and_clear();
            eprintln!("ended early by a signal after {index} of {} pictures", pictures.len());
            return Ok(ExitCode::from(130));
        }
        // One bad picture among many is named and passed over; a picture asked for alone is the whole answer.
        if let Err(error) = read_picture(path, &mut frame) {
            anyhow::ensure!(pictures.len() > 1, error);
            bar.suspend(|| eprintln!("wayside: {error}"));
            failed += 1;
            continue;
        }
        let before = clock.mono();
        detector.inner.step(&frame, &mut found)?;
        let (name, time) = (path.display().to_string(), clock.mono() - before);
        let report = Report { name: &name, frame: &frame, found: &found, labels: &detector.labels, time };
        let line = if args.json { report.json().to_string() } else { report.line() };
        bar.suspend(|| writeln!(std::io::stdout(), "{line}")).context("standard output")?;
        if let Some(targets) = &targets {
            report.draw(&mut drawn);
            write_jpg(&targets[index], &drawn)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    warn(&detector.inner);
    if failed > 0 {
        eprintln!("{failed} of {} pictures could not be read", pictures.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Where each picture's drawing goes: its name with .jpg, numbered where two pictures share a name. Refuses a folder in
/// which a drawing would replace one of the pictures.
fn targets(folder: &Path, pictures: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    if folder.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mp4")) {
        anyhow::bail!("{}: pictures are drawn into a folder: name one; a clip can become an mp4", folder.display());
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let originals: HashSet<PathBuf> = pictures.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut taken = HashSet::new();
    let mut target = |picture: &PathBuf| {
        let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
        let names = std::iter::once(format!("{stem}.jpg")).chain((2..).map(|n| format!("{stem}-{n}.jpg")));
        // Proof of `expect`: the names are endless, and only finitely many are taken.
        let name = names.into_iter().find(|name| taken.insert(name.clone())).expect("endless names");
        let target = folder.join(name);
        if target.canonicalize().is_ok_and(|there| originals.contains(&there)) {
            anyhow::bail!("{}: the drawing would replace the picture: name another folder", target.display());
        }
        Ok(target)
    };
    pictures.iter().map(&mut target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_get_names_of_their_own_and_never_replace_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let names = |pictures: &[&str]| {
            let pictures: Vec<PathBuf> = pictures.iter().map(PathBuf::from).collect();
            targets(folder.path(), &pictures).map(|targets| {
                targets.iter().map(|t| t.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(names(&["a/x.png", "b/x.jpg", "b/y.webp"]).unwrap(), ["x.jpg", "x-2.jpg", "y.jpg"]);
        let picture = folder.path().join("x.jpg");
        std::fs::write(&picture, "").unwrap();
        let error = names(&[picture.to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("would replace the picture"), "{error}");
        let error = targets(Path::new("all.mp4"), &[picture]).unwrap_err().to_string();
        assert!(error.contains("pictures are drawn into a folder"), "{error}");
    }
}
