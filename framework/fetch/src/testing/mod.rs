//! A server for tests, which can fail in every way that a real one does.

mod answer;
mod server;

pub use answer::{Document, Fault};
pub use server::{Request, Server};
