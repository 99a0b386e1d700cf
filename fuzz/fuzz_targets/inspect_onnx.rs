//! Mutated ONNX files on their way through `wayside model show` and `import`: what tract makes of the graph.

#![no_main]

#[path = "../mutate.rs"]
mod mutate;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    // tract's panics are caught inside, as documented; what must not be are aborts, hours and gigabytes.
    if let Err(reason) = wayside::engine::inspect(bytes, Some((8, 8))) {
        assert!(!reason.contains('\n'), "{reason}");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| mutate::onnx(data, size, max_size, seed));
