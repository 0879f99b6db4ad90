use std::path::Path;

use clf_core::Error;

use super::name::Name;

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../templates/method/", $path))
    };
}

/// The files of a crate with a method, by path. Their names are those of the method `new-method`, so that the source
/// compiles as it is: it is an example of this crate.
const FILES: [(&str, &str); 10] = [
    ("Cargo.toml", template!("Cargo.template.toml")),
    ("Cargo.lock", include_str!("../../../../../Cargo.lock")),
    ("rust-toolchain.toml", include_str!("../../../../../rust-toolchain.toml")),
    ("rustfmt.toml", include_str!("../../../../../rustfmt.toml")),
    ("README.md", template!("README.md")),
    (".gitignore", template!("gitignore")),
    ("src/lib.rs", template!("src/lib.rs")),
    ("src/main.rs", template!("src/main.rs")),
    ("src/defaults.toml", template!("src/defaults.toml")),
    ("tests/conformance.rs", template!("tests/conformance.rs")),
];

/// What stands for the clone of clf.
const CHECKOUT: &str = "CLF_CHECKOUT";

/// A file of the new crate.
pub struct File {
    /// Path in the crate.
    pub path: &'static str,
    /// Content.
    pub text: String,
}

/// The files of a crate for the method `name` that depends on the clf in `checkout`.
pub fn files(name: &Name, checkout: &Path) -> Result<Vec<File>, Error> {
    let plain = checkout.to_str().ok_or_else(|| {
        Error::config(checkout.display().to_string(), "a manifest cannot hold this path, it is not Unicode; move clf")
    })?;
    // A quoted JSON string is a quoted TOML string too.
    let quoted = serde_json::to_string(plain).map_err(|error| Error::Defect(error.to_string()))?;
    let escaped = &quoted[1..quoted.len() - 1];
    let fill = |(path, text): (&'static str, &str)| {
        let text = text.replace("NewMethod", &name.camel()).replace("new_method", &name.snake());
        let text = text.replace("new-method", name.kebab());
        let checkout = if path == "Cargo.toml" { escaped } else { plain };
        File { path, text: text.replace(CHECKOUT, checkout) }
    };
    Ok(FILES.into_iter().map(fill).collect())
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    fn file(path: &str, checkout: &str) -> String {
        let files = files(&Name::parse("own-idea").unwrap(), Path::new(checkout)).unwrap();
        files.into_iter().find(|file| file.path == path).unwrap().text
    }

    #[test]
    fn no_file_keeps_a_name_of_the_template() {
        for (path, _) in FILES {
            let text = file(path, "/clf");
            for name in ["new-method", "new_method", "NewMethod", CHECKOUT] {
                assert!(!text.contains(name), "{path} has {name}");
            }
        }
        assert!(file("src/lib.rs", "/clf").contains("pub struct OwnIdea {"));
        assert!(file("src/main.rs", "/clf").contains("use own_idea as _;"));
    }

    #[test]
    fn the_manifest_takes_any_path() {
        for checkout in ["/home/me/new-method/clf", "C:\\clf \"2\""] {
            let manifest: Table = file("Cargo.toml", checkout).parse().unwrap();
            let path = manifest["dependencies"]["clf-core"]["path"].as_str().unwrap();
            assert_eq!(path, format!("{checkout}/framework/core"));
        }
    }

    #[test]
    fn the_manifest_repeats_that_of_the_workspace() {
        let manifest: Table = file("Cargo.toml", "CLF").replace("CLF/", "").parse().unwrap();
        let workspace: Table = include_str!("../../../../../Cargo.toml").parse().unwrap();
        assert_eq!(manifest["profile"]["release"], workspace["profile"]["release"]);
        assert_eq!(manifest["patch"], workspace["patch"]);
        assert_eq!(manifest["dependencies"]["serde"], workspace["workspace"]["dependencies"]["serde"]);
        for key in ["edition", "rust-version"] {
            assert_eq!(manifest["package"][key], workspace["workspace"]["package"][key], "{key}");
        }
    }
}
