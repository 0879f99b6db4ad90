//! Paths of this machine in texts that leave it.

/// Puts `~` for the user's folder.
pub fn without_home(text: &str) -> String {
    match dirs::home_dir().map(|home| home.to_string_lossy().into_owned()) {
        // A user without a folder of their own may have `/`.
        Some(home) if home.len() > 1 => text.replace(&home, "~"),
        _ => text.to_owned(),
    }
}

/// The first absolute path in `text`.
pub fn first_absolute(text: &str) -> Option<&str> {
    let starts = text.match_indices('/').map(|(at, _)| at);
    starts.into_iter().find_map(|at| absolute_at(text, at))
}

/// The path that begins at `at`, if there is one with at least two parts.
fn absolute_at(text: &str, at: usize) -> Option<&str> {
    let before = text[..at].chars().next_back();
    let begins = before.is_none_or(|c| c.is_whitespace() || "\"'=:(".contains(c));
    let rest = &text[at..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"',;)".contains(c)).unwrap_or(rest.len());
    let path = &rest[..end];
    let first_part = path[1..].split('/').next().unwrap_or_default();
    (begins && !first_part.is_empty() && path[1..].contains('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_found_and_nothing_else() {
        assert_eq!(first_absolute("run folder /srv/runs/a\n"), Some("/srv/runs/a"));
        assert_eq!(first_absolute("images = \"folder:/data/in net\""), Some("/data/in"));
        for text in ["a/b or runs/a/b", "https://example.org/a/b", "1 / 2 / 3", "a /b"] {
            assert_eq!(first_absolute(text), None, "{text}");
        }
    }
}
