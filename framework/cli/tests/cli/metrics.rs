use std::fs;

use toml::{Table, Value};

use super::bench::Bench;

const PUBLISHED: &str = include_str!("../../../core/tests/fixtures/mtil_published_metrics.toml");

/// A two-dimensional array of 64-bit floats in NumPy's format.
fn npy(rows: &[Vec<f64>]) -> Vec<u8> {
    let shape = format!("({}, {})", rows.len(), rows[0].len());
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    // The magic string, the version and the length take 10 bytes; everything before the data is a multiple of 64.
    header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let data = rows.iter().flatten().flat_map(|value| value.to_le_bytes());
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes()].concat().into_iter().chain(data).collect()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_float().unwrap()).collect()
}

fn joined(value: &Value) -> String {
    let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    value.as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(",")
}

/// The cells of the line that starts with `name`, in the table of single tasks.
fn line(output: &str, name: &str) -> Vec<String> {
    let lines = output.lines().map(|line| line.split_whitespace().map(String::from).collect::<Vec<_>>());
    lines.filter(|cells| cells.len() == 13).find(|cells| cells[0] == name).unwrap()
}

#[test]
fn the_published_matrices_give_the_published_tables_to_the_digit() {
    let (bench, published) = (Bench::new(), PUBLISHED.parse::<Table>().unwrap());
    let columns = "--columns 0,1,3,4,5,6,7,8,9,10,11";
    let names = format!("--names {}", joined(&published["order1"]));
    for entry in published["entries"].as_array().unwrap() {
        let rows: Vec<Vec<f64>> = entry["raw_11x12"].as_array().unwrap().iter().map(floats).collect();
        fs::write(bench.path("published.npy"), npy(&rows)).unwrap();
        let order = match entry["order"].as_integer() {
            Some(1) => String::new(),
            _ => format!("--order {}", joined(&published["perm_order2"])),
        };
        let output = bench.ok(&format!("metrics published.npy {columns} {names} {order}"));
        let header = output.lines().find_map(|line| line.trim().strip_prefix("accuracy after \\ on")).unwrap();
        let header: Vec<&str> = header.split_whitespace().collect();
        let expected = joined(&published[if order.is_empty() { "order1" } else { "order2" }]);
        assert_eq!(header[..11].join(","), expected, "{output}");
        let metrics = &entry["metrics"];
        for name in ["transfer", "avg", "last"] {
            let gap = if name == "transfer" { vec!["-".to_owned()] } else { Vec::new() };
            let printed = floats(&metrics["per_dataset_1dp"][name]).into_iter();
            let total = metrics[format!("{name}_1dp").as_str()].as_float();
            let printed = printed.chain(total).map(|value| format!("{value:.1}"));
            let expected: Vec<String> = std::iter::once(name.to_owned()).chain(gap).chain(printed).collect();
            assert_eq!(line(&output, name), expected, "{}", entry["file"]);
        }
    }
}

#[test]
fn a_matrix_in_a_file_gives_its_figures() {
    let bench = Bench::new();
    bench.ok("run --method zero-shot --scenario small.toml --out run");
    let from_folder = bench.ok("metrics run --json");
    let from_file = bench.ok("metrics run/matrix.npy --names warm,cold --json");
    assert_eq!(from_folder, from_file);
    bench.fails("metrics run/matrix.csv", 2, &["matrix.csv", "not a matrix"]);
    bench.fails("metrics nothing.npy", 6, &["nothing.npy"]);
    bench.fails("metrics run/matrix.npy --procedure mtl", 2, &["did you mean \"mtil\"?"]);
    bench.fails("metrics run --order 1,0", 2, &["--order", "run is a run folder"]);
}

#[test]
fn the_order_moves_rows_columns_and_names() {
    let bench = Bench::new();
    fs::write(bench.path("m.npy"), npy(&[vec![90.0, 0.0, 20.0], vec![80.0, 0.0, 95.0]])).unwrap();
    let json = bench.ok("metrics m.npy --columns 2,0 --order 1,0 --names late,early --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Kept columns late, early; learned: row 1 first, then row 0.
    assert_eq!(json["tasks"][0], serde_json::json!({"task": "early", "transfer": null, "avg": 85.0, "last": 90.0}));
    assert_eq!(json["tasks"][1], serde_json::json!({"task": "late", "transfer": 95.0, "avg": 57.5, "last": 20.0}));
    assert_eq!(json["transfer"], 95.0);
}

#[test]
fn columns_order_and_names_must_fit_the_file() {
    let bench = Bench::new();
    fs::write(bench.path("m.npy"), npy(&[vec![90.0, 0.0, 20.0], vec![80.0, 0.0, 95.0]])).unwrap();
    bench.fails("metrics m.npy", 2, &["m.npy", "2 rows and 3 columns", "--columns"]);
    bench.fails("metrics m.npy --columns 0,3", 2, &["--columns", "no column 3", "3 columns"]);
    bench.fails("metrics m.npy --columns 0,0", 2, &["--columns", "0 is listed twice"]);
    bench.fails("metrics m.npy --columns 0,x", 2, &["--columns", "'x'"]);
    bench.fails("metrics m.npy --columns 0,2 --order 2,0", 2, &["--order", "no column 2"]);
    bench.fails("metrics m.npy --columns 0,2 --order 1,1", 2, &["--order", "1 is listed twice"]);
    bench.fails("metrics m.npy --columns 0,2 --order 1", 2, &["--order", "1 given for 2 tasks"]);
    bench.fails("metrics m.npy --columns 0,2 --names a", 2, &["--names", "1 given for 2 tasks"]);
}
