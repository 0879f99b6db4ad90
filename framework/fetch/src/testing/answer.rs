//! What the server sends.

use std::{io::Write, net::TcpStream, thread, time::Duration};

use super::Request;

/// A file on the server.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its entity tag, with its quotes.
    pub etag: Option<String>,
    /// Its type.
    pub content_type: Option<String>,
    /// Whether ranges are ignored.
    pub whole_only: bool,
}

/// How one request goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// After so many bytes nothing comes for that long.
    Stall(usize, Duration),
    /// A status without content.
    Status(u16),
    /// A redirect to another address.
    Redirect(String),
    /// The connection ends before the head.
    Drop,
}

/// Answers one request.
pub(super) fn answer(
    stream: &mut TcpStream,
    request: &Request,
    document: Option<&Document>,
    fault: Option<Fault>,
) -> std::io::Result<()> {
    match (fault, document) {
        (Some(Fault::Drop), _) => Ok(()),
        (Some(Fault::Status(status)), _) => bare(stream, status, ""),
        (Some(Fault::Redirect(to)), _) => bare(stream, 302, &format!("Location: {to}\r\n")),
        (_, None) => bare(stream, 404, ""),
        (fault, Some(document)) => give(stream, request, document, fault.as_ref()),
    }
}

fn bare(stream: &mut TcpStream, status: u16, head: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status} -\r\n{head}Content-Length: 0\r\nConnection: close\r\n\r\n")
}

fn give(stream: &mut TcpStream, request: &Request, document: &Document, fault: Option<&Fault>) -> std::io::Result<()> {
    let total = document.bytes.len();
    let same = request.if_range.as_ref().is_none_or(|tag| Some(tag) == document.etag.as_ref());
    let start = request.range.filter(|_| same && !document.whole_only);
    let mut head = match start {
        Some(start) if start >= total => {
            return bare(stream, 416, &format!("Content-Range: bytes */{total}\r\n"));
        }
        Some(start) => format!("HTTP/1.1 206 -\r\nContent-Range: bytes {start}-{}/{total}\r\n", total - 1),
        None => "HTTP/1.1 200 -\r\n".to_owned(),
    };
    let body = &document.bytes[start.unwrap_or(0)..];
    head += &format!("Content-Length: {}\r\nConnection: close\r\n", body.len());
    head += &document.etag.as_ref().map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    head += &document.content_type.as_ref().map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    stream.write_all((head + "\r\n").as_bytes())?;
    match fault {
        Some(Fault::Cut(count)) => stream.write_all(&body[..(*count).min(body.len())]),
        Some(Fault::Stall(count, time)) => {
            stream.write_all(&body[..(*count).min(body.len())])?;
            stream.flush()?;
            thread::sleep(*time);
            Ok(())
        }
        _ => stream.write_all(body),
    }
}
