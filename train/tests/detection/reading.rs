//! Folders as YOLO's tools use them, with what their sources leave out.

use std::fs;

use wayside_train::data::detection::{DetectionSet, LabelledBox, MosaicOptions, Mosaics, Reading};
use wayside_train::data::read::Skipped;

use super::{Folder, assets};

fn near(a: [f32; 4], b: [f32; 4]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.01)
}

#[test]
fn boxes_become_pixels_inside_the_picture_and_ignored_regions_go_along() {
    let folder = Folder::new();
    folder.picture("a", (200, 100), 60, &[(2, [20, 10, 60, 50])]);
    // One that sticks out by the rounding of its label.
    folder.write("labels/a.txt", "2 0.2 0.3 0.2 0.4\n0 0.995 0.5 0.02 0.2\n");
    folder.write("ignore/a.txt", "0.5 0.5 0.1 0.2\n");
    let set = folder.set();
    let [a] = &set.pictures[..] else { panic!() };
    assert_eq!((a.size, &a.known[..], a.exhaustive), ((200, 100), &[true; 3][..], true));
    assert!(a.boxes[0].class == 2 && near(a.boxes[0].rect, [20.0, 10.0, 60.0, 50.0]), "{a:?}");
    assert!(a.boxes[1].class == 0 && near(a.boxes[1].rect, [197.0, 40.0, 200.0, 60.0]), "{a:?}");
    assert!(near(a.ignored[0], [90.0, 40.0, 110.0, 60.0]), "{a:?}");
    assert_eq!((set.counts(), set.box_sizes().len()), (vec![1, 0, 1], 2));
}

#[test]
fn a_source_says_what_it_labels() {
    let folder = Folder::new();
    folder.picture("a", (50, 50), 60, &[(0, [10, 10, 30, 30])]);
    folder.picture("b", (50, 50), 60, &[(0, [10, 10, 30, 30])]);
    let header = "file,source,labels_car,labels_bus,background_exhaustive";
    folder.write("sources.csv", &format!("{header}\nimages/b.png,\"x, y\",y,n,n\n"));
    let set = folder.set();
    assert_eq!((&set.pictures[0].known[..], set.pictures[0].exhaustive), (&[true; 3][..], true), "not named there");
    assert_eq!((&set.pictures[1].known[..], set.pictures[1].exhaustive), (&[true, false, true][..], false));
    assert_eq!((set.pictures[0].source, set.pictures[1].source), (0, 1));
    folder.write("sources.csv", &format!("{header}\nimages/b.png,x,y,maybe,n\n"));
    let error = folder.read(&Reading::default()).unwrap_err();
    assert!(error.contains("sources.csv: line 2: `maybe`"), "{error}");
}

