//! Runs the same work on several threads and waits: for measurements. The pipeline's own threads are in mod.rs.

use std::thread::{Builder, scope};

/// Calls `work` with each item on a thread of its own; results in the order of the items. A panic goes on in the caller.
pub fn parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    scope(|scope| {
        let threads: Vec<_> = items
            .into_iter()
            .enumerate()
            .map(|(i, item)| Builder::new().name(format!("parallel-{i}")).spawn_scoped(scope, move || work(item)))
            .collect();
        let join = |thread: std::io::Result<std::thread::ScopedJoinHandle<'_, R>>| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => panic!("cannot start a thread: {error}"),
        };
        threads.into_iter().map(join).collect()
    })
}
