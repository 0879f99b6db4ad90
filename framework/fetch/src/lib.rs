//! Downloads of published files, and safe unpacking.
//!
//! A [`RemoteFile`] says what a file is called, where it is published and how it is verified. [`download`] brings it into a
//! folder: from the first mirror that has it, going on where an interrupted download stopped, verified before it gets its
//! name. [`unpack`] takes an archive apart without letting it write anywhere else; [`install`] does both steps of a file
//! that says how it is unpacked.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `CLF_MIRROR` | `http://host/base`: every file is looked for at `BASE/<file>` before its own mirrors |
//! | `HF_ENDPOINT` | another host for files of the Hugging Face hub |
//! | `HF_TOKEN` | sent to the hub alone, for files that need permission |
//! | `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | proxies |
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR` | certificates to trust instead of the built-in ones |
//!
//! # The Hugging Face hub
//!
//! A mirror `hf:datasets/OWNER/NAME/path/file` or `hf:OWNER/NAME/file` is a file of the hub, `NAME@REVISION` one of another
//! revision than `main`. It is loaded from the hub's address of the file, like any other. The crate `hf-hub` is not used:
//! its version 1 is async and brings some 200 crates along, and the blocking client of its version 0.5 knows no timeouts and
//! keeps a second copy of every file in a cache of its own.

mod all;
mod checksum;
mod client;
mod download;
mod error;
mod file;
mod install;
mod mirrors;
mod part;
mod progress;
mod space;
#[cfg(feature = "testing")]
pub mod testing;
mod transfer;
mod unpack;

pub use all::download_all;
pub use checksum::{Checksums, sha256_of};
pub use client::{Fetcher, Page, PageError, Settings};
pub use download::{download, verify};
pub use error::{Failure, FetchError};
pub use file::{Inner, RemoteFile, Unpack};
pub use install::install;
pub use progress::{Progress, Stage};
pub use space::{free_space, size};
pub use unpack::{Limits, unpack};
