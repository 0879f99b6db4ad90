//! One parquet file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use clf_core::data::DatasetError;
use parquet::{
    column::{page::PageReader, reader::ColumnReaderImpl},
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        serialized_reader::SerializedPageReader,
        statistics::Statistics,
    },
};

use super::{
    super::{
        files::{corrupt, io_error},
        shard_config::ShardConfig,
        texts::Texts,
    },
    cache::Page,
    columns::{Columns, Label, LabelKind},
    source::{Source, guarded},
};

/// A file whose footer, labels and captions are read, and whose pictures are not.
pub(super) struct ParquetFile {
    path: PathBuf,
    metadata: ParquetMetaData,
    columns: Columns,
    /// First row of every row group, and the number of rows.
    group_starts: Vec<usize>,
    /// First row of every page of pictures within its row group, once it was asked for.
    page_starts: Vec<OnceLock<Result<Vec<usize>, String>>>,
    labels: Labels,
    captions: Option<Texts>,
}

/// Labels as they stand in the file; `None` where a row has none.
pub(super) enum Labels {
    Absent,
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

/// Where a picture lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Row group and number of the page in it.
    pub(super) group: usize,
    pub(super) page: usize,
    /// Row within the page.
    pub(super) row: usize,
}

impl ParquetFile {
    /// Reads all but the pictures of the file `path`.
    pub(super) fn open(path: &Path, config: &ShardConfig) -> Result<Self, DatasetError> {
        let source = Arc::new(Source::open(path).map_err(io_error(path))?);
        guarded(|| Self::read(path, &source, config)).map_err(|reason| corrupt(path, reason))
    }

    fn read(path: &Path, source: &Arc<Source>, config: &ShardConfig) -> Result<Self, String> {
        let reader = ParquetMetaDataReader::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = reader.parse_and_finish(&**source).map_err(|error| error.to_string())?;
        let columns = Columns::find(metadata.file_metadata(), config)?;
        let mut group_starts = vec![0_usize];
        for group in metadata.row_groups() {
            let rows = usize::try_from(group.num_rows()).map_err(|_| "a row group has a negative number of rows")?;
            let before = group_starts.last().copied().unwrap_or(0);
            group_starts.push(before.checked_add(rows).ok_or("it claims impossibly many rows")?);
        }
        let page_starts = metadata.row_groups().iter().map(|_| OnceLock::new()).collect();
        let mut file = Self {
            path: path.to_path_buf(),
            metadata,
            columns,
            group_starts,
            page_starts,
            labels: Labels::Absent,
            captions: None,
        };
        file.check_column(file.columns.image, source.length())?;
        file.labels = file.read_labels(source)?;
        file.captions = file.read_captions(source)?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.group_starts.last().copied().unwrap_or(0)
    }

    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Names of the classes by number, where the schema has them.
    pub(super) fn class_names(&self) -> Option<&[String]> {
        self.columns.label.as_ref()?.names.as_deref()
    }

    /// The caption of a row; empty where it has none.
    pub(super) fn caption(&self, row: usize) -> Option<&str> {
        self.captions.as_ref()?.get(row).filter(|caption| !caption.is_empty())
    }

    /// Whether no row has a label; -1 is none.
    pub(super) fn has_no_labels(&self) -> bool {
        match &self.labels {
            Labels::Absent => true,
            Labels::Numbers(labels) => labels.iter().all(|label| label.is_none_or(|label| label == -1)),
            Labels::Texts(labels) => labels.iter().all(Option::is_none),
        }
    }

    /// Whether the row group of `row` has pictures in all its rows, as far as the footer says.
    pub(super) fn surely_has_image(&self, row: usize) -> bool {
        let group = self.group_starts.partition_point(|start| *start <= row).saturating_sub(1);
        let Some(group) = self.metadata.row_groups().get(group) else { return false };
        let column = group.column(self.columns.image);
        let nulls = column.statistics().and_then(Statistics::null_count_opt);
        column.column_descr().max_def_level() == 0 || nulls == Some(0)
    }

    /// Where the picture of `row` lies.
    pub(super) fn position(&self, row: usize) -> Result<Position, String> {
        if row >= self.len() {
            return Err(format!("asked for row {row} of {}", self.len()));
        }
        let group = self.group_starts.partition_point(|start| *start <= row) - 1;
        let within = row - self.group_starts[group];
        let starts = self.page_starts[group].get_or_init(|| guarded(|| self.read_page_starts(group)));
        let starts = starts.as_ref().map_err(Clone::clone)?;
        let page = starts.partition_point(|start| *start <= within).saturating_sub(1);
        Ok(Position { group, page, row: within - starts[page] })
    }

    /// Reads the page of a picture.
    pub(super) fn read_page(&self, Position { group, page, .. }: Position) -> Result<Page, String> {
        let Some(Ok(starts)) = self.page_starts[group].get() else {
            return Err("its pages are not known yet".to_owned());
        };
        let end = starts.get(page + 1).copied().unwrap_or(self.group_starts[group + 1] - self.group_starts[group]);
        guarded(|| {
            let source = Arc::new(self.source()?);
            let mut reader = ColumnReaderImpl::<ByteArrayType>::new(
                self.metadata.row_group(group).column(self.columns.image).column_descr_ptr(),
                Box::new(self.pages(&source, group, self.columns.image)?),
            );
            let skipped = reader.skip_records(starts[page]).map_err(|error| error.to_string())?;
            if skipped != starts[page] {
                return Err(format!("row group {group} ends after {skipped} rows"));
            }
            let pictures = self.records(&mut reader, group, self.columns.image, end - starts[page])?;
            Ok(Page::new(pictures, &source))
        })
    }

