//! From detections to tracks: one vehicle, one identity, over time. Not here: lines and counting (count/), threads.
