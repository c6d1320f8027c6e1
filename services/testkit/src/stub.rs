//! A small HTTP server on the loopback that answers whatever a test wants it to.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::servers::provide_tls;

/// What was asked.
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Without parameters.
    pub path: String,
    /// Request line and headers.
    pub head: String,
    /// Parameters, from the body or the URL.
    pub form: String,
    /// As it came.
    pub body: Vec<u8>,
}

enum Body {
    Whole(Vec<u8>),
    Raw(Vec<u8>),
    Never,
    Trickle(Vec<u8>, Duration),
    Endless,
}

/// What is answered; status 200 unless another is set.
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Reply {
    fn new(content_type: &str, body: Body) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), content_type.into())],
            body,
        }
    }
    /// A body of JSON.
    pub fn json(text: &str) -> Self {
        Self::new("application/json", Body::Whole(text.as_bytes().to_vec()))
    }
    /// Plain text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::new("text/plain", Body::Whole(text.as_bytes().to_vec())).status(status)
    }
    /// A web page.
    pub fn html(status: u16, text: &str) -> Self {
        Self::new("text/html; charset=utf-8", Body::Whole(text.as_bytes().to_vec())).status(status)
    }
    /// A body of any type.
    pub fn bytes(content_type: &str, body: Vec<u8>) -> Self {
        Self::new(content_type, Body::Whole(body))
    }
    /// These bytes instead of an answer, then the end of the connection.
    pub fn raw(bytes: &[u8]) -> Self {
        Self::new("", Body::Raw(bytes.to_vec()))
    }
    /// Nothing at all.
    pub fn never() -> Self {
        Self::new("", Body::Never)
    }
    /// `start`, then a space `every` while, without end.
    pub fn trickle(start: &[u8], every: Duration) -> Self {
        Self::new("application/json", Body::Trickle(start.to_vec(), every))
    }
    /// A body without end.
    pub fn endless() -> Self {
        Self::new("application/json", Body::Endless)
    }
    /// With another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// Ends with its value.
pub struct Stub {
    port: u16,
    _tasks: JoinSet<()>,
    /// Where the tasks run when the test has no runtime.
    _runtime: Option<Runtime>,
}

impl Stub {
    /// In the runtime of the test, on a port of its own.
    pub async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        provide_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handler: Arc<Handler> = Arc::new(handler);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let handler = handler.clone();
                connections.spawn(async move {
                    let _ = serve(socket, &handler).await;
                });
            }
        });
        Self {
            port,
            _tasks: tasks,
            _runtime: None,
        }
    }

    /// For tests that are not asynchronous: in a thread of its own.
    pub fn in_background(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let stub = runtime.block_on(Self::start(handler));
        Self {
            _runtime: Some(runtime),
            ..stub
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn serve(mut socket: TcpStream, handler: &Arc<Handler>) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            if socket.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        while buffer.len() < head_end + length {
            if socket.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let body = buffer[head_end..head_end + length].to_vec();
        buffer.drain(..head_end + length);
        let mut words = head.split(' ');
        let method = words.next().unwrap_or("").to_owned();
        let (path, query) = {
            let target = words.next().unwrap_or("");
            target.split_once('?').unwrap_or((target, ""))
        };
        let form = if method == "POST" {
            String::from_utf8_lossy(&body).into_owned()
        } else {
            query.to_owned()
        };
        let request = Request {
            path: path.to_owned(),
            method,
            form,
            body,
            head: head.clone(),
        };
        answer(&mut socket, handler(&request)).await?;
    }
}

async fn answer(socket: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
    let given_length = reply.headers.iter().any(|(name, _)| name == "content-length");
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    match reply.body {
        Body::Whole(body) => {
            if !given_length {
                head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
            }
            socket.write_all(format!("{head}\r\n").as_bytes()).await?;
            socket.write_all(&body).await
        }
        Body::Raw(bytes) => {
            socket.write_all(&bytes).await?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        Body::Never => std::future::pending().await,
        Body::Trickle(start, every) => {
            socket
                .write_all(format!("{head}content-length: 100000\r\n\r\n").as_bytes())
                .await?;
            socket.write_all(&start).await?;
            loop {
                tokio::time::sleep(every).await;
                socket.write_all(b" ").await?;
            }
        }
        Body::Endless => {
            socket.write_all(format!("{head}\r\n").as_bytes()).await?;
            loop {
                socket.write_all(&[b'{'; 16_384]).await?;
            }
        }
    }
}
