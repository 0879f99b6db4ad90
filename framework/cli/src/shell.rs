//! Words of a command line for a shell.

use std::borrow::Cow;

/// Arguments as one line for a shell.
pub fn line<T: AsRef<str>>(arguments: &[T]) -> String {
    arguments.iter().map(|argument| word(argument.as_ref())).collect::<Vec<_>>().join(" ")
}

/// `text` as one word of a shell, with fewer quotes than the crate sets, so that settings can be read.
pub fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+./:,=@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    shlex::try_quote(text).unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        assert_eq!(line(&["--set", "lr=1e-4", "a=[\"x y\"]"]), "--set lr=1e-4 'a=[\"x y\"]'");
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(word("train.lr=1e-4"), "train.lr=1e-4");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word(""), "''");
        let words = ["it's $HOME", "a\nb", "`*?\"\\", "~"];
        assert_eq!(shlex::split(&line(&words)).unwrap(), words);
    }
}
