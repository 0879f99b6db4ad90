//! The HTTP client.

use std::{env, io::Read, time::Duration};

use ureq::{
    Agent, Body,
    http::{Response, header},
    tls::{RootCerts, TlsConfig},
};

/// How patient the client is, and where it looks first.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes; a whole download may take any time.
    pub stall: Duration,
    /// How often a mirror is tried again after a passing failure.
    pub retries: u32,
    /// Wait before the first of these; every further one waits twice as long, up to half a minute.
    pub pause: Duration,
    /// The user's own mirror, tried first for every file.
    pub mirror: Option<String>,
    /// The Hugging Face hub.
    pub hub: String,
    /// Sent to the hub alone.
    pub hub_token: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_mins(1),
            retries: 4,
            pause: Duration::from_secs(1),
            mirror: None,
            hub: "https://huggingface.co".to_owned(),
            hub_token: None,
        }
    }
}

impl Settings {
    /// The defaults, with what the environment says (see the [crate](crate) documentation).
    pub fn from_environment() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let defaults = Self::default();
        Self {
            mirror: variable("CLF_MIRROR"),
            hub: variable("HF_ENDPOINT").unwrap_or(defaults.hub),
            hub_token: variable("HF_TOKEN"),
            ..defaults
        }
    }
}

/// Loads files; cheap to share between threads.
#[derive(Clone, Debug)]
pub struct Fetcher {
    pub(crate) settings: Settings,
    agent: Agent,
}

/// What an address gave, whole.
#[derive(Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub bytes: Vec<u8>,
}

/// Why an address gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageError {
    /// For people.
    pub reason: String,
    /// Whether the answer was there and was too long: another attempt gives the same.
    pub is_too_long: bool,
}

impl Fetcher {
    /// A client with these settings; proxies come from the environment.
    pub fn new(settings: Settings) -> Self {
        let own_certificates = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env::var_os(name).is_some());
        let roots = if own_certificates { RootCerts::PlatformVerifier } else { RootCerts::WebPki };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(10)
            .user_agent(concat!("clf/", env!("CARGO_PKG_VERSION")))
            // A compressed transfer would change lengths and ranges.
            .accept_encoding("identity")
            .timeout_connect(Some(settings.connect))
            .timeout_recv_response(Some(settings.stall))
            .timeout_per_read(Some(settings.stall))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .new_agent();
        Self { settings, agent }
    }

    /// A client as the environment says.
    pub fn from_environment() -> Self {
        Self::new(Settings::from_environment())
    }

    /// Asks for `url` from byte `from` on, if it is still what `validator` says.
    pub(crate) fn request(&self, url: &str, from: u64, validator: Option<&str>) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
            if let Some(validator) = validator {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        match &self.settings.hub_token {
            Some(token) if self.is_of_hub(url) => {
                request.header(header::AUTHORIZATION, format!("Bearer {token}")).call()
            }
            _ => request.call(),
        }
    }

    fn is_of_hub(&self, url: &str) -> bool {
        url.strip_prefix(self.settings.hub.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Loads a small page into memory, once, within `time` in all and up to `limit` bytes.
    ///
    /// # Errors
    ///
    /// When there is no answer in time or the body is longer; a status that is not 200 is an answer.
    pub fn page(&self, url: &str, limit: u64, time: Duration) -> Result<Page, PageError> {
        let failed = |error| PageError { reason: reason(&error), is_too_long: false };
        let response = self.agent.get(url).config().timeout_global(Some(time)).build().call().map_err(failed)?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        let body = response.into_body().into_reader();
        body.take(limit + 1).read_to_end(&mut bytes).map_err(|error| failed(error.into()))?;
        if bytes.len() as u64 > limit {
            return Err(PageError { reason: format!("longer than {limit} bytes"), is_too_long: true });
        }
        Ok(Page { status, bytes })
    }
}

/// What went wrong, for people.
pub(crate) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => "no connection in time".to_owned(),
        ureq::Error::Timeout(_) => "nothing came for too long".to_owned(),
        error if is_unknown_host(error) => "the host is not known; is there a network?".to_owned(),
        ureq::Error::TooManyRedirects => "more than 10 redirects".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Whether the name of the host leads nowhere; the standard library has no kind for it.
fn is_unknown_host(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound => true,
        ureq::Error::Io(error) => error.to_string().starts_with("failed to lookup address"),
        _ => false,
    }
}

/// Whether the same request may succeed a little later.
pub(crate) fn is_passing(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable, NotFound};
    match error {
        error if is_unknown_host(error) => false,
        ureq::Error::Timeout(at) => !matches!(at, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        ureq::Error::Io(error) => {
            !matches!(error.kind(), ConnectionRefused | HostUnreachable | InvalidData | NetworkUnreachable | NotFound)
        }
        ureq::Error::Protocol(_) => true,
        _ => false,
    }
}
