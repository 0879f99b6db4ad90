//! A disk that is full, as far as a test can have one: the kernel's limit on the size of files, in a process of its own.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{env, fs, process::Command};

use clf_fetch::{
    FetchError, Fetcher, RemoteFile, Settings,
    testing::{Document, Server},
};

const FOLDER: &str = "CLF_TEST_FULL_DISK";

fn bytes() -> Vec<u8> {
    (0..4_000_000_u32).map(|i| (i / 7) as u8).collect()
}

/// Loads 4 MB into the folder that the environment names, where a process of the test asks for it.
fn load(folder: &str) -> Result<(), FetchError> {
    let server = Server::start().unwrap();
    server.publish("/a", Document { bytes: bytes(), etag: Some("\"1\"".to_owned()), ..Document::default() });
    let file = RemoteFile { file: "a.bin".to_owned(), urls: vec![server.url("/a")], ..RemoteFile::default() };
    Fetcher::new(Settings::default()).download(&file, folder.as_ref(), &()).map(|_| ())
}

#[test]
fn child_that_loads() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let error = load(&folder).unwrap_err();
    assert!(matches!(error, FetchError::Write { .. }), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
}

#[test]
fn a_full_disk_is_one_clear_error_and_keeps_what_was_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    // Blocks of 1024 bytes; the signal that comes with the limit is ignored, so that writing fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" --exact child_that_loads";
    let output = Command::new("bash").args(["-c", script]).arg(program).env(FOLDER, folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let kept = fs::metadata(folder.path().join("a.bin.part")).unwrap().len();
    assert!(kept > 500_000, "{kept} bytes");
    assert!(!folder.path().join("a.bin").exists());
}
