//! Addresses of a file.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{RemoteFile, Settings};

/// What cannot stand in a path as it is.
const IN_PATHS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}').add(b'%');

/// Where `file` is looked for, in order: the user's own mirror first.
pub(crate) fn addresses(file: &RemoteFile, settings: &Settings) -> Vec<String> {
    let own = settings.mirror.iter().map(|base| format!("{}/{}", base.trim_end_matches('/'), encoded(&file.file)));
    own.chain(file.urls.iter().map(|url| address(url, &settings.hub))).collect()
}

/// The address of a mirror: that of the hub for `hf:`.
fn address(url: &str, hub: &str) -> String {
    let Some(path) = url.strip_prefix("hf:") else { return url.to_owned() };
    let (kind, path) = match path.strip_prefix("datasets/") {
        Some(rest) => ("datasets/", rest),
        None => ("", path),
    };
    let mut parts = path.splitn(3, '/');
    let (owner, name, file) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
    format!("{}/{kind}{owner}/{name}/resolve/{revision}/{}", hub.trim_end_matches('/'), encoded(file))
}

fn encoded(path: &str) -> String {
    utf8_percent_encode(path, IN_PATHS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_hub_and_of_the_own_mirror_get_whole_addresses() {
        let mut settings = Settings { hub: "https://hub/".to_owned(), ..Settings::default() };
        let file = RemoteFile {
            file: "a b.zip".to_owned(),
            urls: ["hf:datasets/torch/sat@c87/x/E S.zip", "hf:openai/clip/model.safetensors", "http://a/b%20c"]
                .map(str::to_owned)
                .to_vec(),
            ..RemoteFile::default()
        };
        let mut expected = vec![
            "https://hub/datasets/torch/sat/resolve/c87/x/E%20S.zip",
            "https://hub/openai/clip/resolve/main/model.safetensors",
            "http://a/b%20c",
        ];
        assert_eq!(addresses(&file, &settings), expected);
        settings.mirror = Some("http://own/base/".to_owned());
        expected.insert(0, "http://own/base/a%20b.zip");
        assert_eq!(addresses(&file, &settings), expected);
    }
}
