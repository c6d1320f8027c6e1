//! Panics of tasks: the runtime catches them, and a role that lost a task is quiet about it.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    /// Of the world of this thread.
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Hears from now on what panics in this process.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            HEARD.with_borrow_mut(|heard| heard.push(panic.to_string().replace('\n', " ")));
            before(panic);
        }));
    });
    HEARD.take();
}

/// What has panicked in this thread.
pub(crate) fn heard() -> Vec<String> {
    HEARD.take()
}
