//! Scenarios: two procedures and the named scenarios, one TOML each.
//!
//! A scenario is TOML text, built in or in a file of the user's; [`ScenarioFile`] turns either
//! into a [`clf_core::Scenario`] with all its data. The keys are those of [`Description`].

mod class_incremental;
mod description;
mod limits;
mod mtil;
mod named;
mod open;
mod reference;

pub use class_incremental::ClassIncremental;
pub use description::{Description, Increments, Procedure, ReferenceDescription, TaskDescription};
pub use limits::{Limits, Shots};
pub use mtil::Mtil;
pub use open::{ScenarioFile, StandIn};
