//! Lists of pictures: `path`, or `path label`, a line.

use std::path::{Path, PathBuf};

use clf_core::data::DatasetError;

use super::{
    super::{
        files::{missing, read_text},
        picture,
    },
    ClassFrom, FolderConfig, List, scan,
    sources::Entry,
};

/// Reads a list whose paths start at `folder`; `class-from` beats the label column.
pub(super) fn read(list: &List, root: &Path, folder: &Path, config: &FolderConfig) -> Result<Vec<Entry>, DatasetError> {
    let form = Form { rule: config.class_from, label_is_rest: config.label_is_rest_of_line };
    let files = match list {
        List::Lines(lines) => {
            let lines = lines.iter().map(String::as_str);
            return read_lines(lines, Path::new("the descriptor's list"), folder, form);
        }
        List::File(file) => std::slice::from_ref(file),
        List::Files { files } => files,
    };
    let mut found = Vec::new();
    for file in files {
        let file = root.join(file);
        let text = read_text(&file, "list of pictures", "check train-list and test-list")?;
        found.extend(read_lines(text.lines(), &file, folder, form)?);
    }
    Ok(found)
}

/// How a line is read.
#[derive(Clone, Copy)]
struct Form {
    rule: Option<ClassFrom>,
    label_is_rest: bool,
}

fn read_lines<'a>(
    lines: impl Iterator<Item = &'a str>,
    source: &Path,
    folder: &Path,
    form: Form,
) -> Result<Vec<Entry>, DatasetError> {
    (1..)
        .zip(lines.map(str::trim))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            read_line(line, folder, form)?.ok_or_else(|| {
                let what = format!("picture in line {number} of {}", source.display());
                let hint = "the list and the folder of pictures must belong together";
                missing(what, &folder.join(columns(line).0), hint)
            })
        })
        .collect()
}

/// The picture of a line; `None` when it is not there.
fn read_line(line: &str, folder: &Path, form: Form) -> Result<Option<Entry>, DatasetError> {
    let (path, label) = match line.split_once(char::is_whitespace) {
        Some((path, rest)) if form.label_is_rest => (path, Some(rest.trim())),
        _ => columns(line),
    };
    // A path may itself hold spaces or commas.
    let found = find(folder, path).map(|path| (path, label));
    let Some((path, label)) = found.or_else(|| Some((find(folder, line)?, None))) else {
        return Ok(None);
    };
    match (form.rule, label) {
        (None, Some(label)) => Ok(Some(Entry { path, class: label.to_owned() })),
        _ => scan::entry(path, form.rule.unwrap_or(ClassFrom::Folder)).map(Some),
    }
}

fn find(folder: &Path, path: &str) -> Option<PathBuf> {
    picture::find(&folder.join(path))
}

/// The first two columns of a line.
fn columns(line: &str) -> (&str, Option<&str>) {
    let is_separator = |letter: char| match () {
        () if line.contains('\t') => letter == '\t',
        () if line.contains(',') => letter == ',',
        () => letter.is_whitespace(),
    };
    let mut columns = line.split(is_separator).map(str::trim);
    let path = columns.next().unwrap_or(line);
    (path, columns.find(|column| !column.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_split_at_tabs_else_commas_else_spaces() {
        assert_eq!(columns("a/b.jpg"), ("a/b.jpg", None));
        assert_eq!(columns("b 6 1 2"), ("b", Some("6")));
        assert_eq!(columns("b.jpg   6"), ("b.jpg", Some("6")));
        assert_eq!(columns("b c.jpg\t6\tsome, name"), ("b c.jpg", Some("6")));
        assert_eq!(columns("b c.jpg, 6"), ("b c.jpg", Some("6")));
    }
}
