//! Training samples: what is drawn follows from the seed, and boxes lie where the pixels are.

use std::sync::Arc;

use ndarray::ArrayD;
use wayside_train::data::detection::{DetectionSet, Looks, MosaicOptions, Mosaics, Reading, sheet};
use wayside_train::data::read::Skipped;
use wayside_train::data::{Batch, Dataset};

use super::{COLOURS, Folder};

/// Twelve pictures of different shapes with one object each, one of them without.
fn folder() -> Folder {
    let folder = Folder::new();
    for number in 0..12u32 {
        let (width, height) = (90 + 23 * number, 300 - 19 * number);
        let (x, y) = (10 + 13 * number, 8 + 5 * number);
        let object = [x, y, x + 24 + 3 * (number % 4), y + 40 - 4 * (number % 5)];
        let objects = [((number % 3) as usize, object)];
        folder.picture(&format!("p{number:02}"), (width, height), 30, if number == 11 { &[] } else { &objects });
    }
    folder
}

fn mosaics(set: &Arc<DetectionSet>, options: MosaicOptions) -> Mosaics {
    Mosaics::new(set.clone(), options).unwrap()
}

fn still() -> MosaicOptions {
    let looks = Looks { flip: 0.5, ..Looks::none() };
    MosaicOptions {
        sides: vec![(0, 192)],
        sizes: (8.0, 110.0),
        background: 0.0,
        clutter: 0.0,
        looks,
        ..Default::default()
    }
}

fn rows(array: &ArrayD<f32>) -> Vec<Vec<f32>> {
    array.outer_iter().map(|row| row.iter().copied().collect()).collect()
}

/// Where the class's colour is seen inside a rectangle of a sample: the outermost pixels of which it makes more than half.
fn seen(batch: &Batch, sample: usize, class: usize, within: &[f32]) -> Option<[f32; 4]> {
    let mut found: Option<[f32; 4]> = None;
    let [x1, y1, x2, y2] = [within[0], within[1], within[2], within[3]].map(|side| side as usize);
    for (y, x) in (y1..y2).flat_map(|y| (x1..x2).map(move |x| (y, x))) {
        let is = (0..3).all(|channel| (batch.x[0][[sample, y, x, channel]] > 0.56) == (COLOURS[class][channel] > 0));
        if is {
            let (x, y) = (x as f32, y as f32);
            let [a, b, c, d] = found.unwrap_or([x, y, x, y]);
            found = Some([a.min(x), b.min(y), c.max(x + 1.0), d.max(y + 1.0)]);
        }
    }
    found
}

