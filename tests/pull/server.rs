//! An HTTP server on this machine that does what it is told, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    /// First byte that is asked for.
    pub range: Option<usize>,
    pub if_range: Option<String>,
}

pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gets each request, its number and the connection, which is closed behind it. One at a time.
    pub fn start(mut answer: impl FnMut(&Request, usize, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let serve = move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let request = read(&stream);
                log.lock().unwrap().push(request.clone());
                let mut stream = stream;
                answer(&request, number, &mut stream);
            }
        };
        std::thread::Builder::new().name("server".into()).spawn(serve).unwrap();
        Self { url, seen }
    }

    /// One that does all right: ranges, ETag, length.
    pub fn honest(file: Vec<u8>) -> Self {
        Self::start(move |request, _, stream| send(stream, request, &file, file.len()))
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap_or_default);
    let first = lines.next().unwrap_or_default();
    let mut request = Request { path: first.split(' ').nth(1).unwrap_or_default().into(), ..Request::default() };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = value.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')?.parse().ok()),
            "if-range" => request.if_range = Some(value.into()),
            _ => {}
        }
    }
    request
}

/// Answers with what is asked of `file`, and closes after `most` bytes of the body.
pub fn send(stream: &mut TcpStream, request: &Request, file: &[u8], most: usize) {
    let (whole, etag) = (file.len(), "connection: close\r\netag: \"v1\"\r\n");
    let head = match request.range {
        Some(start) if start >= whole => {
            return write(
                stream,
                format!(
                    "HTTP/1.1 416 Beyond\r\nconnection: close\r\ncontent-range: bytes */{whole}\r\ncontent-length: 0\r\n\r\n"
                ),
            );
        }
        Some(start) => format!(
            "HTTP/1.1 206 Part\r\n{etag}content-range: bytes {start}-{}/{whole}\r\ncontent-length: {}\r\n\r\n",
            whole - 1,
            whole - start
        ),
        None => format!("HTTP/1.1 200 OK\r\n{etag}content-length: {whole}\r\n\r\n"),
    };
    let body = &file[request.range.unwrap_or(0)..];
    write(stream, head);
    write(stream, &body[..most.min(body.len())]);
}

/// A client that has gone away is no error here.
pub fn write(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    let _ = stream.write_all(bytes.as_ref());
}

/// Keeps the connection until the client closes it.
pub fn hold(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]);
}
