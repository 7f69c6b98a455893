//! One request and its answer, as bytes. Both sides are told to close afterwards, so an answer ends with the stream.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const LARGEST_HEAD: usize = 64 * 1024;

/// A request, read whole.
pub(super) struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub(super) async fn read(client: &mut TcpStream) -> io::Result<Self> {
        let (head, mut body) = read_head(client).await?;
        let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let start = body.len();
        if start < length {
            body.resize(length, 0);
            client.read_exact(body.get_mut(start..).unwrap_or_default()).await?;
        }
        Ok(Self { head, body })
    }

    /// `METHOD /path?query`
    pub(super) fn line(&self) -> String {
        let line = self.head.lines().next().unwrap_or_default();
        line.rsplit_once(' ').map_or(line, |(line, _version)| line).to_owned()
    }

    async fn send(&self, upstream: u16) -> io::Result<TcpStream> {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await?;
        let mut head = with_header(&self.head, "Connection", "close").into_bytes();
        head.extend_from_slice(&self.body);
        server.write_all(&head).await?;
        Ok(server)
    }
}

/// The server's answer as it comes, also when it comes slowly. Ends also when the client goes away, for a server does
/// not notice that by itself while a blocking query waits.
pub(super) async fn pass(client: &mut TcpStream, request: &Request, upstream: u16) -> io::Result<()> {
    let mut server = request.send(upstream).await?;
    tokio::io::copy_bidirectional(client, &mut server).await.map(drop)
}

pub(super) async fn pass_with_header(
    client: &mut TcpStream,
    request: &Request,
    upstream: u16,
    (name, value): (&str, &str),
) -> io::Result<()> {
    let mut server = request.send(upstream).await?;
    let (head, body) = read_head(&mut server).await?;
    let head = with_header(&head, name, value);
    client.write_all(head.as_bytes()).await?;
    client.write_all(&body).await?;
    tokio::io::copy_bidirectional(client, &mut server).await.map(drop)
}

pub(super) async fn cut_halfway(client: &mut TcpStream, request: &Request, upstream: u16) -> io::Result<()> {
    let mut server = request.send(upstream).await?;
    let (head, mut body) = read_head(&mut server).await?;
    server.read_to_end(&mut body).await?;
    body.truncate(body.len() / 2);
    client.write_all(head.as_bytes()).await?;
    client.write_all(&body).await?;
    client.shutdown().await
}

pub(super) async fn answer(client: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {status} Faulty Wire\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

/// Ends when the client closes the connection, or breaks it.
pub(super) async fn until_taken_back(client: &mut TcpStream) {
    let mut rest = [0; 1024];
    while client.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

/// Ends when the client goes away.
pub(super) async fn endless(client: &mut TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 200 Faulty Wire\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"status\":\"";
    client.write_all(head.as_bytes()).await?;
    loop {
        client.write_all(&[b'x'; 16 * 1024]).await?;
    }
}

/// The head with its final empty line, and what came after it in the same reads.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD) {
            let body = bytes.split_off(end + END_OF_HEAD.len());
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), body));
        }
        if bytes.len() > LARGEST_HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too large"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn header<'head>(head: &'head str, name: &str) -> Option<&'head str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value.trim()))
}

/// The head with this header instead of any of that name.
fn with_header(head: &str, name: &str, value: &str) -> String {
    let mut changed = String::with_capacity(head.len() + name.len() + value.len());
    for line in head.trim_end().lines() {
        if line.split_once(':').is_none_or(|(found, _)| !found.eq_ignore_ascii_case(name)) {
            changed.extend([line, "\r\n"]);
        }
    }
    changed.extend([name, ": ", value, "\r\n\r\n"]);
    changed
}
