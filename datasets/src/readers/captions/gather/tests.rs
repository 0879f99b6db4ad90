use std::io::Cursor;

use clf_core::data::{Dataset, Split};
use clf_fetch::{
    Settings,
    testing::{Document, Fault, Server},
};
use image::{DynamicImage, ImageFormat};

use super::{super::Captions, *};

const SETTINGS: Gathering = Gathering { seconds: 5, side: 64, minimum: 0.5 };

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A table in a folder of its own, with links to the server.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(paths: &[&str]) -> Self {
        let bench = Self { server: Server::start().unwrap(), folder: tempfile::tempdir().unwrap() };
        let line = |(i, path): (usize, &&str)| format!("caption {i}\t{}\n", bench.server.url(path));
        fs::write(bench.table(), paths.iter().enumerate().map(line).collect::<String>()).unwrap();
        bench
    }

    fn table(&self) -> PathBuf {
        self.folder.path().join("Validation.tsv")
    }

    fn gather(&self) -> Gathered {
        let fetcher = Fetcher::new(Settings::default());
        gather(&self.table(), &SETTINGS, &fetcher, 3, &|_| {}).unwrap()
    }
}

#[test]
fn rows_with_a_living_link_are_kept_and_the_others_counted_by_reason() {
    let bench = Bench::new(&["/a.jpg", "/gone.jpg", "/slim.png", "/text", "/b.png", "/busy.jpg", "/half.jpg"]);
    let whole = picture(300, 200, ImageFormat::Jpeg);
    bench.server.put("/a.jpg", &whole);
    bench.server.put("/half.jpg", &whole[..whole.len() / 2]);
    bench.server.put("/slim.png", &picture(100, 30, ImageFormat::Png));
    bench.server.put("/text", b"<html>sold</html>");
    bench.server.put("/b.png", &picture(40, 50, ImageFormat::Png));
    bench.server.put("/busy.jpg", &whole);
    bench.server.fail("/busy.jpg", Fault::Status(503));
    let gathered = bench.gather();
    assert_eq!((gathered.rows, gathered.found, gathered.new), (7, 2, 2));
    let dead = [("far from square", 1), ("no picture", 2), ("status 404", 1)];
    assert_eq!(gathered.dead, dead.map(|(reason, count)| (reason.to_owned(), count)).into());
    assert_eq!(gathered.passing, [("status 503".to_owned(), 1)].into());
    let kept = image::open(bench.folder.path().join("cc_data/val/0/0.jpg")).unwrap();
    assert_eq!((kept.width(), kept.height()), (64, 43));
    assert_eq!(image::open(bench.folder.path().join("cc_data/val/4/4.jpg")).unwrap().width(), 40);
}

#[test]
fn a_second_call_asks_only_for_what_may_have_come_back() {
    let bench = Bench::new(&["/a.jpg", "/gone.jpg", "/busy.jpg", "/cut.jpg"]);
    for path in ["/a.jpg", "/busy.jpg", "/cut.jpg"] {
        bench.server.put(path, &picture(30, 20, ImageFormat::Jpeg));
    }
    bench.server.fail("/busy.jpg", Fault::Status(429));
    bench.server.fail("/cut.jpg", Fault::Cut(100));
    assert_eq!(bench.gather().found, 1);
    assert_eq!(bench.server.requests().len(), 4);
    // A process that was killed leaves half a line and half a picture.
    let links = bench.folder.path().join("dead-links.txt");
    let text = fs::read_to_string(&links).unwrap();
    assert_eq!(text, "1\tstatus 404\n");
    fs::write(&links, text + "2\tstat").unwrap();
    fs::create_dir_all(bench.folder.path().join("cc_data/val/2")).unwrap();
    fs::write(bench.folder.path().join("cc_data/val/2/2.part"), "half").unwrap();
    let gathered = bench.gather();
    assert_eq!((gathered.found, gathered.new, gathered.dead.len(), gathered.passing.len()), (3, 2, 1, 0));
    let mut asked: Vec<_> = bench.server.requests()[4..].iter().map(|request| request.path.clone()).collect();
    asked.sort();
    assert_eq!(asked, ["/busy.jpg", "/cut.jpg"]);
    bench.gather();
    assert_eq!(bench.server.requests().len(), 6);
}

#[test]
fn the_index_is_read_as_a_dataset_of_captions_with_images() {
    let bench = Bench::new(&["/gone.jpg", "/a.jpg"]);
    let content_type = Some("text/html".to_owned());
    let bytes = picture(30, 20, ImageFormat::Jpeg);
    bench.server.publish("/a.jpg", Document { bytes, content_type, ..Document::default() });
    bench.gather();
    let index = write_index(&bench.table()).unwrap();
    assert_eq!(fs::read_to_string(&index).unwrap(), "title\tfilepath\ncaption 1\tcc_data/val/1/1.jpg\n");
    let samples = Captions::open(bench.folder.path()).unwrap().split(Split::Train).unwrap();
    assert_eq!((samples.len(), samples.caption(0)), (1, Some("caption 1")));
    assert_eq!(samples.image(0).unwrap().width(), 30);
}

#[test]
fn a_table_of_something_else_is_refused_by_line() {
    let bench = Bench::new(&["/a.jpg"]);
    fs::write(bench.table(), "caption\thttp://a\nno link\n").unwrap();
    let fetcher = Fetcher::new(Settings::default());
    let error = gather(&bench.table(), &SETTINGS, &fetcher, 1, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}
