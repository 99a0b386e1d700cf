//! From signals to an orderly end. First SIGINT or SIGTERM: drain, as if every source had ended. Second: stop at once.
//! Third: the process is killed, should even that hang.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Two flags that every long loop looks at. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects the flags to SIGINT and SIGTERM of this process.
    pub fn on_signals(&self) -> io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            // Actions run in the order of registration: each signal moves the state by one step only because the
            // later state is tested first.
            flag::register_conditional_shutdown(signal, 130, self.stop.clone())?;
            let (drain, stop) = (self.drain.clone(), self.stop.clone());
            let step = move || {
                if drain.swap(true, Ordering::SeqCst) {
                    stop.store(true, Ordering::SeqCst);
                }
            };
            // SAFETY: the action only swaps and stores atomics, which is async-signal-safe.
            unsafe { signal_hook::low_level::register(signal, step)? };
        }
        Ok(())
    }

    /// Asks for an orderly end.
    pub fn drain(&self) {
        self.drain.store(true, Ordering::SeqCst);
    }

    /// Asks for an end at once.
    pub fn stop(&self) {
        self.drain();
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Sources take no more frames.
    pub fn draining(&self) -> bool {
        self.drain.load(Ordering::SeqCst)
    }

    /// Nothing more is computed.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
