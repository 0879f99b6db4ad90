//! A report in a real browser: Chromium without a window. `CLF_CHROMIUM` names another one.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;

use super::{
    bench::{Bench, text},
    report::{inked, runs},
};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Presses things and writes what it finds into the page, where the test reads it.
const PROBE: &str = r"
const table = document.querySelector('table.sortable');
const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
const header = (name) => [...table.tHead.rows[0].cells].find((cell) => cell.textContent === name);
const ground = () => getComputedStyle(document.body).backgroundColor;
const visible = () => [...document.querySelectorAll('table.config tbody tr')].filter((row) => row.checkVisibility()).length;
const found = { width: innerWidth, overflow: document.documentElement.scrollWidth - innerWidth, before: names() };
header('transfer').firstChild.click();
found.descending = [names(), header('transfer').getAttribute('aria-sort'), header('method').getAttribute('aria-sort')];
header('transfer').firstChild.click();
found.ascending = [names(), header('transfer').getAttribute('aria-sort')];
header('method').firstChild.click();
found.byName = [names(), header('transfer').getAttribute('aria-sort')];
header('method').firstChild.focus();
found.focused = document.activeElement.tagName;
const theme = document.querySelector('.theme button');
theme.click();
found.light = ground();
theme.click();
found.dark = ground();
found.settings = [visible()];
const filter = document.querySelector('.filter input[type=search]');
filter.value = 'TRAIN.LR';
filter.dispatchEvent(new Event('input'));
found.settings.push(visible());
filter.value = '';
document.querySelector('.filter input[type=checkbox]').click();
found.settings.push(visible());
if (parent === window) document.body.append(Object.assign(document.createElement('pre'), { id: 'probe', textContent: JSON.stringify(found) }));
else parent.postMessage(JSON.stringify(found), '*');
";

/// Holds a page of the width of a phone: windows cannot be that narrow.
const PHONE: &str =
    "<!DOCTYPE html><body><iframe src='probed.html' style='width:390px;height:844px;border:0'></iframe><script>
addEventListener('message', (event) => {
  document.body.append(Object.assign(document.createElement('pre'), { id: 'probe', textContent: event.data }));
});</script></body>";

/// The browser; without one a line that cannot be overlooked.
fn chromium(test: &str) -> Option<PathBuf> {
    if let Some(path) = env::var_os("CLF_CHROMIUM") {
        return Some(path.into());
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let found =
        NAMES.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()));
    if found.is_none() {
        // Written past the test harness, which would keep the line to itself, and on a line of its own.
        let line = format!("\nSKIPPED {test}: needs Chromium, as in Debian's package chromium\n");
        assert!(std::io::stderr().write_all(line.as_bytes()).is_ok());
    }
    found
}

struct Browser<'a> {
    program: PathBuf,
    bench: &'a Bench,
}

impl Browser<'_> {
    /// Opens a page with some flags, and refuses what the page wrote to the console.
    #[track_caller]
    fn open(&self, page: &str, flags: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args(["--enable-logging=stderr", "--v=0", "--hide-scrollbars", "--virtual-time-budget=5000"]);
        command.arg(format!("--user-data-dir={}", self.bench.path("browser").display()));
        command.args(flags).arg(format!("file://{}", self.bench.path(page).display()));
        // A browser that hangs must not hold the tests up for ever.
        let output = assert_cmd::Command::from_std(command).timeout(Duration::from_mins(2)).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let console: Vec<&str> = told.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{page}: {console:#?}");
        output
    }

    /// What the probe finds on a page.
    fn probe(&self, page: &str, phone: bool) -> Value {
        let probed = self.bench.read(page).replace("</body>", &format!("<script>{PROBE}</script></body>"));
        self.bench.write("probed.html", &probed);
        self.bench.write("phone.html", PHONE);
        let page = if phone { "phone.html" } else { "probed.html" };
        let dom = text(&self.open(page, &["--dump-dom", "--window-size=1280,900"]).stdout);
        let found = dom.split("<pre id=\"probe\">").nth(1).unwrap_or_else(|| panic!("the probe did not end: {dom}"));
        serde_json::from_str(&found.split("</pre>").next().unwrap().replace("&amp;", "&")).unwrap()
    }

    fn screenshot(&self, page: &str, size: &str) -> f64 {
        let picture = self.bench.path("shot.png");
        self.open(page, &[&format!("--screenshot={}", picture.display()), &format!("--window-size={size}")]);
        let inked = inked(&picture);
        fs::remove_file(picture).unwrap();
        inked
    }
}

#[test]
fn a_report_works_in_a_browser() {
    let Some(program) = chromium("a_report_works_in_a_browser") else { return };
    let bench = Bench::new();
    let folders = runs(&bench);
    set_transfer(&bench);
    bench.ok(&format!("report {folders}"));
    let browser = Browser { program, bench: &bench };

    let found = browser.probe("report.html", false);
    let names = |value: &Value| {
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&found["before"]), ["zero-shot", "finetune", "zscl"]);
    assert_eq!(names(&found["descending"][0]), ["zscl", "zero-shot", "finetune"]);
    assert_eq!(names(&found["ascending"][0]), ["finetune", "zero-shot", "zscl"]);
    assert_eq!(found["descending"][1], "descending");
    assert_eq!(found["descending"][2], "none");
    assert_eq!(found["ascending"][1], "ascending");
    assert_eq!(names(&found["byName"][0]), ["finetune", "zero-shot", "zscl"]);
    assert_eq!(found["byName"][1], "none");
    assert_eq!(found["focused"], "BUTTON", "headers can be reached with the keyboard");
    assert_eq!((&found["light"], &found["dark"]), (&"rgb(245, 246, 248)".into(), &"rgb(16, 19, 23)".into()));
    let settings: Vec<u64> =
        found["settings"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
    assert!(settings[1] == 1 && settings[2] > 1 && settings[2] < settings[0], "{settings:?}");
    assert!(found["overflow"].as_f64().unwrap() <= 0.0, "{found}");

    let narrow = browser.probe("report.html", true);
    assert_eq!(narrow["width"], 390);
    assert!(narrow["overflow"].as_f64().unwrap() <= 0.0, "wider than the screen of a phone: {narrow}");
    assert!(browser.screenshot("report.html", "1280,1600") > 0.1);
    assert!(browser.screenshot("report.html", "390,844") > 0.1);
    let paper = bench.path("report.pdf");
    browser.open("report.html", &["--no-pdf-header-footer", &format!("--print-to-pdf={}", paper.display())]);
    assert!(fs::read(&paper).unwrap().starts_with(b"%PDF"));
    assert!(is_large(&paper));
}

/// Gives the methods figures of their own, for runs as small as these have the same. As texts they have another order.
fn set_transfer(bench: &Bench) {
    for (method, transfer) in [("zero-shot", 60.0), ("finetune", 9.5), ("zscl", 70.25)] {
        for seed in 0..2 {
            let place = format!("runs/small-{method}-{seed}/result.json");
            let mut result: Value = serde_json::from_str(&bench.read(&place)).unwrap();
            result["metrics"]["transfer"] = transfer.into();
            bench.write(&place, &result.to_string());
        }
    }
}

/// Fonts and charts of some pages take more than this.
fn is_large(paper: &Path) -> bool {
    fs::metadata(paper).unwrap().len() > 20_000
}
