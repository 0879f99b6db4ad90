//! What is published, and where.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::FetchError;

/// A published file: its name, its mirrors, and how it is verified and unpacked.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RemoteFile {
    /// Its name on disk.
    pub file: String,
    /// Mirrors in the order in which they are tried, the official one first: `http://`, `https://`, or `hf:` for a file of the
    /// Hugging Face hub.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Length in bytes.
    pub bytes: Option<u64>,
    /// MD5 in hexadecimal.
    pub md5: Option<String>,
    /// SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// How it is taken apart; without, it stays as it is.
    pub unpack: Option<Unpack>,
    /// The folder of its content, relative to that of the whole.
    pub into: Option<PathBuf>,
    /// What a person should know who gets it by hand.
    pub note: Option<String>,
    /// Archives inside of the archive, unpacked after it and then deleted.
    #[serde(default)]
    pub then: Vec<Inner>,
}

/// How an archive is taken apart.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Unpack {
    /// A tar, gzipped or not: what is published under `.tar.gz` is at times a plain tar.
    TarGz,
    /// The same; the content decides.
    Tar,
    /// A zip.
    Zip,
    /// One gzipped file, named like the archive without `.gz`.
    Gz,
}

/// An archive inside of an archive.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Inner {
    /// Its path in the outer archive; `*` for the name means every file of the folder.
    pub file: PathBuf,
    /// How it is taken apart.
    pub unpack: Unpack,
    /// The folder of its content, relative to the content of the outer one, where `{stem}` is its name up to the first dot;
    /// its own folder by default.
    pub into: Option<PathBuf>,
}

impl RemoteFile {
    /// Whether its content can be told from another one.
    pub(crate) fn is_verifiable(&self) -> bool {
        self.md5.is_some() || self.sha256.is_some()
    }

    /// Where it lies in `folder`.
    ///
    /// # Errors
    ///
    /// When the name would leave the folder.
    pub(crate) fn place(&self, folder: &Path) -> Result<PathBuf, FetchError> {
        let path = Path::new(&self.file);
        let plain = !self.file.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
        if plain { Ok(folder.join(path)) } else { Err(FetchError::Name { name: self.file.clone() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_in_toml_is_read_and_its_mistakes_are_named() {
        let text = "file = 'a.zip'\nurls = ['https://a/a.zip']\nunpack = 'zip'\nbytes = 5\n[[then]]\nfile = 'b/c.tar.gz'\nunpack = 'tar-gz'";
        let file: RemoteFile = toml::from_str(text).unwrap();
        assert_eq!((file.file.as_str(), file.unpack, file.bytes), ("a.zip", Some(Unpack::Zip), Some(5)));
        assert_eq!((file.then[0].unpack, file.into), (Unpack::TarGz, None));
        let error = toml::from_str::<RemoteFile>("file = 'a'\nurl = 'b'").unwrap_err().to_string();
        assert!(error.contains("url"), "{error}");
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused() {
        let place =
            |name: &str| RemoteFile { file: name.to_owned(), ..RemoteFile::default() }.place(Path::new("/data"));
        assert_eq!(place("a/b.zip").unwrap(), Path::new("/data/a/b.zip"));
        for name in ["../a", "/a", "", "a/../../b"] {
            assert!(place(name).is_err(), "{name}");
        }
    }
}
