//! The server's loop.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{Document, Fault, answer::answer};

/// A request that came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Its path.
    pub path: String,
    /// The first byte that it asks for, if not all.
    pub range: Option<usize>,
    /// Under which condition.
    pub if_range: Option<String>,
    /// What it identifies itself with.
    pub authorization: Option<String>,
}

#[derive(Default)]
struct State {
    documents: HashMap<String, Document>,
    faults: HashMap<String, VecDeque<Fault>>,
    requests: Vec<Request>,
}

/// A server on this machine, with a thread for each connection; it ends when dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server without documents.
    ///
    /// # Errors
    ///
    /// When this machine has no free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (state, stop) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let (shared, ended) = (state.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = shared.clone();
                // A client that goes away is part of the tests.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Ok(Self { address, state, stop })
    }

    /// Publishes `bytes` at `path`, which starts with a slash.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.publish(path, Document { bytes: bytes.to_vec(), ..Document::default() });
    }

    /// Publishes a document.
    pub fn publish(&self, path: &str, document: Document) {
        locked(&self.state).documents.insert(path.to_owned(), document);
    }

    /// The next request for `path` goes wrong; further calls are for the requests after it.
    pub fn fail(&self, path: &str, fault: Fault) {
        locked(&self.state).faults.entry(path.to_owned()).or_default().push_back(fault);
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.state).requests.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the loop, so that it sees the flag.
        drop(TcpStream::connect(self.address));
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let request = read_request(&stream)?;
    let (document, fault) = {
        let mut state = locked(state);
        state.requests.push(request.clone());
        let fault = state.faults.get_mut(&request.path).and_then(VecDeque::pop_front);
        (state.documents.get(&request.path).cloned(), fault)
    };
    answer(&mut stream, &request, document.as_ref(), fault)
}

fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, ..Request::default() };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { return Ok(request) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let first = value.strip_prefix("bytes=").map(|it| it.trim_end_matches('-'));
                request.range = first.and_then(|first| first.parse().ok());
            }
            "if-range" => request.if_range = Some(value.to_owned()),
            "authorization" => request.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(request)
}