    fn read_page_starts(&self, group: usize) -> Result<Vec<usize>, String> {
        let mut pages = self.pages(&Arc::new(self.source()?), group, self.columns.image)?;
        let (mut starts, mut rows) = (Vec::new(), 0_usize);
        while let Some(page) = pages.peek_next_page().map_err(|error| error.to_string())? {
            if !page.is_dict {
                starts.push(rows);
                let more = page.num_rows.or(page.num_levels).ok_or("a page does not say how many rows it has")?;
                rows = rows.checked_add(more).ok_or("a page claims impossibly many rows")?;
            }
            pages.skip_next_page().map_err(|error| error.to_string())?;
        }
        let expected = self.group_starts[group + 1] - self.group_starts[group];
        if rows != expected || starts.is_empty() {
            return Err(format!("the pages of row group {group} have {rows} rows, expected {expected}"));
        }
        Ok(starts)
    }

    /// A reader with a place of its own in the file: threads do not share one.
    fn source(&self) -> Result<Source, String> {
        Source::open(&self.path).map_err(|error| error.to_string())
    }

    fn pages(&self, source: &Arc<Source>, group: usize, column: usize) -> Result<SerializedPageReader<Source>, String> {
        let chunk = self.metadata.row_group(group).column(column);
        let rows = self.group_starts[group + 1] - self.group_starts[group];
        let index = self.metadata.page_index_for_row_group(group);
        let locations = index.page_locations(column).filter(|pages| !pages.is_empty()).cloned();
        SerializedPageReader::new(source.clone(), chunk, rows, locations).map_err(|error| error.to_string())
    }

    /// The next `count` values.
    fn records<T: DataType>(
        &self,
        reader: &mut ColumnReaderImpl<T>,
        group: usize,
        column: usize,
        count: usize,
    ) -> Result<Vec<Option<T::T>>, String> {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (records, ..) =
            reader.read_records(count, Some(&mut levels), None, &mut values).map_err(|error| error.to_string())?;
        let descriptor = self.metadata.row_group(group).column(column).column_descr();
        if records != count {
            let name = descriptor.path().string();
            return Err(format!("column {name} of row group {group} has {records} of {count} rows"));
        }
        let full = descriptor.max_def_level();
        if full == 0 {
            return Ok(values.into_iter().map(Some).collect());
        }
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level == full { values.next() } else { None }).collect())
    }

    /// All values of a column.
    fn read_column<T: DataType>(&self, source: &Arc<Source>, column: usize) -> Result<Vec<Option<T::T>>, String> {
        self.check_column(column, source.length())?;
        let mut all = Vec::new();
        for group in 0..self.metadata.num_row_groups() {
            let descriptor = self.metadata.row_group(group).column(column).column_descr_ptr();
            let pages = Box::new(self.pages(source, group, column)?);
            let mut reader = ColumnReaderImpl::<T>::new(descriptor, pages);
            let rows = self.group_starts[group + 1] - self.group_starts[group];
            all.extend(self.records(&mut reader, group, column, rows)?);
        }
        Ok(all)
    }

    fn read_labels(&self, source: &Arc<Source>) -> Result<Labels, String> {
        let Some(Label { column, kind, .. }) = self.columns.label else { return Ok(Labels::Absent) };
        Ok(match kind {
            LabelKind::Int32 => {
                let labels = self.read_column::<Int32Type>(source, column)?;
                Labels::Numbers(labels.into_iter().map(|label| label.map(i64::from)).collect())
            }
            LabelKind::Int64 => Labels::Numbers(self.read_column::<Int64Type>(source, column)?),
            LabelKind::Text => {
                let labels = self.read_column::<ByteArrayType>(source, column)?;
                let text = |label: Option<ByteArray>| label.map(|label| Ok(utf8(&label)?.to_owned())).transpose();
                Labels::Texts(labels.into_iter().map(text).collect::<Result<_, String>>()?)
            }
        })
    }

    fn read_captions(&self, source: &Arc<Source>) -> Result<Option<Texts>, String> {
        let Some(column) = self.columns.caption else { return Ok(None) };
        let mut captions = Texts::default();
        for caption in self.read_column::<ByteArrayType>(source, column)? {
            captions.push(caption.as_ref().map_or(Ok(""), utf8)?.trim());
        }
        Ok(Some(captions))
    }

    /// Refuses a footer that speaks of places outside of the file.
    fn check_column(&self, column: usize, length: u64) -> Result<(), String> {
        for (number, group) in self.metadata.row_groups().iter().enumerate() {
            let chunk = group.columns().get(column).ok_or_else(|| format!("row group {number} lacks a column"))?;
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size()).and_then(|end| u64::try_from(end).ok());
            if start < 0 || chunk.compressed_size() < 0 || end.is_none_or(|end| end > length) {
                let name = chunk.column_path().string();
                return Err(format!(
                    "column {name} of row group {number} lies outside of the file, which has {length} bytes"
                ));
            }
        }
        Ok(())
    }
}

fn utf8(bytes: &ByteArray) -> Result<&str, String> {
    str::from_utf8(bytes.data()).map_err(|_| "it has a text that is not UTF-8".to_owned())
}
