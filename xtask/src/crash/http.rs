//! A small HTTP/1.1 client on one kept connection: enough to speak to our own server, and separate
//! from the product's client so that one mistake cannot hide another. It follows no redirects,
//! retries nothing and reads whole bodies up to a limit.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// No answer takes longer, even on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The longest body read: a whole store's ids.
const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Where a server is and what opens it.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) host: String,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Http {
    door: Door,
    reader: BufReader<TcpStream>,
}

impl Http {
    pub(crate) fn connect(door: &Door) -> io::Result<Self> {
        let stream = TcpStream::connect(&door.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { door: door.clone(), reader: BufReader::new(stream) })
    }

    /// One request and its answer. `headers` are whole lines, each ended by `\r\n`.
    pub(crate) fn call(&mut self, start: &str, headers: &str, body: &[u8]) -> io::Result<Reply> {
        let Door { host, token } = &self.door;
        let head = format!(
            "{start} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.reader.get_mut().write_all(&bytes)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| broken("no status line"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None if line.is_empty() => break,
                Some(("content-length", value)) => {
                    length = value.trim().parse().map_err(|_| broken("content-length"))?;
                }
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        let body = if chunked { self.chunks()? } else { self.exactly(length)? };
        Ok(Reply { status, body })
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(|_| broken("chunk size"))?;
            body.extend(self.exactly(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn exactly(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let size = usize::try_from(length.min(BODY_BYTES_MAX)).unwrap_or(0);
        let mut bytes = vec![0; size];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an HTTP answer: {what}"))
}
