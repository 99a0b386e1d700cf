//! COCO's files: `instances_….json` (truth) and the list of results that its tools score.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Labelled, Rect, Truth, TruthPicture};
use crate::evaluate::{EvaluateError, io, unreadable};
use crate::part_file;

#[derive(Deserialize)]
struct Instances {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    /// x, y, width, height.
    bbox: [f64; 4],
    area: Option<f64>,
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// Reads `images`, `annotations` and `categories` of a COCO file; whatever else it has is passed over.
pub fn read(path: &Path) -> Result<Truth, EvaluateError> {
    let text = std::fs::read_to_string(path).map_err(|source| io(path, source))?;
    let instances: Instances =
        serde_json::from_str(&text).map_err(|error| unreadable(path, format!("is no COCO truth: {error}")))?;
    truth(instances).map_err(|reason| unreadable(path, reason))
}

fn truth(mut instances: Instances) -> Result<Truth, String> {
    if instances.images.is_empty() || instances.categories.is_empty() {
        return Err("names no images or no categories".into());
    }
    instances.images.sort_by_key(|image| image.id);
    instances.categories.sort_by_key(|category| category.id);
    let pictures = index_of(instances.images.iter().map(|image| image.id), "image")?;
    let classes = index_of(instances.categories.iter().map(|category| category.id), "category")?;
    let mut truth = Truth {
        ids: instances.categories.iter().map(|category| category.id).collect(),
        classes: instances.categories.into_iter().map(|category| category.name).collect(),
        pictures: instances.images.into_iter().map(picture).collect(),
    };
    for (number, annotation) in instances.annotations.iter().enumerate() {
        let refused = |what: String| format!("annotation {}: {what}", number + 1);
        let picture = pictures.get(&annotation.image_id);
        let picture = *picture.ok_or_else(|| refused(format!("there is no image {}", annotation.image_id)))?;
        let class = classes.get(&annotation.category_id);
        let class = *class.ok_or_else(|| refused(format!("there is no category {}", annotation.category_id)))?;
        let [x, y, width, height] = annotation.bbox;
        let sound = annotation.bbox.iter().all(|side| side.is_finite()) && width >= 0.0 && height >= 0.0;
        if !sound {
            return Err(refused(format!("bbox {:?} is none: x, y, width, height in pixels", annotation.bbox)));
        }
        let rect = Rect { x, y, width, height };
        let (crowd, area) = (annotation.iscrowd != 0, annotation.area.unwrap_or(rect.area()));
        truth.pictures[picture].boxes.push(Labelled { rect, class, crowd, area });
    }
    Ok(truth)
}

fn picture(image: Image) -> TruthPicture {
    TruthPicture { id: image.id, file: image.file_name, size: Some((image.width, image.height)), boxes: Vec::new() }
}

/// Position by id.
fn index_of(ids: impl Iterator<Item = i64>, what: &str) -> Result<HashMap<i64, usize>, String> {
    let mut positions = HashMap::new();
    for (position, id) in ids.enumerate() {
        if positions.insert(id, position).is_some() {
            return Err(format!("two {what} entries have the id {id}"));
        }
    }
    Ok(positions)
}

/// One detection, as COCO's tools read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultRow {
    pub image_id: i64,
    pub category_id: i64,
    /// x, y, width, height in pixels.
    pub bbox: [f64; 4],
    pub score: f64,
}

/// Writes results: either whole or not at all.
pub fn write_results(path: &Path, rows: &[ResultRow]) -> Result<(), EvaluateError> {
    let text = serde_json::to_string(rows).map_err(|error| unreadable(path, format!("cannot be written: {error}")))?;
    part_file::write(path, text.as_bytes()).map_err(|source| io(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(images: &str, annotations: &str) -> Result<Truth, String> {
        let text = format!(
            r#"{{"info": 1, "images": [{images}], "annotations": [{annotations}],
                "categories": [{{"id": 7, "name": "truck"}}, {{"id": 3, "name": "car"}}]}}"#
        );
        truth(serde_json::from_str(&text).unwrap())
    }

    const IMAGES: &str = r#"{"id": 9, "file_name": "b.jpg", "width": 4, "height": 3},
        {"id": 2, "file_name": "a.jpg", "width": 8, "height": 6}"#;

    #[test]
    fn images_and_categories_are_in_the_order_of_their_ids() {
        let annotation = r#"{"image_id": 2, "category_id": 7, "bbox": [1, 2, 3.5, 4], "area": 9, "iscrowd": 1},
            {"image_id": 9, "category_id": 3, "bbox": [0, 0, 2, 2]}"#;
        let truth = parse(IMAGES, annotation).unwrap();
        assert_eq!((truth.classes.join(" "), truth.ids), ("car truck".into(), vec![3, 7]));
        let [a, b] = &truth.pictures[..] else { panic!() };
        assert_eq!((&*a.file, a.size, a.id), ("a.jpg", Some((8, 6)), 2));
        let rect = Rect { x: 1.0, y: 2.0, width: 3.5, height: 4.0 };
        assert_eq!(a.boxes, [Labelled { rect, class: 1, crowd: true, area: 9.0 }]);
        assert_eq!((b.boxes[0].area, b.boxes[0].crowd), (4.0, false));
        assert!(b.boxes_for(4, 3).is_ok());
        assert!(b.boxes_for(8, 6).unwrap_err().contains("is 8x6, its labels are for 4x3"));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let refused = |images: &str, annotations: &str| parse(images, annotations).unwrap_err();
        assert!(refused("", "").contains("names no images"));
        assert!(refused(&format!("{IMAGES},{IMAGES}"), "").contains("two image entries have the id 2"));
        let one = |image: i64, category: i64, bbox: &str| {
            let annotation = format!(r#"{{"image_id": {image}, "category_id": {category}, "bbox": {bbox}}}"#);
            refused(IMAGES, &annotation)
        };
        assert!(one(1, 3, "[0, 0, 1, 1]").contains("annotation 1: there is no image 1"));
        assert!(one(2, 4, "[0, 0, 1, 1]").contains("there is no category 4"));
        assert!(one(2, 3, "[0, 0, -1, 1]").contains("bbox"));
    }
}
