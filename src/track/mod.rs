//! From detections to tracks: one vehicle, one identity, over time. Not here: lines and counting (count/), threads.

mod assign;
mod flow;
mod kalman;
mod target;
mod tracker;

pub use assign::Assigner;
pub use kalman::Axis;
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
    /// A track begins at this score.
    pub birth_score: f32,
    /// Standard deviation of a box centre, relative to the box.
    pub position_noise: f32,
    /// Standard deviation of ln(width) and ln(height).
    pub size_noise: f32,
    /// Acceleration of vehicles: sizes per s^1.5 (square root of the white noise's density).
    pub acceleration: f32,
    /// Drift of the growth of a box, per s^1.5.
    pub size_drift: f32,
    /// Growth of a box that was seen once, standard deviation, per second.
    pub growth: f32,
    /// Speed of a vehicle that was seen once where nothing is known: standard deviation per axis, sizes per second.
    pub free_speed: f32,
    /// Speed that no vehicle has, sizes per second.
    pub max_speed: f32,
    /// A pair further apart than this, in standard deviations per axis, is never made.
    pub gate: f32,
    /// −ln of the least likely pair that is made (density per size²).
    pub max_cost: f32,
    /// Sightings that confirm a track.
    pub confirm_hits: u32,
    /// How long after its last sighting a track may go on with a detection just because it is where the track should
    /// be, seconds. Afterwards only a new track that moves alike can be the same vehicle.
    pub coast_s: f32,
    /// … but no longer than it has been known, and this much at least: what was seen twice within 0.1 s says nothing of
    /// where it is half a second later.
    pub young_s: f32,
    pub trust: f32,
    /// How long a confirmed and an unconfirmed track live unseen, seconds.
    pub memory_s: f32,
    pub tentative_s: f32,
    /// How long after its last sighting a track may go on with a low-score detection, seconds.
    pub low_memory_s: f32,
    /// A detection that overlaps a matched track by more than this (IoU) begins no track of its own.
    pub duplicate_iou: f32,
    /// A track whose box shares more than this of the smaller box with a better known one is its shadow (a part of
    /// the vehicle, a second class for it), and is not believed until it was seen apart from it.
    pub shadow_overlap: f32,
    /// … unless it is smaller than this part of the other's area: a motorcycle before a lorry.
    pub shadow_part: f32,
    /// A new track this close (sizes) to where a lost one should be is the same vehicle.
    pub stitch_distance: f32,
    /// … if their velocities differ by no more than this, sizes per second.
    pub stitch_speed: f32,
    pub flow_reach: f32,
    pub flow_spread: f32,
}

impl Default for TrackParams {
    fn default() -> Self {
        Self {
            high_score: 0.3,
            low_score: 0.1,
            birth_score: 0.3,
            position_noise: 0.1,
            size_noise: 0.2,
            acceleration: 1.5,
            size_drift: 0.6,
            growth: 0.5,
            free_speed: 5.0,
            max_speed: 25.0,
            gate: 4.0,
            max_cost: 6.0,
            confirm_hits: 2,
            coast_s: 0.7,
            young_s: 0.1,
            trust: 3.0,
            memory_s: 3.0,
            tentative_s: 0.5,
            low_memory_s: 0.7,
            duplicate_iou: 0.6,
            shadow_overlap: 0.7,
            shadow_part: 0.1,
            stitch_distance: 1.5,
            stitch_speed: 2.0,
            flow_reach: 2.0,
            flow_spread: 1.0,
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
    /// Seen often enough to be believed. Others may be noise: they are shown so that a counter knows their past.
    pub confirmed: bool,
}
