//! One question to a server: what it answers, and whether asking again could help. Not here: the file, the tries.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, BodyReader, Error, Timeout};

use crate::limits::{PULL_CONNECT, PULL_PAUSE, PULL_REDIRECTS, PULL_STALL, PULL_TRIES};

/// How long and how often a server is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the name of the server to the end of the TLS handshake.
    pub connect: Duration,
    /// Without any byte.
    pub stall: Duration,
    /// Before the second try; twice as long before each further one.
    pub pause: Duration,
    /// Tries that bring less than `PULL_WORTH`, the first included.
    pub tries: u32,
    pub redirects: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: PULL_CONNECT,
            stall: PULL_STALL,
            pause: PULL_PAUSE,
            tries: PULL_TRIES,
            redirects: PULL_REDIRECTS,
        }
    }
}

/// Why a question had no answer, in words without the address.
#[derive(Debug)]
pub enum Trouble {
    /// Another try may help.
    Passing(String),
    /// No part of the file can be had from there on; the whole may.
    NoPart(String),
    Final(String),
}

/// The beginning of an answer.
pub struct Answer {
    /// Position of the first byte in the file.
    pub start: u64,
    /// Bytes that follow, as far as the server says.
    pub length: Option<u64>,
    /// Of the whole file, where the server says it beside a part.
    pub total: Option<u64>,
    /// What names this version of the file; never a weak one, which may not be asked for by.
    pub etag: Option<String>,
    pub body: BodyReader<'static>,
}

/// Asks one address for a file.
pub struct Client<'a> {
    agent: Agent,
    url: &'a str,
    patience: Patience,
}

impl<'a> Client<'a> {
    pub fn new(url: &'a str, patience: Patience) -> Self {
        // The system's certificates, so that they are kept up to date with it and a company's own are known.
        let known = rustls_native_certs::load_native_certs().certs;
        let known: Vec<_> = known.iter().map(|c| Certificate::from_der(c).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(known)))
            // Of the ways to compute TLS, the one that needs no more than the C compiler of the target.
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            // An https address stays https in every redirection.
            .https_only(url.starts_with("https://"))
            .http_status_as_error(false)
            .max_redirects(patience.redirects)
            .user_agent(concat!("wayside/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            .timeout_per_read(Some(patience.stall));
        if is_this_machine(url) {
            // No proxy of the environment could reach it.
            config = config.proxy(None);
        }
        Self { agent: config.build().new_agent(), url, patience }
    }

    /// Asks for the bytes from `start` on, of the version `etag` where one is known. A server may answer with the whole
    /// file all the same.
    pub fn ask(&self, start: u64, etag: Option<&str>) -> Result<Answer, Trouble> {
        let mut request = self.agent.get(self.url);
        if start > 0 {
            request = request.header("range", format!("bytes={start}-"));
            if let Some(etag) = etag {
                request = request.header("if-range", etag);
            }
        }
        let response = request.call().map_err(|error| self.trouble(error))?;
        let (status, headers) = (response.status(), response.headers());
        let (start, total) = match (status, content_range(headers)) {
            (StatusCode::OK, _) => (0, None),
            (StatusCode::PARTIAL_CONTENT, Some(range)) if range.0 == start => range,
            (StatusCode::PARTIAL_CONTENT, _) => return Err(Trouble::NoPart("sends another part of the file".into())),
            _ => return Err(refusal(status)),
        };
        let etag = header(headers, "etag").filter(|etag| etag.starts_with('"')).map(str::to_owned);
        let length = header(headers, "content-length").and_then(|length| length.parse().ok());
        Ok(Answer { start, length, total, etag, body: response.into_body().into_reader() })
    }

    /// Reads on; 0 is the end.
    pub fn read(&self, body: &mut BodyReader<'static>, buffer: &mut [u8]) -> Result<usize, Trouble> {
        body.read(buffer).map_err(|error| self.trouble(error.into()))
    }

    fn trouble(&self, error: Error) -> Trouble {
        match error {
            Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Trouble::Passing(format!("no connection within {:?}", self.patience.connect))
            }
            Error::Timeout(_) => Trouble::Passing(format!("stalled, no byte for {:?}", self.patience.stall)),
            Error::TooManyRedirects => Trouble::Final(format!("redirects more than {} times", self.patience.redirects)),
            Error::RequireHttpsOnly(url) => Trouble::Final(format!("redirects to {url}, which is not encrypted")),
            Error::Rustls(error) => certificate(&error),
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(tls) => certificate(tls),
                None => Trouble::Passing(match error.kind() {
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                        format!("the connection broke ({error})")
                    }
                    _ => format!("cannot be reached ({error})"),
                }),
            },
            Error::HostNotFound | Error::ConnectionFailed | Error::BodyStalled => Trouble::Passing(error.to_string()),
            error => Trouble::Final(error.to_string()),
        }
    }
}

/// What TLS does not accept.
fn certificate(error: &rustls::Error) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(_) => Trouble::Final(format!(
            "its certificate is not accepted ({error}): is the clock right (`date`), and the package ca-certificates installed?"
        )),
        _ => Trouble::Final(error.to_string()),
    }
}

fn refusal(status: StatusCode) -> Trouble {
    let reason = format!("the server answers {status}");
    match status {
        StatusCode::RANGE_NOT_SATISFIABLE => Trouble::NoPart(reason),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Trouble::Passing(reason),
        _ if status.is_server_error() => Trouble::Passing(reason),
        _ => Trouble::Final(format!("{reason}: name another place with --from")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// First byte, and the size of the whole where it is said: `bytes 5-9/10`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = header(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()))
}

fn is_this_machine(url: &str) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_or_refused() {
        let read = |text: &str| {
            content_range(&HeaderMap::from_iter([("content-range".parse().unwrap(), text.parse().unwrap())]))
        };
        assert_eq!(read("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(read("bytes 5-9/*"), Some((5, None)));
        for wrong in ["bytes */10", "5-9/10", "bytes x-9/10", "bytes -5-9/10", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for url in ["http://localhost/a", "http://127.0.0.1:8000/a/b", "http://[::1]:80"] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in ["https://github.com/localhost", "http://localhost.example.org/", "http://10.0.0.1/127.0.0.1"] {
            assert!(!is_this_machine(url), "{url}");
        }
    }
}
