//! Repairs a text before it is split into tokens.
//!
//! The reference cleans every text with `ftfy.fix_text`, two rounds of `html.unescape`, collapsed white space and lower
//! case (`OpenAI` CLIP, `simple_tokenizer.py`: `basic_clean`, `whitespace_clean`). Wrongly decoded text, ligatures, wide letters, curly quotes
//! and control characters are repaired by the crate [`plsfix`], a port of ftfy; its handling of HTML entities differs and is replaced here.

use std::borrow::Cow;

use plsfix::TextFixerConfig;

/// Rounds of repair after which a text counts as final; ftfy has no such limit but settles after two or three.
const MAX_ROUNDS: usize = 16;
/// Longest entity that ftfy looks at, without `&` and `;`.
const MAX_ENTITY: usize = 25;

/// `text` as the byte-pair encoder of CLIP sees it: repaired, unescaped, single spaces, lower case.
pub fn clean(text: &str) -> String {
    let fixed = if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(unescape(&unescape(&fix(text)))) };
    let words = fixed.split_whitespace().collect::<Vec<_>>();
    words.join(" ").to_lowercase()
}

/// Whether nothing in `text` can need repair; this holds for nearly all class names and captions, and is much quicker.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n') && byte != b'&';
    text.bytes().all(plain)
}

/// `ftfy.fix_text`: line by line, entities and characters in turn until nothing changes.
fn fix(text: &str) -> String {
    let mut entities = true;
    text.split_inclusive('\n')
        .map(|line| {
            // As in ftfy, a bare `<` means that this and the following lines are HTML and keep their entities.
            entities &= !line.contains('<');
            fix_line(line, entities)
        })
        .collect()
}

fn fix_line(line: &str, entities: bool) -> String {
    let config = TextFixerConfig { unescape_html: Some(false), ..TextFixerConfig::default() };
    let mut text = line.to_owned();
    for _ in 0..MAX_ROUNDS {
        let mut next = plsfix::fix_text(&text, Some(&config));
        if entities {
            next = unescape_closed(&next);
        }
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// ftfy's `unescape_html`: only entities that are closed by `;`, also those that were turned into capitals.
fn unescape_closed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let name = rest[1..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#').count();
        let length = if (1..=MAX_ENTITY).contains(&name) && rest[1 + name..].starts_with(';') { name + 2 } else { 1 };
        out.push_str(&entity(&rest[..length]));
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The character of one closed entity such as `&eacute;`, or the entity itself where it is unknown.
fn entity(escaped: &str) -> Cow<'_, str> {
    let known = |unescaped: &str| !unescaped.contains([';', '&']);
    let direct = unescape(escaped);
    if known(&direct) || direct == "&" {
        return Cow::Owned(direct);
    }
    let lower = escaped.to_ascii_lowercase();
    if direct == escaped && lower.to_ascii_uppercase() == escaped {
        let unescaped = unescape(&lower);
        if known(&unescaped) {
            return Cow::Owned(unescaped.to_uppercase());
        }
    }
    Cow::Borrowed(escaped)
}

/// Python's `html.unescape`: the HTML 5 rules, except that references to control characters vanish.
fn unescape(text: &str) -> String {
    let unescaped = htmlize::unescape(text);
    if unescaped == text {
        return text.to_owned();
    }
    unescaped
        .chars()
        .filter(|character| !matches!(character, '\u{1}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_lowered_and_its_white_space_collapsed() {
        assert_eq!(clean("  A  photo\tof\na CAT. "), "a photo of a cat.");
    }

    #[test]
    fn wrongly_decoded_text_is_repaired() {
        assert_eq!(clean("cafÃ© au lait"), "café au lait");
    }

    #[test]
    fn quotes_ligatures_and_wide_letters_become_plain() {
        assert_eq!(clean("it’s “ﬁne” ＬＯＵＤ"), "it's \"fine\" loud");
    }

    #[test]
    fn entities_are_decoded_and_their_quotes_made_plain() {
        assert_eq!(clean("tom &amp;amp; jerry&rsquo;s caf&EACUTE;"), "tom & jerry's café");
    }

    #[test]
    fn references_to_control_characters_vanish() {
        assert_eq!(clean("a&#1;b &#x7f;c"), "ab c");
    }

    #[test]
    fn cleaning_twice_changes_nothing_more() {
        for text in ["A  photo", "cafÃ©", "&lt;b&gt;", "ΣΑΣ İ"] {
            assert_eq!(clean(&clean(text)), clean(text));
        }
    }
}
