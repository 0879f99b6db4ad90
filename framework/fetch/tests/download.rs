//! Downloads from a server on this machine that fails in every way that a real one does.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::{
    fs,
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use clf_fetch::{
    FetchError, Fetcher, Progress, RemoteFile, Settings, Stage,
    testing::{Document, Fault, Server},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A server, a folder, and a client without patience.
struct Bench {
    server: Server,
    folder: TempDir,
    fetcher: Fetcher,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
        let (pause, stall) = (Duration::from_millis(5), Duration::from_millis(300));
        let fetcher = Fetcher::new(Settings { pause, stall, retries: 3, ..settings });
        Self { server, folder, fetcher }
    }

    fn publish(&self, path: &str, bytes: &[u8], etag: &str) {
        let etag = Some(format!("\"{etag}\""));
        self.server.publish(path, Document { bytes: bytes.to_vec(), etag, ..Document::default() });
    }

    /// The file at these paths, whose content is `bytes`.
    fn file(&self, bytes: &[u8], paths: &[&str]) -> RemoteFile {
        RemoteFile {
            file: "a.bin".to_owned(),
            urls: paths.iter().map(|path| self.server.url(path)).collect(),
            bytes: Some(bytes.len() as u64),
            sha256: Some(hex::encode(Sha256::digest(bytes))),
            ..RemoteFile::default()
        }
    }

    fn load(&self, file: &RemoteFile) -> Result<PathBuf, FetchError> {
        self.fetcher.download(file, self.folder.path(), &())
    }

    #[track_caller]
    fn loads(&self, file: &RemoteFile, bytes: &[u8]) {
        assert_eq!(fs::read(self.load(file).unwrap()).unwrap(), bytes);
        assert_eq!(self.names(), ["a.bin"], "nothing else is left");
    }

    /// The message of a download that must fail.
    #[track_caller]
    fn fails(&self, file: &RemoteFile) -> String {
        self.load(file).unwrap_err().to_string()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// First byte of every request.
    fn ranges(&self) -> Vec<Option<usize>> {
        self.server.requests().iter().map(|request| request.range).collect()
    }
}

/// Bytes that differ everywhere.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 253) as u8).collect()
}

#[test]
fn a_file_is_loaded_once_and_verified_afterwards() {
    let (bench, bytes) = (Bench::new(), content(300_000));
    bench.publish("/a", &bytes, "1");
    let file = bench.file(&bytes, &["/a"]);
    bench.loads(&file, &bytes);
    bench.loads(&file, &bytes);
    assert_eq!(bench.server.requests().len(), 1);
    fs::write(bench.folder.path().join("a.bin"), "damaged").unwrap();
    bench.loads(&file, &bytes);
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let (bench, bytes) = (Bench::new(), content(300_000));
    bench.publish("/a", &bytes, "1");
    bench.server.fail("/a", Fault::Cut(100_000));
    bench.server.fail("/a", Fault::Cut(50_000));
    bench.loads(&bench.file(&bytes, &["/a"]), &bytes);
    assert_eq!(bench.ranges(), [None, Some(100_000), Some(150_000)]);
}

#[test]
fn a_later_process_goes_on_with_the_part_of_an_earlier_one() {
    let (bench, bytes) = (Bench::new(), content(300_000));
    bench.publish("/a", &bytes, "1");
    let file = bench.file(&bytes, &["/a"]);
    for _ in 0..4 {
        bench.server.fail("/a", Fault::Cut(1000));
    }
    let error = bench.fails(&file);
    assert!(error.contains("/a: ") && error.contains("by hand"), "{error}");
    assert_eq!(bench.names(), ["a.bin.part", "a.bin.part.json"]);
    bench.loads(&file, &bytes);
    assert_eq!(bench.ranges().last(), Some(&Some(4000)));
    assert_eq!(bench.server.requests()[4].if_range.as_deref(), Some("\"1\""));
}

#[test]
fn a_file_that_changed_in_between_starts_over() {
    let bench = Bench::new();
    let (old, new) = (content(300_000), vec![7; 300_000]);
    bench.publish("/a", &old, "old");
    // Without a checksum only the tag of the server tells.
    let file = RemoteFile { sha256: None, ..bench.file(&old, &["/a"]) };
    for _ in 0..4 {
        bench.server.fail("/a", Fault::Cut(1000));
    }
    bench.fails(&file);
    bench.publish("/a", &new, "new");
    bench.loads(&file, &new);
}

