//! What the name of an entry says.

/// Endings of pictures, best first.
const PICTURES: [&str; 8] = ["jpg", "jpeg", "png", "webp", "ppm", "gif", "bmp", "pnm"];

/// What an entry is for its sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Picture,
    Class,
    Caption,
    Json,
}

/// Folder and name up to the first dot, and the rest: `a/17.seg.png` is `a/17` and `seg.png`.
///
/// `None` for what is no part of a sample: hidden files, and names without a dot.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = base + name[base..].find('.')?;
    if dot == base || name[base..].starts_with("__") || name.starts_with("__MACOSX") {
        return None;
    }
    Some((&name[..dot], &name[dot + 1..]))
}

/// The role of an entry with that ending; entries of other kinds are not read.
pub(super) fn role(ending: &str) -> Option<Role> {
    match ending.to_ascii_lowercase().as_str() {
        "cls" => Some(Role::Class),
        "txt" => Some(Role::Caption),
        "json" => Some(Role::Json),
        picture if PICTURES.contains(&picture) => Some(Role::Picture),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_the_first_dot_of_its_last_part() {
        assert_eq!(split("17.jpg"), Some(("17", "jpg")));
        assert_eq!(split("./v1.0/17.seg.png"), Some(("./v1.0/17", "seg.png")));
        for other in ["17", "a.b/17", "a/.hidden.jpg", "._17.jpg", "__info__.json", "__MACOSX/17.jpg", ""] {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn endings_tell_the_role_without_regard_to_case() {
        assert_eq!(role("JPG"), Some(Role::Picture));
        assert_eq!(
            [role("cls"), role("txt"), role("json")],
            [Some(Role::Class), Some(Role::Caption), Some(Role::Json)]
        );
        assert_eq!([role("seg.png"), role("npy"), role("")], [None; 3]);
    }
}
