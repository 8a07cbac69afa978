//! Just enough HTTP/1.1 to send a prepared body over a kept connection and read the answer, so that
//! the generator takes as little of the shared cores as it can. It refuses redirects and knows no
//! TLS.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// An answer takes no longer than this.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// Where the server is and who we are.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// `host:port`.
    pub(crate) host: String,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A kept connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Connection {
    /// Connects; `headers` are further lines that every request carries.
    pub(crate) fn open(server: &Server) -> io::Result<Self> {
        let stream = TcpStream::connect(&server.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let head = format!("host: {}\r\nauthorization: Bearer {}\r\n", server.host, server.token);
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), head })
    }

    /// Posts a body; `headers` are whole lines with their ends. The answer is read later.
    pub(crate) fn send(&mut self, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let length = body.len();
        let mut request = Vec::with_capacity(512 + length);
        write!(
            request,
            "POST {path} HTTP/1.1\r\n{}{headers}content-length: {length}\r\n\r\n",
            self.head
        )?;
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)
    }

    /// Asks for a path.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Reply> {
        let request = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.head);
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.reply()
    }

    /// The answer to the request that was sent.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status line"))?;
        let mut length = None;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
        let body = match length {
            Some(length) => self.exactly(length)?,
            None => self.chunks()?,
        };
        Ok(Reply { status, body })
    }

    fn exactly(&mut self, length: u64) -> io::Result<Vec<u8>> {
        if length > BODY_BYTES_MAX {
            return Err(io::Error::other("the answer is too long"));
        }
        let mut body = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            body.append(&mut self.exactly(length)?);
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}
