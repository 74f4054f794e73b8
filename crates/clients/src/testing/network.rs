//! The network between a client and a store: it passes requests on, one a connection, and fails as it is told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// The longest head of a request that is passed on.
const MAX_HEAD: usize = 64 * 1024;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    /// The store is not asked; this is its answer, with an `<Error>` of this code (none where it is empty).
    Answer {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// The bucket's region, if it is told.
        region: Option<&'static str>,
    },
    /// The connection breaks after so many bytes of the request's body.
    BreakRequest(u64),
    /// The connection breaks after so many bytes of the answer, its head included.
    BreakAnswer(u64),
    /// The store does what it was asked, and its answer never arrives.
    LoseAnswer,
    /// Nothing is passed on for so long, and then everything, whether the client still waits or not: it hears nothing.
    Late(Duration),
    /// Nothing is passed on for so long, and then everything.
    Silence(Duration),
    /// After so many bytes of the answer nothing comes for so long.
    Stall(u64, Duration),
    /// Both ways are slow: so many bytes, and then a pause.
    Slow(usize, Duration),
}

#[derive(Debug)]
struct Planned {
    times: usize,
    /// How the request's line begins.
    line: String,
    mishap: Mishap,
}

#[derive(Debug, Default)]
struct Plan {
    planned: Vec<Planned>,
    lines: Vec<String>,
}

/// The network. It ends with this value.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    _passing: AbortOnDropHandle<()>,
}

impl Network {
    /// Begins to pass requests on to `store`.
    pub async fn before(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let known = Arc::clone(&plan);
        let passing = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let plan = Arc::clone(&known);
                // A connection that breaks off is what this is for.
                tokio::spawn(async move { pass(client, store, &plan).await });
            }
        });
        Self { address, plan, _passing: AbortOnDropHandle::new(passing) }
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the next `times` requests fail whose line (`PUT /brain-test/key`) begins with `line`.
    pub fn fail(&self, times: usize, line: &str, mishap: Mishap) {
        lock(&self.plan).planned.push(Planned { times, line: line.to_owned(), mishap });
    }

    /// Lets nothing fail any more.
    pub fn settle(&self) {
        lock(&self.plan).planned.clear();
    }

    /// The methods and paths of all requests so far.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.plan).lines.clone()
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes one request and its answer.
async fn pass(mut client: TcpStream, store: SocketAddr, plan: &Mutex<Plan>) -> std::io::Result<()> {
    let Some((head, body)) = read_head(&mut client).await? else { return Ok(()) };
    let line = head.split(" HTTP/").next().unwrap_or_default().to_owned();
    let mishap = choose(&mut lock(plan), &line);
    let length = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let left = u64::saturating_sub(length, body.len() as u64);
    if let Some(Mishap::Answer { status, code, region }) = mishap {
        if header(&head, "expect").is_none() {
            tokio::io::copy(&mut (&mut client).take(left), &mut tokio::io::sink()).await?;
        }
        client.write_all(answer(status, code, region, line.starts_with("HEAD")).as_bytes()).await?;
        return client.shutdown().await;
    }
    if let Some(Mishap::Late(span)) = mishap {
        let mut request = head.replacen("\r\n", "\r\nconnection: close\r\n", 1).into_bytes();
        request.extend(body);
        (&mut client).take(left).read_to_end(&mut request).await?;
        tokio::time::sleep(span).await;
        let mut server = TcpStream::connect(store).await?;
        server.write_all(&request).await?;
        return copy(&mut server, &mut tokio::io::sink(), None).await;
    }
    if let Some(Mishap::Silence(span)) = mishap {
        tokio::time::sleep(span).await;
    }
    let mut server = TcpStream::connect(store).await?;
    // One request a connection: the end of the answer is the end of the connection.
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    server.write_all(&body).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let left = if let Some(Mishap::BreakRequest(after)) = mishap { left.min(after) } else { left };
    copy(&mut (&mut from_client).take(left), &mut to_server, mishap).await?;
    // The store answers when all of the request came, not before.
    match mishap {
        Some(Mishap::BreakRequest(_)) => Err(std::io::ErrorKind::ConnectionReset.into()),
        Some(Mishap::LoseAnswer) => copy(&mut from_server, &mut tokio::io::sink(), None).await,
        Some(Mishap::BreakAnswer(after)) => {
            copy(&mut (&mut from_server).take(after), &mut to_client, None).await
        }
        Some(Mishap::Stall(after, span)) => {
            copy(&mut (&mut from_server).take(after), &mut to_client, None).await?;
            tokio::time::sleep(span).await;
            copy(&mut from_server, &mut to_client, None).await
        }
        _ => copy(&mut from_server, &mut to_client, mishap).await,
    }
}

fn choose(plan: &mut Plan, line: &str) -> Option<Mishap> {
    plan.lines.push(line.split('?').next().unwrap_or_default().to_owned());
    let planned =
        plan.planned.iter_mut().find(|planned| planned.times > 0 && line.starts_with(&planned.line))?;
    planned.times -= 1;
    Some(planned.mishap)
}

/// The head of a request, and what came of its body with it.
async fn read_head(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&read).into_owned(), body)));
        }
        if client.read_buf(&mut read).await? == 0 || read.len() > MAX_HEAD {
            return Ok(None);
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    values.next()
}

fn answer(status: u16, code: &str, region: Option<&str>, is_head: bool) -> String {
    let body = if code.is_empty() || is_head {
        String::new()
    } else {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>secret-message</Message></Error>")
    };
    let region = region.map_or(String::new(), |region| format!("x-amz-bucket-region: {region}\r\n"));
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Whatever\r\ncontent-length: {length}\r\nx-amz-request-id: REQUEST\r\n{region}connection: close\r\n\r\n{body}"
    )
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mishap: Option<Mishap>,
) -> std::io::Result<()> {
    let (size, pause) = match mishap {
        Some(Mishap::Slow(size, pause)) => (size, pause),
        _ => (64 * 1024, Duration::ZERO),
    };
    let mut piece = vec![0; size];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.flush().await;
        }
        to.write_all(&piece[..length]).await?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}
