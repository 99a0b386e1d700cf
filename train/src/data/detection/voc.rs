//! Pascal VOC's annotations: a file of XML for each picture.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};
use wayside::evaluate::detect::{Labelled, Rect, TruthPicture};

use super::DetectionSet;
use super::load::{Entry, Reading, load};
use crate::data::read::Skipped;
use crate::{Error, Result};

/// What a file says, its classes by name.
struct Annotation {
    picture: String,
    size: Option<(u32, u32)>,
    /// Name, rectangle, and whether it is marked as difficult.
    objects: Vec<(String, Rect, bool)>,
}

impl DetectionSet {
    /// Reads `annotations/*.xml`, whose pictures lie in `pictures` by the name in `<filename>`. Corners count pixels from 1
    /// and belong to the box, as VOC's do. Objects marked `difficult` become ignored regions; classes are numbered in the
    /// order of `reading.classes`, or else of their names. `step` is called for each picture with how many there are.
    pub fn voc(
        annotations: &Path,
        pictures: &Path,
        reading: &Reading,
        skipped: &mut Skipped,
        step: impl FnMut(usize),
    ) -> Result<Self> {
        let entries = fs::read_dir(annotations).map_err(|error| Error::file(annotations, error))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "xml"));
        files.sort();
        if files.is_empty() {
            return Err(Error::Data(format!("{}: no NAME.xml", annotations.display())));
        }
        let read = files.iter().map(|file| {
            let text = fs::read_to_string(file).map_err(|error| Error::file(file, error))?;
            annotation(&text).map_err(|why| Error::Data(format!("{}: {why}", file.display())))
        });
        let read: Vec<Annotation> = read.collect::<Result<_>>()?;
        let named = read.iter().flat_map(|one| &one.objects).map(|(name, ..)| name.clone());
        // Classes that are asked for and occur nowhere are classes all the same.
        let classes: BTreeSet<String> = named.chain(reading.classes.iter().cloned()).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        let entries = read.into_iter().enumerate().map(|(number, one)| {
            let labelled = one.objects.into_iter().filter_map(|(name, rect, crowd)| {
                let class = classes.binary_search(&name).ok()?;
                Some(Labelled { rect, class, crowd, area: rect.area() })
            });
            let boxes = labelled.collect();
            let file = pictures.join(&one.picture);
            // Without a size, labels would be taken for fractions. A picture that can't say its own is skipped later.
            let size = one.size.or_else(|| image::image_dimensions(&file).ok());
            Entry {
                file,
                truth: TruthPicture { id: number as i64 + 1, file: one.picture, size, boxes },
                ignored: Vec::new(),
                source: 0,
                known: vec![true; classes.len()],
                exhaustive: true,
            }
        });
        let entries = entries.collect();
        load(&annotations.display().to_string(), &classes, entries, reading, skipped, step)
    }
}

fn annotation(text: &str) -> Result<Annotation, String> {
    let document = Document::parse(text).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !root.has_tag_name("annotation") {
        return Err(format!("begins with <{}>, not with <annotation>", root.tag_name().name()));
    }
    let picture = text_of(root, "filename")?.to_owned();
    let size = child(root, "size");
    let side = |size, name| number(size, name).map(|side| side as u32);
    let size = size.map(|size| side(size, "width").and_then(|width| Ok((width, side(size, "height")?))));
    let objects = root.children().filter(|node| node.has_tag_name("object")).map(|object| {
        let name = text_of(object, "name")?.to_owned();
        let corners = child(object, "bndbox").ok_or_else(|| at(object, "has no <bndbox>"))?;
        let side = |name| number(corners, name);
        let (x, y) = (side("xmin")? - 1.0, side("ymin")? - 1.0);
        let (width, height) = (side("xmax")? - x, side("ymax")? - y);
        if width <= 0.0 || height <= 0.0 {
            return Err(at(corners, "ends before it begins"));
        }
        let difficult = child(object, "difficult").is_some_and(|node| node.text().map(str::trim) == Some("1"));
        Ok((name, Rect { x, y, width, height }, difficult))
    });
    let objects = objects.collect::<Result<_, String>>()?;
    // A size of 0 is written by tools that did not look.
    let size = size.transpose()?.filter(|&(width, height)| width > 0 && height > 0);
    Ok(Annotation { picture, size, objects })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, String> {
    let text = child(node, name).and_then(|child| child.text()).map(str::trim);
    text.filter(|text| !text.is_empty()).ok_or_else(|| at(node, &format!("has no <{name}>")))
}

fn number(node: Node, name: &str) -> Result<f64, String> {
    let text = text_of(node, name)?;
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| at(node, &format!("<{name}> is `{text}`, which is no number")))
}

/// Names the element by the line where it begins.
fn at(node: Node, what: &str) -> String {
    let position = node.document().text_pos_at(node.range().start);
    format!("line {}: <{}> {what}", position.row, node.tag_name().name())
}
