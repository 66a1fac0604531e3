//! A chat completions service for tests: checks every request strictly and answers from a list, with faults on demand.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response,
    body::{Frame, Incoming},
    header,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// What to answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: u16,
    kind: &'static str,
    header: Option<(&'static str, &'static str)>,
    chunks: Vec<Vec<u8>>,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Clean,
    Cut,
    Hang,
}

impl Answer {
    pub(super) fn stream(chunks: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self {
            status: 200,
            kind: "text/event-stream; charset=utf-8",
            header: None,
            chunks: chunks.into_iter().map(Into::into).collect(),
            end: End::Clean,
        }
    }

    pub(super) fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            kind: "application/json",
            header: None,
            chunks: vec![body.as_bytes().to_vec()],
            end: End::Clean,
        }
    }

    /// Adds a header.
    pub(super) fn with(self, name: &'static str, value: &'static str) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    /// Breaks the connection after the chunks.
    pub(super) fn cut(self) -> Self {
        Self {
            end: End::Cut,
            ..self
        }
    }

    /// Sends nothing more after the chunks.
    pub(super) fn hang(self) -> Self {
        Self {
            end: End::Hang,
            ..self
        }
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A running service on a free port of 127.0.0.1.
pub(super) struct StandIn {
    address: SocketAddr,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Value>>>,
    open: watch::Receiver<u32>,
    task: JoinHandle<()>,
}

impl StandIn {
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (opened, open) = watch::channel(0);
        let (answers, requests) = (Arc::new(Mutex::new(answers.into())), Arc::default());
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(
            listener,
            Arc::clone(&answers),
            Arc::clone(&requests),
            opened,
        ));
        Self {
            address,
            answers,
            requests,
            open,
            task,
        }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1/", self.address)
    }

    /// The bodies that were accepted so far.
    pub(super) fn requests(&self) -> Vec<Value> {
        assert!(
            self.answers.lock().unwrap().is_empty(),
            "every answer was asked for"
        );
        self.requests.lock().unwrap().clone()
    }

    /// Waits until no client is connected.
    pub(super) async fn closed(mut self) {
        self.open.wait_for(|open| *open == 0).await.unwrap();
    }

    /// Stops listening.
    pub(super) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve(
    listener: TcpListener,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Value>>>,
    open: watch::Sender<u32>,
) {
    let open = Arc::new(open);
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        open.send_modify(|n| *n += 1);
        let (answers, requests, open) = (
            Arc::clone(&answers),
            Arc::clone(&requests),
            Arc::clone(&open),
        );
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &answers, &requests));
            // A cut connection is an error here, as it should be.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
            open.send_modify(|n| *n -= 1);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    answers: &Mutex<VecDeque<Answer>>,
    requests: &Mutex<Vec<Value>>,
) -> Result<Response<Body>, Infallible> {
    let complaint = complaint_about(&request);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(complaint) = complaint.or_else(|| complaint_about_body(&body)) {
        let message = format!(r#"{{"error":{{"message":"stand-in: {complaint}"}}}}"#);
        return Ok(respond(Answer::json(418, &message)));
    }
    requests.lock().unwrap().push(body);
    let next = answers.lock().unwrap().pop_front();
    Ok(respond(next.unwrap_or_else(|| {
        Answer::json(418, r#"{"error":"stand-in: no answer left"}"#)
    })))
}

fn complaint_about(request: &Request<Incoming>) -> Option<String> {
    let head = |name| {
        request
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
    };
    if request.method() != Method::POST || request.uri().path() != "/v1/chat/completions" {
        return Some(format!("{} {}", request.method(), request.uri()));
    }
    if head(header::AUTHORIZATION) != format!("Bearer {}", super::KEY) {
        return Some("no key".to_owned());
    }
    (head(header::CONTENT_TYPE) != "application/json").then(|| "no JSON".to_owned())
}

/// What the reference does not allow: unknown fields, no model, roles out of order, bad tool names.
fn complaint_about_body(body: &Value) -> Option<String> {
    const KNOWN: [&str; 8] = [
        "model",
        "messages",
        "stream",
        "tools",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "response_format",
    ];
    let fields = body.as_object()?;
    if let Some(unknown) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Some(format!("unknown field {unknown}"));
    }
    let roles: Vec<&str> = body["messages"]
        .as_array()?
        .iter()
        .map(|m| m["role"].as_str().unwrap_or(""))
        .collect();
    let alternate = roles
        .iter()
        .skip(1)
        .enumerate()
        .all(|(i, role)| *role == if i % 2 == 0 { "user" } else { "assistant" });
    if body["model"] != "small"
        || roles.first() != Some(&"system")
        || !alternate
        || roles.last() != Some(&"user")
    {
        return Some(format!("roles {roles:?}"));
    }
    let texts = body["messages"]
        .as_array()?
        .iter()
        .all(|m| m["content"].as_str().is_some_and(|t| !t.is_empty()));
    let names = |tool: &Value| {
        let name = tool["function"]["name"].as_str().unwrap_or("");
        tool["type"] == "function"
            && tool["function"]["parameters"]["type"] == "object"
            && !name.is_empty()
            && name.len() <= 64
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let tools = body["tools"]
        .as_array()
        .is_none_or(|tools| tools.iter().all(names));
    (!texts || !tools).then(|| "an empty message or a bad tool".to_owned())
}

fn respond(answer: Answer) -> Response<Body> {
    let frames = stream::iter(
        answer
            .chunks
            .into_iter()
            .map(|chunk| Ok(Frame::data(Bytes::from(chunk)))),
    );
    let end = answer.end;
    let tail = stream::once(async move {
        match end {
            End::Hang => std::future::pending().await,
            End::Clean | End::Cut => {
                // A body that is not ready makes hyper send what it has before the cut.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut"))
            }
        }
    });
    let tail = if matches!(end, End::Clean) {
        stream::empty().boxed()
    } else {
        tail.boxed()
    };
    let mut response = Response::builder().status(answer.status);
    if let Some((name, value)) = answer.header {
        response = response.header(name, value);
    }
    response
        .header(header::CONTENT_TYPE, answer.kind)
        .body(BodyExt::boxed_unsync(StreamBody::new(frames.chain(tail))))
        .unwrap()
}
