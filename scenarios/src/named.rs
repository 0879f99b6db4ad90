//! The scenarios that come with clf; a new one is a TOML file in `scenarios/named` and a line here.

/// Registers scenarios by the names of their files.
macro_rules! named {
    ($($name:literal: $summary:literal,)+) => {
        $(clf_core::register_scenario! {
            name: $name,
            summary: $summary,
            toml: include_str!(concat!("../named/", $name, ".toml")),
        })+
    };
}

named! {
    "cil-cifar100-10": "CIFAR-100 in ten tasks of ten classes.",
    "cil-cifar100-20": "CIFAR-100 in twenty tasks of five classes.",
    "cil-cifar100-50": "CIFAR-100 in fifty tasks of two classes.",
    "cil-imagenet100-10-10": "ImageNet-100 in ten tasks of ten classes.",
    "cil-imagenet100-50-5": "ImageNet-100, 50 classes and ten increments of five.",
    "cil-imagenet1000-100-100": "ImageNet-1k in ten tasks of one hundred classes.",
    "cil-mini": "The 67 classes of the procedural domains in six increments; needs no download.",
    "cil-tinyimagenet-10": "Tiny-ImageNet, 100 classes and ten increments of ten.",
    "cil-tinyimagenet-20": "Tiny-ImageNet, 100 classes and twenty increments of five.",
    "cil-tinyimagenet-5": "Tiny-ImageNet, 100 classes and five increments of twenty.",
    "mtil-fewshot-order-1": "Few-shot MTIL, Order I: five training images a class.",
    "mtil-mini": "Seven small procedural domains in a row; needs no download.",
    "mtil-moe-adapters-order-1": "MTIL, Order I, with the reference images of MoE-Adapters.",
    "mtil-order-1": "MTIL, Order I: eleven datasets from Aircraft to SUN397.",
    "mtil-order-2": "MTIL, Order II: eleven datasets from Stanford Cars to CIFAR-100.",
}
