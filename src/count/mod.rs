//! From tracks to crossings: lines, hysteresis, one count per physical passage. Not here: detection, storage, threads.