#[test]
fn boxes_lie_where_the_objects_are_seen_whatever_the_tiles() {
    let set = folder().set();
    for (tiles, grids) in [(1, [1.0, 0.0, 0.0]), (4, [0.0, 1.0, 0.0]), (9, [0.0, 0.0, 1.0])] {
        let data = mosaics(&set, MosaicOptions { grids, ..still() });
        let (mut counted, mut cut) = (0, 0);
        for epoch in 0..6 {
            let batch = data.batch(&(0..12).collect::<Vec<_>>(), epoch).unwrap();
            let [boxes, ignored, regions] = [0, 1, 2].map(|array| rows(&batch.y[array]));
            assert_eq!(regions.len(), 12 * tiles);
            let in_region = |region: &[f32], sample: f32, rect: &[f32]| {
                sample == region[0]
                    && (0..2).all(|axis| rect[axis] >= region[1 + axis] && rect[2 + axis] <= region[3 + axis])
            };
            for region in &regions {
                let sample = region[0] as usize;
                let own: Vec<_> = boxes.iter().filter(|one| in_region(region, one[0], &one[2..])).collect();
                for one in &own {
                    let found = seen(&batch, sample, one[1] as usize, &region[1..5]);
                    let found = found.unwrap_or_else(|| panic!("nothing seen of {one:?}"));
                    let far = found.iter().zip(&one[2..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(far <= 1.0, "{tiles} tiles, epoch {epoch}: seen at {found:?}, told {one:?}");
                    counted += 1;
                }
                if own.is_empty() {
                    // Whatever is seen all the same lies in what is ignored.
                    for class in 0..3 {
                        let Some(found) = seen(&batch, sample, class, &region[1..5]) else { continue };
                        let hidden = ignored.iter().any(|one| {
                            in_region(region, one[0], &one[1..])
                                && (0..2).all(|axis| {
                                    found[axis] >= one[1 + axis] - 1.0 && found[2 + axis] <= one[3 + axis] + 1.0
                                })
                        });
                        assert!(hidden, "{tiles} tiles, epoch {epoch}: {found:?} is seen and neither told nor ignored");
                        cut += 1;
                    }
                }
            }
        }
        assert!(counted > 40 * tiles, "{tiles} tiles: {counted} boxes, {cut} cut");
    }
}

#[test]
fn sizes_reach_from_the_smallest_to_the_largest() {
    let set = folder().set();
    let data = mosaics(&set, MosaicOptions { sides: vec![(0, 320)], ..still() });
    let mut sizes: Vec<f32> = Vec::new();
    for epoch in 0..8 {
        let batch = data.batch(&(0..11).collect::<Vec<_>>(), epoch).unwrap();
        sizes.extend(rows(&batch.y[0]).iter().map(|one| ((one[4] - one[2]) * (one[5] - one[3])).sqrt()));
    }
    let part = |low: f32, high: f32| {
        sizes.iter().filter(|size| (low..high).contains(*size)).count() as f32 / sizes.len() as f32
    };
    // Three octaves and three quarters, each as often; the largest magnification keeps objects below 100.
    for (low, high) in [(8.0, 16.0), (16.0, 32.0), (32.0, 64.0)] {
        assert!((0.2..0.4).contains(&part(low, high)), "{low} to {high}: {}", part(low, high));
    }
    assert!(part(64.0, 120.0) > 0.05 && part(0.0, 7.5) == 0.0, "{sizes:?}");
}

#[test]
fn background_is_seen_at_all_scales() {
    let set = folder().set();
    let boxes = |background: f32| {
        let data = mosaics(&set, MosaicOptions { grids: [0.0, 1.0, 0.0], background, ..still() });
        (0..8).map(|epoch| data.batch(&(0..11).collect::<Vec<_>>(), epoch).unwrap().y[0].shape()[0]).sum::<usize>()
    };
    let (all, some, none) = (boxes(0.0), boxes(0.5), boxes(1.0));
    assert!(all > some && some > none && none > 0, "{all} {some} {none}");
}

#[test]
fn clutter_shows_no_objects() {
    let data = mosaics(&folder().set(), MosaicOptions { clutter: 1.0, ..still() });
    let batch = data.batch(&(0..11).collect::<Vec<_>>(), 0).unwrap();
    assert_eq!([0, 1].map(|array| batch.y[array].shape()[0]), [0, 0]);
    assert!(rows(&batch.y[2]).iter().all(|region| region[5..].iter().all(|&known| known == 1.0)));
}

#[test]
fn unlabelled_pictures_take_their_part_of_the_tiles() {
    let (set, other) = (folder().set(), Folder::new());
    // As bright as nothing else is.
    other.picture("n", (300, 300), 240, &[]);
    let read = |classes: &[&str]| {
        let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
        let (reading, images) = (Reading::default(), other.path().join("images"));
        DetectionSet::unlabelled(&[images], &classes, &reading, &mut Skipped::default(), |_| ()).unwrap()
    };
    let batch = |unlabelled: f32| {
        let data = mosaics(&set, MosaicOptions { grids: [1.0, 0.0, 0.0], unlabelled, ..still() });
        let data = data.with_unlabelled(read(&super::CLASSES).into()).unwrap();
        data.batch(&(0..11).collect::<Vec<_>>(), 0).unwrap()
    };
    // An object's edge is as bright here and there, but not in half of the sample.
    let bright = |batch: &Batch| {
        let near = |sample: &ArrayD<f32>| sample.iter().filter(|value| (*value - 240.0 / 255.0).abs() < 0.01).count();
        batch.x[0].outer_iter().filter(|sample| near(&sample.to_owned()) > sample.len() / 2).count()
    };
    let (none, some, all) = (batch(0.0), batch(0.5), batch(1.0));
    assert_eq!((bright(&none), none.y[0].shape()[0]), (0, 11));
    assert!((2..=9).contains(&bright(&some)) && some.y[0].shape()[0] == 11 - bright(&some));
    assert_eq!((bright(&all), all.y[0].shape()[0], all.y[1].shape()[0]), (11, 0, 0));
    assert!(rows(&all.y[2]).iter().all(|region| region[5..].iter().all(|&known| known == 1.0)), "nothing is there");
    let error = mosaics(&set, still()).with_unlabelled(read(&["car"]).into()).err().unwrap().to_string();
    assert!(error.contains("classes"), "{error}");
}

#[test]
fn the_same_seed_epoch_and_sample_give_the_same_whatever_the_threads_and_company() {
    let set = folder().set();
    let looks = Looks { blur: 0.5, noise: 0.5, night: 0.5, rain: 0.5, jpeg: 0.5, ..Looks::default() };
    let options = |seed, threads| MosaicOptions { seed, threads, mixup: 0.3, scenes: 0.2, looks, ..still() };
    let one = mosaics(&set, options(1, 1));
    let batch = one.batch(&[3, 4, 5, 6], 2).unwrap();
    let same = |other: &Batch| batch.x == other.x && batch.y == other.y;
    assert!(same(&one.batch(&[3, 4, 5, 6], 2).unwrap()));
    assert!(same(&mosaics(&set, options(1, 3)).batch(&[3, 4, 5, 6], 2).unwrap()));
    assert!(
        !same(&one.batch(&[3, 4, 5, 6], 3).unwrap())
            && !same(&mosaics(&set, options(2, 1)).batch(&[3, 4, 5, 6], 2).unwrap())
    );
    let alone = one.batch(&[5], 2).unwrap();
    assert_eq!(
        alone.x[0].iter().collect::<Vec<_>>(),
        batch.x[0].outer_iter().nth(2).unwrap().iter().collect::<Vec<_>>()
    );
}

#[test]
fn what_a_picture_s_source_labels_is_told_of_its_tile() {
    let folder = Folder::new();
    folder.picture("dark", (150, 150), 20, &[(0, [60, 60, 90, 90])]);
    folder.picture("light", (150, 150), 230, &[(1, [60, 60, 90, 90])]);
    folder.write(
        "sources.csv",
        "file,labels_bus,labels_truck,background_exhaustive\nimages/dark.png,n,y,n\nimages/light.png,y,n,y\n",
    );
    let set = folder.set();
    // Nine tiles would be smaller than the largest object, and show nothing of the picture around it.
    let data = mosaics(&set, MosaicOptions { grids: [0.5, 0.5, 0.0], ..still() });
    let (mut dark, mut light) = (0, 0);
    for epoch in 0..10 {
        let batch = data.batch(&[0, 1], epoch).unwrap();
        for region in rows(&batch.y[2]) {
            let [x1, y1, x2, y2] = [1, 2, 3, 4].map(|at| region[at] as usize);
            let has = |grey: u8| {
                (y1..y2).any(|y| {
                    (x1..x2).any(|x| {
                        (0..3).all(|channel| {
                            (batch.x[0][[region[0] as usize, y, x, channel]] - f32::from(grey) / 255.0).abs() < 0.001
                        })
                    })
                })
            };
            let (told, count) =
                if has(20) { ([0.0, 1.0, 0.0, 1.0], &mut dark) } else { ([1.0, 1.0, 1.0, 0.0], &mut light) };
            assert!(has(20) != has(230));
            assert_eq!(region[5..], told);
            *count += 1;
        }
    }
    assert!(dark > 10 && light > 10);
    // Two mosaics over each other are labelled only where both are.
    let data = mosaics(&set, MosaicOptions { mixup: 1.0, grids: [1.0, 0.0, 0.0], ..still() });
    let regions: Vec<_> = (0..10).flat_map(|epoch| rows(&data.batch(&[0], epoch).unwrap().y[2])).collect();
    assert!(regions.iter().any(|region| region[5..] == [0.0, 1.0, 0.0, 0.0]), "{regions:?}");
}

#[test]
fn samples_without_boxes_and_other_sides_are_batches_too() {
    let set = folder().set();
    let data = mosaics(&set, MosaicOptions { sides: vec![(0, 64), (3, 97)], grids: [1.0, 0.0, 0.0], ..still() });
    let batch = data.batch(&[11], 2).unwrap();
    assert_eq!(
        (batch.x[0].shape(), batch.y[0].shape(), batch.y[1].shape()),
        (&[1, 64, 64, 3][..], &[0, 6][..], &[0, 5][..])
    );
    assert_eq!((data.side_of(0), data.side_of(3), data.side_of(100)), (64, 97, 97));
    let batch = data.batch(&[0, 11], 3).unwrap();
    assert_eq!((batch.x[0].shape(), batch.y[2].shape()), (&[2, 97, 97, 3][..], &[2, 9][..]));
    let refused = |options| Mosaics::new(set.clone(), options).err().unwrap().to_string();
    assert!(refused(MosaicOptions { sides: vec![], ..still() }).contains("side"));
    assert!(refused(MosaicOptions { grids: [0.0; 3], ..still() }).contains("tiles"));
}

#[test]
fn frames_of_the_synthetic_road_have_their_vehicles_boxes() {
    let set = folder().set();
    let data = mosaics(&set, MosaicOptions { scenes: 1.0, ..still() });
    let batch = data.batch(&(0..12).collect::<Vec<_>>(), 0).unwrap();
    let boxes = rows(&batch.y[0]);
    assert!(boxes.len() > 20, "{}", boxes.len());
    assert!(rows(&batch.y[2]).iter().all(|region| region[5..] == [1.0; 4]));
    assert!(batch.y[1].shape()[0] > 0, "motorcycles are none of the classes");
    // Cars are red, buses yellow, trucks blue: the middle of a body has its colour in most boxes.
    let mut right = 0;
    for one in &boxes {
        let (x, y) = (((one[2] + one[4]) / 2.0) as usize, (one[3] * 0.4 + one[5] * 0.6) as usize);
        let [red, green, blue] =
            [0, 1, 2].map(|channel| batch.x[0][[one[0] as usize, y.min(191), x.min(191), channel]]);
        right += usize::from(match one[1] as usize {
            0 => red > 2.0 * green && red > 2.0 * blue,
            1 => red > 2.0 * blue && green > 2.0 * blue,
            _ => blue > 1.3 * red,
        });
    }
    assert!(right * 10 >= boxes.len() * 7, "{right} of {}", boxes.len());
}

#[test]
fn a_sheet_shows_boxes_in_their_class_s_colour() {
    let set = folder().set();
    let data = mosaics(&set, MosaicOptions { sides: vec![(0, 96)], ..still() });
    let picture = sheet(&data, &[0, 1, 2, 3, 4], 0, 3).unwrap();
    assert_eq!(picture.dimensions(), (3 * (192 + 6) + 6, 2 * (192 + 6) + 6));
    assert!(picture.pixels().filter(|pixel| pixel.0 == [255; 3]).count() > 5 * 2 * 190, "edges of the regions");
    let boxes = rows(&data.batch(&[0, 1, 2, 3, 4], 0).unwrap().y[0]);
    let one = &boxes[0];
    let corner = |at: f32| (at * 2.0).round() as u32 + 6;
    let sample = one[0] as u32;
    let pixel = picture.get_pixel(corner(one[2]) + sample % 3 * 198 + 1, corner(one[3]) + sample / 3 * 198);
    assert_eq!(pixel.0, [[255, 50, 50], [60, 230, 60], [70, 110, 255]][one[1] as usize]);
    assert!(
        sheet(
            &wayside_train::data::Arrays::new(ArrayD::zeros(vec![1, 2]), ArrayD::zeros(vec![1, 2])).unwrap(),
            &[0],
            0,
            1
        )
        .is_err()
    );
}