#[test]
fn a_part_of_unknown_origin_is_not_trusted_without_a_checksum() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.publish("/a", &bytes, "1");
    fs::write(bench.folder.path().join("a.bin.part"), [1; 800]).unwrap();
    bench.loads(&RemoteFile { sha256: None, ..bench.file(&bytes, &["/a"]) }, &bytes);
    assert_eq!(bench.ranges(), [None]);
}

#[test]
fn wrong_bytes_of_an_earlier_part_do_not_condemn_the_mirror() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.publish("/a", &bytes, "1");
    fs::write(bench.folder.path().join("a.bin.part"), [1; 800]).unwrap();
    bench.loads(&bench.file(&bytes, &["/a"]), &bytes);
    assert_eq!(bench.ranges(), [Some(800), None]);
}

#[test]
fn a_server_that_ignores_ranges_starts_over() {
    let (bench, bytes) = (Bench::new(), content(50_000));
    let etag = Some("\"1\"".to_owned());
    bench.server.publish("/a", Document { bytes: bytes.clone(), etag, whole_only: true, ..Document::default() });
    bench.server.fail("/a", Fault::Cut(20_000));
    bench.loads(&bench.file(&bytes, &["/a"]), &bytes);
    assert_eq!(bench.ranges(), [None, Some(20_000)]);
}

#[test]
fn a_wrong_checksum_or_length_and_a_web_page_lead_to_the_next_mirror() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.publish("/wrong", &vec![9; 5000], "1");
    bench.publish("/short", &bytes[..4000], "1");
    let content_type = Some("text/html; charset=utf-8".to_owned());
    bench.server.publish("/page", Document { bytes: bytes.clone(), content_type, ..Document::default() });
    let bad = ["/wrong", "/short", "/page", "/gone"];
    let error = bench.fails(&bench.file(&bytes, &bad));
    for part in ["SHA-256 is", "4000 bytes, expected 5000", "web page", "status 404", "by hand"] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert_eq!(bench.names(), [""; 0], "no wrong part stays");
    bench.publish("/right", &bytes, "1");
    bench.loads(&bench.file(&bytes, &["/wrong", "/short", "/page", "/gone", "/right"]), &bytes);
}

#[test]
fn a_passing_failure_is_tried_again_and_a_lasting_one_is_not() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.publish("/a", &bytes, "1");
    for fault in [Fault::Status(503), Fault::Drop, Fault::Status(429)] {
        bench.server.fail("/a", fault);
    }
    bench.loads(&bench.file(&bytes, &["/a"]), &bytes);
    assert_eq!(bench.server.requests().len(), 4);
    let bench = Bench::new();
    assert!(bench.fails(&bench.file(&bytes, &["/gone"])).contains("404"));
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn a_host_that_is_not_known_or_refuses_is_asked_once() {
    let bench = Bench::new();
    let urls = ["http://no-such-host.invalid/a", "http://127.0.0.1:1/a"].map(str::to_owned).to_vec();
    let start = Instant::now();
    let error = bench.fails(&RemoteFile { urls, ..bench.file(b"", &[]) });
    assert!(error.contains("the host is not known") || error.contains("no connection in time"), "{error}");
    assert!(error.contains("refused"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(25));
}

#[test]
fn a_stalled_server_is_left_and_the_part_kept() {
    let (bench, bytes) = (Bench::new(), content(50_000));
    bench.publish("/a", &bytes, "1");
    bench.server.fail("/a", Fault::Stall(10_000, Duration::from_secs(20)));
    let start = Instant::now();
    bench.loads(&bench.file(&bytes, &["/a"]), &bytes);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(bench.ranges(), [None, Some(10_000)]);
}

#[test]
fn another_mirror_goes_on_with_the_part_where_a_checksum_can_tell() {
    let (bench, bytes) = (Bench::new(), content(50_000));
    bench.publish("/a", &bytes, "1");
    bench.publish("/b", &bytes, "other");
    for _ in 0..4 {
        bench.server.fail("/a", Fault::Cut(1000));
    }
    bench.loads(&bench.file(&bytes, &["/a", "/b"]), &bytes);
    assert_eq!(bench.ranges().last(), Some(&Some(4000)));
}

#[test]
fn redirects_are_followed_up_to_a_limit() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.publish("/b", &bytes, "1");
    bench.server.fail("/a", Fault::Redirect(bench.server.url("/b")));
    bench.loads(&bench.file(&bytes, &["/a"]), &bytes);
    for _ in 0..20 {
        bench.server.fail("/round", Fault::Redirect(bench.server.url("/round")));
    }
    let file = RemoteFile { file: "b.bin".to_owned(), ..bench.file(&bytes, &["/round"]) };
    assert!(bench.fails(&file).contains("redirects"));
}

