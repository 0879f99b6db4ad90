use clf_core::{
    Error,
    registry::{self, MethodEntry},
};

/// Words of the language, which cannot name a crate.
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "union",
];

/// Crates and folders that cargo keeps for itself, and crates that the new one depends on.
const CRATES: [&str; 11] =
    ["alloc", "build", "clf", "core", "deps", "examples", "incremental", "proc-macro", "serde", "std", "test"];

/// Names whose type is already in scope in the template.
const TYPES: [&str; 9] =
    ["deserialize", "error", "loss-term", "method", "result", "serialize", "step", "tensor", "vec"];

/// The name of a new method, in kebab-case.
#[derive(Debug)]
pub struct Name(String);

impl Name {
    /// Checks a name that is to be registered, and to be that of a crate, a module and a type.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let reserved = [&KEYWORDS[..], &CRATES, &TYPES].concat().contains(&name) || name.starts_with("clf-");
        let reason = if !is_kebab_case(name) {
            "use lower-case letters and digits, a letter first, with single hyphens between words, such as my-method"
        } else if registry::all::<MethodEntry>().iter().any(|method| method.name == name) {
            "already taken by a method of this program; choose another name"
        } else if reserved {
            "reserved by Rust, cargo or clf; choose another name, such as my-method"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(Error::config(format!("method name {name:?}"), reason))
    }

    /// As it is registered, and the name of the crate: `my-method`.
    pub fn kebab(&self) -> &str {
        &self.0
    }

    /// As the crate is called in Rust: `my_method`.
    pub fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// As a type is called: `MyMethod`.
    pub fn camel(&self) -> String {
        let word = |word: &str| word[..1].to_uppercase() + &word[1..];
        self.0.split('-').map(word).collect()
    }
}

fn is_kebab_case(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_forms() {
        let name = Name::parse("my-2nd-method").unwrap();
        assert_eq!((name.kebab(), &*name.snake(), &*name.camel()), ("my-2nd-method", "my_2nd_method", "My2ndMethod"));
    }

    #[test]
    fn a_name_that_cannot_be_used_is_refused_with_the_reason() {
        let cases = [
            ("", "a letter first"),
            ("2nd", "a letter first"),
            ("-my", "a letter first"),
            ("my-", "single hyphens"),
            ("my--method", "single hyphens"),
            ("my_method", "hyphens"),
            ("MyMethod", "lower-case"),
            ("méthode", "lower-case"),
            ("../up", "lower-case"),
            ("zscl", "already taken"),
            ("match", "reserved"),
            ("clf", "reserved"),
            ("clf-core", "reserved"),
            ("loss-term", "reserved"),
        ];
        for (name, reason) in cases {
            let error = Name::parse(name).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(&format!("{name:?}")), "{name}: {error}");
        }
    }
}
