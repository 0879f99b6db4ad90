use super::bench::Bench;

#[test]
fn every_kind_is_listed_by_name() {
    let bench = Bench::new();
    assert!(bench.ok("list methods").contains("zscl"));
    assert!(bench.ok("list hooks").contains("weight-ensemble"));
    assert!(bench.ok("list scenarios").contains("cil-cifar100-10"));
    assert!(bench.ok("list datasets").contains("cifar100"));
    assert!(bench.ok("list readers").contains("folder"));
    assert!(bench.ok("list models").contains("ViT-B-16"));
    let json: serde_json::Value = serde_json::from_str(&bench.ok("list methods --json")).unwrap();
    assert!(json.as_array().unwrap().iter().any(|entry| entry["name"] == "finetune"));
}

#[test]
fn every_registered_thing_can_be_shown() {
    let bench = Bench::new();
    for (kind, plural) in [("method", "methods"), ("hook", "hooks"), ("scenario", "scenarios"), ("dataset", "datasets")]
    {
        let list: serde_json::Value = serde_json::from_str(&bench.ok(&format!("list {plural} --json"))).unwrap();
        for entry in list.as_array().unwrap() {
            let name = entry["name"].as_str().unwrap();
            assert!(entry["summary"].as_str().unwrap().len() > 10, "{name} has no summary");
            assert!(bench.ok(&format!("show {kind} {name}")).starts_with(name));
        }
    }
    assert!(bench.ok("show method zscl").contains("arXiv 2303.06628"));
    let json: serde_json::Value = serde_json::from_str(&bench.ok("show dataset cifar100 --json")).unwrap();
    let paper = json["paper"].as_str().unwrap();
    assert!(paper.contains("Krizhevsky 2009"), "{paper}");
    assert!(json["toml"].as_str().unwrap().contains("split-family"), "{json}");
    assert!(bench.ok("show dataset cifar100").contains(&format!("\nsource: {paper}\n")));
    // Every layer of defaults is shown, and each is TOML of its own.
    let shown = bench.ok("show method lwf-vr");
    let layers: Vec<&str> = shown.split_once("\n\n").unwrap().1.split("# ---- over these settings come:").collect();
    assert_eq!(layers.len(), 3, "{shown}");
    assert!(layers.iter().all(|layer| layer.parse::<toml::Table>().is_ok()), "{shown}");
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_program() {
    let readme = include_str!("../../../../README.md");
    for kind in ["methods", "hooks", "scenarios", "datasets", "models"] {
        let table = Bench::new().ok(&format!("list {kind} --markdown"));
        assert!(readme.contains(table.trim()), "README.md lacks the table of `clf list {kind} --markdown`:\n{table}");
    }
}
