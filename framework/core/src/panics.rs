//! Work of other crates that panics where it should return an error.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    /// Whether a panic of this thread is about to be an error.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns, or the words of its panic, of which nothing reaches stderr.
///
/// Panics on threads that `work` starts are not caught.
///
/// # Errors
///
/// The words of a panic; empty where it had none.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install();
    let before = IS_CAUGHT.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(before);
    done.map_err(|panic| words(&*panic))
}

/// Adds silence about panics that are caught to whatever the program does about others.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_CAUGHT.get() {
                usual(info);
            }
        }));
    });
}

/// What a panic says.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_panic_become_an_error_also_within_another() {
        assert_eq!(caught(|| 3), Ok(3));
        let failed = caught(|| {
            let inner = caught(|| -> i32 { panic!("row {}", 7) });
            assert!(IS_CAUGHT.get(), "the outer one still catches");
            let failed: i32 = inner.unwrap_or_else(|words| panic!("{words}, twice"));
            failed
        });
        assert_eq!(failed, Err("row 7, twice".to_owned()));
        assert!(!IS_CAUGHT.get());
    }
}
