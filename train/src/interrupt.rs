//! Ctrl-C while a training runs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// A flag for [`crate::model::Fit::stop`] that becomes true at the first Ctrl-C or SIGTERM; a second one ends the process at
/// once, as it would have without this.
pub fn on_ctrl_c() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Asked before the flag is raised: so only the second signal finds it raised.
        flag::register_conditional_default(signal, stop.clone())?;
        flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}
