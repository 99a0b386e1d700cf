//! From detections to tracks: one vehicle, one identity, over time. Not here: lines and counting (count/), threads.

mod assign;
mod flow;
mod identity;
mod kalman;
mod measure;
mod target;
mod tracker;
mod votes;

pub use tracker::Tracker;

use crate::geometry::{BBox, Point};

/// How the tracker behaves. Lengths are in object sizes (√(width · height) of the box), times in seconds, so that one
/// setting serves near and far vehicles, small and large pictures, 3 and 60 frames/s.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackParams {
    /// Detections from this score on are matched first and may begin a track (ByteTrack's high threshold).
    pub high_score: f32,
    /// Detections from this score on may continue a track.
    pub low_score: f32,
    /// A track begins at this score; `high_score` where that is higher.
    pub birth_score: f32,
    /// Standard deviation of a box centre, relative to the box's sides.
    pub position_noise: f32,
    /// Standard deviation of ln(width) and ln(height).
    pub size_noise: f32,
    /// Acceleration of vehicles: square root of the white noise's density, sizes per s^1.5.
    pub acceleration: f32,
    /// Growth of a box that was seen once, standard deviation, 1/s.
    pub growth: f32,
    /// How fast growth changes: square root of the white noise's density, 1 per s^1.5.
    pub growth_drift: f32,
    /// Speed of a vehicle that was seen once where nothing is known, standard deviation per axis, sizes/s.
    pub free_speed: f32,
    /// How far around a place its usual motion is learned, sizes.
    pub flow_reach: f32,
    /// How much vehicles of one place differ in velocity, sizes/s.
    pub flow_spread: f32,
    /// A pair further apart than this, in standard deviations of any coordinate, is never made.
    pub gate: f32,
    /// −ln of the least likely pair that is made (density per size²): how rare other things are where a vehicle should be.
    pub max_surprise: f32,
    /// Sightings, apart from better known vehicles, that confirm a track.
    pub confirm_hits: u32,
    /// How long after its last sighting a track may go on with a detection just because it is where the track should
    /// be, seconds. Afterwards only a new track that moves alike can be the same vehicle.
    pub coast_s: f32,
    /// … but no longer than this many times the time it has been known: what was seen twice within 0.05 s says
    /// nothing of where it is half a second later …
    pub trust: f32,
    /// … and this at least, seconds.
    pub young_s: f32,
    /// How long a confirmed track is remembered unseen, seconds.
    pub memory_s: f32,
    /// A track that shares more than this of the smaller box with a better known one is its shadow (a part of the
    /// vehicle, a second box for it): it is not believed as long as it is.
    pub shadow_overlap: f32,
    /// … unless it is smaller than this part of the other's area: a motorcycle before a lorry.
    pub shadow_part: f32,
    /// A new track this close to where a lost one should be is the same vehicle, sizes …
    pub stitch_distance: f32,
    /// … if their velocities differ by no more than this, sizes/s.
    pub stitch_speed: f32,
}

impl Default for TrackParams {
    /// The middle of the range in which accuracy does not change, for every parameter (docs/results.md).
    fn default() -> Self {
        Self {
            high_score: 0.3,
            low_score: 0.1,
            birth_score: 0.3,
            position_noise: 0.1,
            size_noise: 0.2,
            acceleration: 1.5,
            growth: 0.5,
            growth_drift: 0.5,
            free_speed: 8.0,
            flow_reach: 2.0,
            flow_spread: 1.0,
            gate: 4.0,
            max_surprise: 6.0,
            confirm_hits: 3,
            coast_s: 0.8,
            trust: 3.0,
            young_s: 0.1,
            memory_s: 3.0,
            shadow_overlap: 0.7,
            shadow_part: 0.1,
            stitch_distance: 1.5,
            stitch_speed: 4.0,
        }
    }
}

/// What is known of one vehicle after a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackView {
    /// Unique within the tracker's life, from 1. Views come in ascending order of it.
    pub id: u64,
    /// The filtered box where `seen`, else where the vehicle should be. Pixels.
    pub bbox: BBox,
    /// Pixels per second.
    pub velocity: Point,
    /// The class voted over the track's life: the largest sum of scores.
    pub class: u16,
    /// Mean score of the detections of that class.
    pub score: f32,
    /// Detected in this frame.
    pub seen: bool,
    /// Seen often enough to be believed, and now no shadow of another. Others may be noise or a part of a vehicle: they
    /// are shown so that a counter knows their past.
    pub confirmed: bool,
    /// A track of later birth that turned out, in this frame, to be this vehicle; it is gone from now on.
    pub merged: Option<u64>,
}
