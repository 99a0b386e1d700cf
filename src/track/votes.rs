//! What a vehicle is: every sighting votes for its class, weighted by its score. A van that is car in one frame and
//! truck in the next is one vehicle of one class. Not here: motion.

use crate::detection::Detection;

/// Classes that one track can hold votes for; a vehicle is seen as two or three at most.
const CLASSES: usize = 6;

#[derive(Debug, Clone, Copy, Default)]
struct Vote {
    class: u16,
    /// Sum and number of scores.
    score: f32,
    sightings: u32,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Votes {
    slots: [Vote; CLASSES],
    sightings: u32,
    evidence: f32,
}

impl Votes {
    pub fn add(&mut self, d: &Detection) {
        self.tally(Vote { class: d.class, score: d.score, sightings: 1 });
    }

    pub fn merge(&mut self, other: &Votes) {
        for vote in other.slots.iter().filter(|v| v.sightings > 0) {
            self.tally(*vote);
        }
    }

    fn tally(&mut self, vote: Vote) {
        self.sightings += vote.sightings;
        self.evidence += vote.score;
        // More classes than slots: the vehicle is hardly known anyway, the first ones stand.
        if let Some(slot) = self.slots.iter_mut().find(|s| s.sightings == 0 || s.class == vote.class) {
            slot.class = vote.class;
            slot.score += vote.score;
            slot.sightings += vote.sightings;
        }
    }

    /// The class with the largest sum of scores (the first seen where two are equal), and their mean.
    pub fn winner(&self) -> (u16, f32) {
        let best = self.slots[1..].iter().fold(&self.slots[0], |best, s| if s.score > best.score { s } else { best });
        (best.class, best.score / best.sightings.max(1) as f32)
    }

    pub fn sightings(&self) -> u32 {
        self.sightings
    }

    /// Sum of all scores: how well the vehicle is known.
    pub fn evidence(&self) -> f32 {
        self.evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;

    #[test]
    fn scores_decide_not_the_number_of_frames() {
        let mut votes = Votes::default();
        for (class, score) in [(7, 0.9), (2, 0.3), (2, 0.35)] {
            votes.add(&Detection { bbox: BBox::default(), class, score });
        }
        assert_eq!(votes.winner(), (7, 0.9));
        assert_eq!(votes.sightings(), 3);
    }

    #[test]
    fn more_classes_than_slots_lose_nothing_that_was_known() {
        let mut votes = Votes::default();
        for class in 0..40 {
            votes.add(&Detection { bbox: BBox::default(), class, score: if class == 3 { 0.8 } else { 0.5 } });
        }
        assert_eq!(votes.winner(), (3, 0.8));
    }
}
