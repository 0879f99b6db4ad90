//! Rows of the published table.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use clf_core::data::DatasetError;

use super::{super::super::files::corrupt, read_error};

/// A caption and the link of its image.
pub(super) struct Row {
    /// 0-based line of the table.
    pub number: usize,
    pub caption: String,
    pub url: String,
}

impl Row {
    /// Where the image lies, relative to the table.
    pub fn image(&self) -> String {
        format!("cc_data/val/{}/{}.jpg", self.number % 1000, self.number)
    }
}

/// All rows of `caption TAB url`.
pub(super) fn read(table: &Path) -> Result<Vec<Row>, DatasetError> {
    let lines = BufReader::new(File::open(table).map_err(read_error(table))?).lines();
    let mut rows = Vec::new();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(read_error(table))?;
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            continue;
        }
        let Some((caption, url)) = line.split_once('\t').filter(|(_, url)| url.contains("://")) else {
            return Err(corrupt(table, format!("line {}: expected a caption, a tab and a link", number + 1)));
        };
        let (caption, url) = (caption.trim().to_owned(), url.trim().to_owned());
        rows.push(Row { number, caption, url });
    }
    if rows.is_empty() {
        return Err(corrupt(table, "it holds no captions"));
    }
    Ok(rows)
}
