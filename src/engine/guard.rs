//! Turns a panic inside a foreign library into an error. Not here: hiding panics of our own code, which are bugs.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it becomes `Err` with its message, and prints nothing.
///
/// Why it exists: tract indexes maps and unwraps shapes while it translates a graph, so a well-formed file with an
/// odd graph makes it panic where it should answer with an error. Works only where panics unwind, which is why no
/// profile of this package sets `panic = "abort"`. `work` must leave nothing behind that a half-done run could spoil.
pub(super) fn catching_panics<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    silence_hook_on_request();
    QUIET.set(true);
    // Unwind safe: callers hand over what `work` changes and drop it when it fails.
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("the engine gave up on this graph ({})", message.unwrap_or("no reason given")))
    })
}

/// Puts a hook before the process's own, once, that says nothing about panics of a thread that is inside
/// [`catching_panics`]; all others are reported as before.
fn silence_hook_on_request() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                others(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = catching_panics::<()>(|| panic!("index {} out of bounds", 7)).unwrap_err();
        assert!(error.contains("index 7 out of bounds"), "{error}");
        assert!(!QUIET.get(), "later panics of this thread must be reported");
    }

    #[test]
    fn results_pass_through() {
        assert_eq!(catching_panics(|| Ok(3)), Ok(3));
        assert_eq!(catching_panics::<()>(|| Err("no".into())), Err("no".into()));
    }
}