#[test]
fn the_own_mirror_comes_first_and_the_hub_gets_the_token_alone() {
    let hub = Server::start().unwrap();
    let settings = Settings { hub: hub.url(""), hub_token: Some("secret".to_owned()), ..Settings::default() };
    let mut bench = Bench::with(settings.clone());
    let bytes = content(500);
    hub.put("/datasets/o/n/resolve/main/x/a.bin", &bytes);
    let urls = vec![bench.server.url("/gone"), "hf:datasets/o/n/x/a.bin".to_owned()];
    let file = RemoteFile { urls, ..bench.file(&bytes, &[]) };
    bench.loads(&file, &bytes);
    assert_eq!(hub.requests()[0].authorization.as_deref(), Some("Bearer secret"));
    assert_eq!(bench.server.requests()[0].authorization, None);
    fs::remove_file(bench.folder.path().join("a.bin")).unwrap();
    bench.server.put("/own/a.bin", &bytes);
    bench.fetcher = Fetcher::new(Settings { mirror: Some(bench.server.url("/own")), ..settings });
    bench.loads(&file, &bytes);
    assert_eq!(bench.server.requests().last().unwrap().path, "/own/a.bin");
    assert_eq!(hub.requests().len(), 1);
}

#[test]
fn several_files_load_at_once_and_one_failure_keeps_the_others() {
    let bench = Bench::new();
    let mut files = Vec::new();
    for i in 0..6 {
        let (path, bytes) = (format!("/{i}"), content(1000 + i));
        bench.publish(&path, &bytes, "1");
        files.push(RemoteFile { file: format!("{i}.bin"), ..bench.file(&bytes, &[&path]) });
    }
    files[2].urls = vec![bench.server.url("/gone")];
    let error = bench.fetcher.download_all(&files, bench.folder.path(), 3, &()).unwrap_err().to_string();
    assert!(error.contains("2.bin") && error.contains("/gone"), "{error}");
    assert_eq!(bench.names().len(), 5);
    files[2].urls = vec![bench.server.url("/2")];
    assert_eq!(bench.fetcher.download_all(&files, bench.folder.path(), 3, &()).unwrap().len(), 6);
    assert_eq!(bench.server.requests().len(), 7);
}

#[test]
fn what_another_process_loads_is_left_alone() {
    let (bench, bytes) = (Bench::new(), content(500));
    let part = fs::File::create(bench.folder.path().join("a.bin.part")).unwrap();
    part.lock().unwrap();
    assert!(bench.fails(&bench.file(&bytes, &["/a"])).contains("another process"));
}

#[test]
fn a_file_without_checksum_length_or_tag_is_loaded_too() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.server.put("/a", &bytes);
    bench.server.fail("/a", Fault::Cut(1000));
    bench.loads(&RemoteFile { sha256: None, bytes: None, ..bench.file(&bytes, &["/a"]) }, &bytes);
    assert_eq!(bench.ranges(), [None, None], "what cannot be told apart starts over");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_one_clear_error() {
    let (bench, bytes) = (Bench::new(), content(5000));
    bench.publish("/a", &bytes, "1");
    let file = bench.file(&bytes, &["/a"]);
    fs::write(bench.folder.path().join("file"), "").unwrap();
    let error = bench.fetcher.download(&file, &bench.folder.path().join("file/data"), &()).unwrap_err();
    assert!(error.is_local() && error.to_string().contains("create the folder"), "{error}");
    assert!(bench.server.requests().is_empty());
}

/// Writes everything down.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _file: &str, stage: Stage, total: Option<u64>, done: u64) {
        self.0.lock().unwrap().push(format!("{stage:?} {done} of {total:?}"));
    }

    fn failed(&self, _file: &str, _url: &str, reason: &str) {
        self.0.lock().unwrap().push(reason.to_owned());
    }
}

#[test]
fn progress_tells_where_a_download_goes_on_and_why() {
    let (bench, bytes, notes) = (Bench::new(), content(5000), Notes::default());
    bench.publish("/a", &bytes, "1");
    bench.server.fail("/a", Fault::Status(503));
    bench.server.fail("/a", Fault::Cut(1000));
    bench.fetcher.download(&bench.file(&bytes, &["/a"]), bench.folder.path(), &notes).unwrap();
    let notes = notes.0.into_inner().unwrap();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[0].contains("503"));
    assert_eq!(notes[1], "Loading 0 of Some(5000)");
    assert_eq!(notes[3], "Loading 1000 of Some(5000)");
}
