//! The conformance suite: what the engine, and everyone who compares methods, relies on.
//!
//! A plugin's test is one line:
//!
//! ```ignore
//! #[test]
//! fn conforms() {
//!     clf_core::testing::check_method("my-method").unwrap();
//! }
//! ```
//!
//! The suite runs a registered method on a tiny CLIP and a tiny world of three tasks, in both procedures, and checks that
//!
//! - **settings**: its defaults build it, and it gives them back unchanged;
//! - **learning**: every loss is finite, and in the first task the loss falls;
//! - **scope**: only what it says it trains gets gradients; all other weights stay as they are to the last bit, and so does
//!   the untouched model, which serves as teacher;
//! - **state**: stopped in the middle of every task and between tasks, and gone on with from the checkpoint, it ends as if
//!   nothing had happened, to the last bit;
//! - **scores**: predictions depend neither on the batch size nor on the order of the test images;
//! - **access**: no image of a later task and no test image is read while a task is learned, and a later task that is
//!   another one changes nothing.

mod conformance;
mod world;

use std::fmt;

pub use conformance::Conformance;

/// A check that a method does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The check, as in the list of this module.
    pub check: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

impl std::error::Error for Violation {}

/// Runs the suite on the registered method `name` with its default settings.
///
/// # Errors
///
/// The first check that the method does not pass.
pub fn check_method(name: &str) -> Result<(), Violation> {
    Conformance::of(name).check()
}