#[test]
fn pseudo_labels_fill_in_what_a_source_leaves_out() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        folder.picture(name, (100, 100), 60, &[(0, [10, 10, 30, 30])]);
    }
    let header = "file,labels_car,labels_bus,labels_truck,background_exhaustive";
    folder.write("sources.csv", &format!("{header}\nimages/a.png,y,n,n,n\nimages/b.png,y,n,n,y\n"));
    folder.write("ignore/a.txt", "0.9 0.9 0.2 0.2\n");
    let found = [
        "0 0.2 0.2 0.2 0.2 0.9",   // the labelled car
        "1 0.21 0.2 0.2 0.2 0.9",  // the same, taken for a bus
        "0 0.6 0.6 0.2 0.2 0.8",   // a car without a label
        "1 0.5 0.2 0.1 0.1 0.7",   // a bus
        "0 0.65 0.6 0.1 0.2 0.6",  // a half of the unlabelled car
        "1 0.2 0.5 0.1 0.1 0.3",   // perhaps a bus
        "1 0.2 0.8 0.1 0.1 0.05",  // hardly a bus
        "0 0.92 0.92 0.1 0.1 0.9", // where the source says not to look
    ];
    for name in ["a", "b"] {
        folder.write(&format!("pseudo/{name}.txt"), &found.join("\n"));
    }
    folder.picture("c", (100, 100), 60, &[(0, [10, 10, 30, 30])]);
    folder
        .write("sources.csv", &format!("{header}\nimages/a.png,y,n,n,n\nimages/b.png,y,n,n,y\nimages/c.png,y,n,n,y\n"));
    let reading = Reading { pseudo: Some(folder.path().join("pseudo")), ..Default::default() };
    let set = folder.read(&reading).unwrap().0;
    let classes = |number: usize| set.pictures[number].boxes.iter().map(|one| one.class).collect::<Vec<_>>();
    assert_eq!(classes(0), [0, 0, 1]);
    assert!(near(set.pictures[0].boxes[1].rect, [50.0, 50.0, 70.0, 70.0]));
    assert_eq!(set.pictures[0].ignored.len(), 3);
    // Where all cars are labelled, no car is added; what lies in no ignored region of this picture neither.
    assert_eq!((classes(1), set.pictures[1].ignored.len()), (vec![0, 1], 1));
    assert_eq!(set.pictures[0].known, [true, true, false], "trucks were not looked for");
    assert!(set.pictures[0].exhaustive, "what nobody finds is not there");
    assert_eq!(set.pictures[2].known, [true, false, false], "not looked at");
    folder.write("pseudo/a.txt", "\n1 0.5 0.5 0.1 0.1\n");
    let error = folder.read(&reading).unwrap_err();
    assert!(error.contains("a.txt: line 2"), "{error}");
}

#[test]
fn in_unlabelled_pictures_only_what_a_network_is_sure_of_is_an_object() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        folder.picture(name, (100, 50), 60, &[]);
    }
    folder.write("pseudo/b.txt", "0 0.5 0.5 0.2 0.2 0.9\n0 0.8 0.8 0.2 0.2 0.3\n1 0.2 0.2 0.1 0.1 0.1\n");
    let classes = super::CLASSES.map(String::from);
    let read = |reading: &Reading, inside: &str| {
        let folders = [folder.path().join(inside)];
        DetectionSet::unlabelled(&folders, &classes, reading, &mut Skipped::default(), |_| ())
            .map_err(|e| e.to_string())
    };
    let chosen = Reading { classes: vec!["truck".into(), "car".into()], ..Default::default() };
    let reading = Reading { pseudo: Some(folder.path().join("pseudo")), ..chosen.clone() };
    let set = read(&reading, "images").unwrap();
    assert_eq!((set.classes.join(" "), set.counts(), set.pictures.len()), ("truck car".into(), vec![0, 1], 2));
    assert!(set.pictures.iter().all(|picture| picture.known == [true, true] && picture.exhaustive));
    assert_eq!(set.pictures[0].ignored.len(), 0);
    assert!(matches!(&set.pictures[1].boxes[..], [one] if near(one.rect, [40.0, 20.0, 60.0, 30.0])));
    assert!(matches!(&set.pictures[1].ignored[..], [one] if near(*one, [70.0, 35.0, 90.0, 45.0])));
    assert_eq!(read(&chosen, "images").unwrap().counts(), [0, 0], "no other network was asked");
    assert!(read(&reading, "labels").unwrap_err().contains("no picture can be used"));
    assert!(read(&reading, "nowhere").unwrap_err().contains("nowhere"));
}

