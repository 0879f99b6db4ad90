//! One attempt to load the rest of a file from one mirror.

use std::{io::Read, time::Duration};

use ureq::{
    Body,
    http::{HeaderName, Response, StatusCode, header},
};

use crate::{
    FetchError, Fetcher, Progress, RemoteFile, Stage,
    checksum::BLOCK,
    client::{is_passing, reason},
    part::{Origin, Part},
    space::{self, size},
};

/// Why an attempt failed.
pub(crate) enum Trouble {
    /// The same mirror may do later; the server may say when.
    Passing(String, Option<Duration>),
    /// The part does not fit what the mirror has now; it was emptied.
    Changed,
    /// This mirror will not do.
    Lasting(String),
    /// No mirror will do.
    Local(FetchError),
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Self {
        Self::Local(error)
    }
}

impl From<ureq::Error> for Trouble {
    fn from(error: ureq::Error) -> Self {
        let text = reason(&error);
        if is_passing(&error) { Self::Passing(text, None) } else { Self::Lasting(text) }
    }
}

/// Longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What the head of an answer says.
enum Answer {
    /// The part is the whole already.
    Whole,
    /// The rest follows; the length of the whole may be known.
    Rest(Option<u64>),
}

impl Fetcher {
    /// Loads what is missing of `part` from `url`; on success it is as long as the server says.
    pub(crate) fn transfer(
        &self,
        url: &str,
        file: &RemoteFile,
        part: &mut Part,
        progress: &dyn Progress,
    ) -> Result<(), Trouble> {
        if !can_go_on(part, url, file) {
            part.restart()?;
        }
        if part.length() > 0 && file.bytes == Some(part.length()) {
            return Ok(());
        }
        let validator = part.validator_at(url).map(str::to_owned);
        let response = self.request(url, part.length(), validator.as_deref())?;
        let Answer::Rest(total) = settle(&response, url, file, part)? else { return Ok(()) };
        if let Some(total) = total {
            check_length(file, total)?;
            space::check(file, total, part.length(), part.folder())?;
        }
        part.record(Origin { url: url.to_owned(), validator: validator_of(&response), length: total })?;
        progress.begin(&file.file, Stage::Loading, total.or(file.bytes), part.length());
        copy(response, file, part, progress)?;
        if total.is_some_and(|total| part.length() < total) {
            return Err(Trouble::Passing("the connection ended before the file did".to_owned(), None));
        }
        progress.end(&file.file, Stage::Loading);
        Ok(())
    }
}

/// Whether the bytes of the part can be the beginning of what `url` has.
///
/// The server tells by its validator. Without one, or at another mirror, only a checksum tells in the end.
fn can_go_on(part: &Part, url: &str, file: &RemoteFile) -> bool {
    let fits = file.bytes.is_none_or(|bytes| part.length() <= bytes);
    fits && (part.validator_at(url).is_some() || file.is_verifiable())
}

/// Makes the part ready for what the answer brings.
fn settle(response: &Response<Body>, url: &str, file: &RemoteFile, part: &mut Part) -> Result<Answer, Trouble> {
    match response.status() {
        StatusCode::OK => {
            refuse_web_page(response, file)?;
            part.restart()?;
            Ok(Answer::Rest(number(response, &header::CONTENT_LENGTH)))
        }
        StatusCode::PARTIAL_CONTENT if continues(response, url, part) => Ok(Answer::Rest(range_total(response))),
        StatusCode::RANGE_NOT_SATISFIABLE if range_total(response) == Some(part.length()) => Ok(Answer::Whole),
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if part.length() > 0 => {
            part.restart()?;
            Err(Trouble::Changed)
        }
        status => Err(refusal(status, response)),
    }
}

/// Whether the answer goes on exactly where the part ends, with the same version of the file.
fn continues(response: &Response<Body>, url: &str, part: &Part) -> bool {
    let range = text(response, &header::CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes "));
    let start = range.and_then(|range| range.split('-').next()).and_then(|start| start.trim().parse::<u64>().ok());
    let now = validator_of(response);
    let same_version = match (part.validator_at(url), now.as_deref()) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    start == Some(part.length()) && same_version
}

/// The length of the whole in a `Content-Range`.
fn range_total(response: &Response<Body>) -> Option<u64> {
    text(response, &header::CONTENT_RANGE)?.rsplit('/').next()?.trim().parse().ok()
}

/// What tells this version of the file from another one: a strong entity tag, or the date.
fn validator_of(response: &Response<Body>) -> Option<String> {
    let tag = text(response, &header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| text(response, &header::LAST_MODIFIED)).map(str::to_owned)
}

fn text<'a>(response: &'a Response<Body>, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn number(response: &Response<Body>, name: &HeaderName) -> Option<u64> {
    text(response, name)?.trim().parse().ok()
}

/// A page that asks for a login or says sorry comes with status 200 at times.
fn refuse_web_page(response: &Response<Body>, file: &RemoteFile) -> Result<(), Trouble> {
    let is_page = text(response, &header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
    if is_page && !file.file.ends_with("html") {
        return Err(Trouble::Lasting("it gives a web page instead of the file".to_owned()));
    }
    Ok(())
}

fn check_length(file: &RemoteFile, total: u64) -> Result<(), Trouble> {
    match file.bytes {
        Some(bytes) if bytes != total => Err(Trouble::Lasting(format!("its file has {total} bytes, expected {bytes}"))),
        _ => Ok(()),
    }
}

/// What a status that gives no content means.
fn refusal(status: StatusCode, response: &Response<Body>) -> Trouble {
    let text = format!("status {status}");
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => {
            let wait = number(response, &header::RETRY_AFTER).map(Duration::from_secs);
            Trouble::Passing(text, wait.map(|wait| wait.min(LONGEST_WAIT)))
        }
        401 | 403 => Trouble::Lasting(format!("{text}; it may need an account, and HF_TOKEN on the Hugging Face hub")),
        _ => Trouble::Lasting(text),
    }
}

/// Appends the body to the part.
fn copy(response: Response<Body>, file: &RemoteFile, part: &mut Part, progress: &dyn Progress) -> Result<(), Trouble> {
    let mut body = response.into_body().into_reader();
    let mut block = vec![0; BLOCK];
    loop {
        let count = body.read(&mut block).map_err(ureq::Error::from)?;
        if count == 0 {
            return Ok(());
        }
        if file.bytes.is_some_and(|bytes| part.length() + count as u64 > bytes) {
            let reason = format!("it gives more than the {} that are expected", size(file.bytes.unwrap_or(0)));
            return Err(Trouble::Lasting(reason));
        }
        part.append(&block[..count])?;
        progress.advance(&file.file, Stage::Loading, count as u64);
    }
}
