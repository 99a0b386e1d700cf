//! Pictures as the appliance sees them, and the figures that follow from what is found.

use wayside::evaluate::detect::evaluate;
use wayside::geometry::BBox;
use wayside_train::data::Dataset;
use wayside_train::data::detection::Plain;

use super::Folder;

#[test]
fn pictures_lie_at_the_upper_left_and_boxes_where_they_are_seen() {
    let folder = Folder::new();
    folder.picture("a", (200, 100), 60, &[(2, [20, 10, 60, 50])]);
    folder.picture("b", (50, 100), 60, &[]);
    folder.write("ignore/b.txt", "0.5 0.5 0.4 0.2\n");
    let plain = Plain::new(folder.set(), 100);
    let batch = plain.batch(&[0, 1], 0).unwrap();
    let x = &batch.x[0];
    assert_eq!(x.shape(), [2, 100, 100, 3]);
    let pixel = |sample, px, py| [0, 1, 2].map(|channel| (x[[sample, py, px, channel]] * 255.0).round() as u8);
    assert_eq!((pixel(0, 20, 15), pixel(0, 80, 40), pixel(0, 50, 60)), ([0, 0, 255], [60; 3], [114; 3]));
    assert_eq!((pixel(1, 40, 90), pixel(1, 60, 50)), ([60; 3], [114; 3]));
    assert_eq!(batch.y[0].iter().map(|it| it.round()).collect::<Vec<_>>(), [0.0, 2.0, 10.0, 5.0, 30.0, 25.0]);
    assert_eq!(batch.y[1].iter().map(|it| it.round()).collect::<Vec<_>>(), [1.0, 15.0, 40.0, 35.0, 60.0]);
    let regions: Vec<f32> = batch.y[2].iter().copied().collect();
    assert_eq!(
        regions,
        [[0.0, 0.0, 0.0, 100.0, 100.0, 1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 100.0, 100.0, 1.0, 1.0, 1.0, 1.0]].concat()
    );
    assert_eq!(plain.batch(&[1], 0).unwrap().y[0].shape(), [0, 6]);
}

#[test]
fn what_is_found_in_the_input_is_judged_in_the_picture() {
    let folder = Folder::new();
    folder.picture("a", (200, 100), 60, &[(2, [20, 10, 60, 50])]);
    folder.write("ignore/a.txt", "0.8 0.8 0.2 0.2\n");
    folder.write("sources.csv", "file,labels_car\nimages/a.png,n\n");
    let plain = Plain::new(folder.set(), 100);
    let found = [
        (BBox::new(10.0, 5.0, 30.0, 25.0), 2, 0.5),
        (BBox::new(72.0, 36.0, 80.0, 42.0), 1, 0.9), // in the ignored region
        (BBox::new(40.0, 5.0, 60.0, 25.0), 0, 0.9),  // of a class that is not labelled
    ];
    let judged = plain.judged(0, found);
    assert_eq!((judged.found.len(), judged.truth.len()), (2, 4));
    let report = evaluate(&[judged], 3);
    assert_eq!((report.all.ap, report.classes[0].ap, report.all.boxes), (Some(1.0), None, 1));
    let wrong = plain.judged(0, [(BBox::new(60.0, 5.0, 70.0, 25.0), 2, 0.9)]);
    assert_eq!(evaluate(&[wrong], 3).all.ap, Some(0.0));
}