#[test]
fn classes_are_chosen_by_name() {
    let folder = Folder::new();
    folder.picture("a", (100, 100), 60, &[(0, [10, 10, 30, 30]), (2, [50, 50, 90, 90])]);
    folder.write("sources.csv", "file,labels_bus\nimages/a.png,n\n");
    let chosen = |names: &[&str]| {
        folder.read(&Reading { classes: names.iter().map(ToString::to_string).collect(), ..Default::default() })
    };
    let set = chosen(&["truck", "bus"]).unwrap().0;
    assert_eq!((set.classes.join(" "), set.counts()), ("truck bus".into(), vec![1, 0]));
    assert_eq!(set.pictures[0].known, [true, false]);
    assert!(chosen(&["truck", "tram"]).unwrap_err().contains("no class tram; it has car, bus, truck"));
    assert!(chosen(&["bus"]).unwrap_err().contains("no box of bus"));
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = Folder::new();
    assert!(folder.read(&Reading::default()).unwrap_err().contains("names no pictures"));
    folder.picture("a", (50, 50), 60, &[(0, [10, 10, 30, 30])]);
    folder.picture("b", (50, 50), 60, &[(0, [10, 10, 30, 30])]);
    fs::write(folder.path().join("images/b.png"), b"no picture").unwrap();
    let (set, skipped) = folder.read(&Reading::default()).unwrap();
    assert_eq!((set.pictures.len(), skipped.0.len()), (1, 1));
    assert!(skipped.lines()[0].contains("b.png"), "{:?}", skipped.lines());
    folder.write("ignore/a.txt", "0.5 0.5 0.1 0.1\n0.5 0.5 wide 0.1\n");
    let error = folder.read(&Reading::default()).unwrap_err();
    assert!(error.contains("ignore") && error.contains("a.txt: line 2"), "{error}");
    folder.write("ignore/a.txt", "");
    folder.write("labels/a.txt", "0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n");
    let error = folder.read(&Reading::default()).unwrap_err();
    assert!(error.contains("a.txt") && error.contains("line 2"), "{error}");
    fs::write(folder.path().join("images/a.png"), b"no picture either").unwrap();
    folder.write("labels/a.txt", "");
    assert!(folder.read(&Reading::default()).unwrap_err().contains("no picture can be used"));
}

#[test]
fn what_memory_does_not_hold_is_decoded_again_to_the_same_pixels() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        folder.picture(name, (120, 60), 60, &[(0, [10, 20, 40, 50])]);
    }
    let kept = folder.read(&Reading { longest: Some(60), ..Default::default() }).unwrap().0;
    let none = folder.read(&Reading { longest: Some(60), memory: 0, ..Default::default() }).unwrap().0;
    assert_eq!((kept.pictures[1].size, &kept.pictures), ((60, 30), &none.pictures));
    let half = LabelledBox { class: 0, rect: kept.pictures[0].boxes[0].rect };
    assert!(near(half.rect, [5.0, 10.0, 20.0, 25.0]), "{half:?}");
    assert_eq!(*kept.pixels(1).unwrap(), *none.pixels(1).unwrap());
    fs::remove_file(folder.path().join("images/b.png")).unwrap();
    assert!(none.pixels(1).unwrap_err().to_string().contains("b.png"));
}

#[test]
fn the_shared_training_set_is_read_as_its_description_says() {
    let Some(assets) = assets() else { return };
    let mut skipped = Skipped::default();
    let set = DetectionSet::yolo(&assets.join("detect-train"), "val.txt", &Reading::default(), &mut skipped, |_| ());
    let set = set.unwrap();
    assert_eq!((set.pictures.len(), skipped.0.len()), (533, 0));
    assert_eq!(set.classes.join(" "), "person bicycle car motorcycle bus truck");
    assert_eq!(set.counts()[1], 0, "no source labels bicycles");
    for picture in &set.pictures {
        let name = picture.file.file_name().unwrap().to_str().unwrap();
        assert_eq!(picture.known[0], name.starts_with("highway40"), "{name}");
        assert_eq!(picture.exhaustive, name.starts_with("highway40") || name.starts_with("atl2"), "{name}");
    }
    let mosaics = Mosaics::new(set.into(), MosaicOptions { sides: vec![(0, 128)], ..Default::default() }).unwrap();
    let batch = wayside_train::data::Dataset::batch(&mosaics, &[0, 200, 400, 532], 1).unwrap();
    assert!(batch.y[0].shape()[0] > 0 && batch.x[0].iter().all(|value| (0.0..=1.0).contains(value)));
}
