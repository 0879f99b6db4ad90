//! The scenarios that come with clf; a new one is a TOML file and an entry here.

clf_core::register_scenario! {
    name: "mtil-mini",
    summary: "Seven small procedural domains in a row; needs no download.",
    toml: include_str!("../named/mtil-mini.toml"),
}

clf_core::register_scenario! {
    name: "cil-mini",
    summary: "The 67 classes of the procedural domains in six increments; needs no download.",
    toml: include_str!("../named/cil-mini.toml"),
}

clf_core::register_scenario! {
    name: "cil-cifar100-10",
    summary: "CIFAR-100 in ten tasks of ten classes.",
    toml: include_str!("../named/cil-cifar100-10.toml"),
}
