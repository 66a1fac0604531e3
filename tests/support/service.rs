//! A vendor's service over HTTP for tests: checks every request as the vendor's rules say and answers from a list, with
//! faults on demand. The rules are in the vendor's file.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentphone::driver::clock;
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
pub(crate) struct Answer {
    status: u16,
    kind: &'static str,
    header: Option<(&'static str, &'static str)>,
    delay: Duration,
    chunks: Vec<Vec<u8>>,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Clean,
    Cut,
    Hang,
}

/// What a vendor demands of a request, beside its being JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Where it is posted.
    pub(crate) path: &'static str,
    /// Headers that must be there, with their values.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// What is wrong with a body.
    pub(crate) body: fn(&Value) -> Option<String>,
    /// How an error is written.
    pub(crate) error: fn(u16, &str) -> Answer,
}

impl Answer {
    pub(crate) fn stream(chunks: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self {
            status: 200,
            kind: "text/event-stream; charset=utf-8",
            header: None,
            delay: Duration::ZERO,
            chunks: chunks.into_iter().map(Into::into).collect(),
            end: End::Clean,
        }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            kind: "application/json",
            header: None,
            delay: Duration::ZERO,
            chunks: vec![body.as_bytes().to_vec()],
            end: End::Clean,
        }
    }

    /// Adds a header.
    pub(crate) fn with(self, name: &'static str, value: &'static str) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    /// Sends nothing for a while first.
    pub(crate) fn late(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Breaks the connection after the chunks.
    pub(crate) fn cut(self) -> Self {
        Self {
            end: End::Cut,
            ..self
        }
    }

    /// Sends nothing more after the chunks.
    pub(crate) fn hang(self) -> Self {
        Self {
            end: End::Hang,
            ..self
        }
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Where the answers come from.
#[derive(Debug, Clone)]
enum Answers {
    /// One after the other.
    List(Arc<Mutex<VecDeque<Answer>>>),
    /// Made from each request.
    Obeying(fn(&Value) -> Answer),
}

/// A running service on a free port of 127.0.0.1.
pub(crate) struct StandIn {
    address: SocketAddr,
    answers: Answers,
    requests: Arc<Mutex<Vec<Value>>>,
    open: watch::Receiver<u32>,
    task: JoinHandle<()>,
}

impl StandIn {
    pub(crate) async fn start(rules: Rules, answers: Vec<Answer>) -> Self {
        let answers = Answers::List(Arc::new(Mutex::new(answers.into())));
        Self::with(rules, answers).await
    }

    /// Starts a service that makes each answer from its request.
    pub(crate) async fn obeying(rules: Rules, answer: fn(&Value) -> Answer) -> Self {
        Self::with(rules, Answers::Obeying(answer)).await
    }

    async fn with(rules: Rules, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (opened, open) = watch::channel(0);
        let requests = Arc::default();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(
            rules,
            listener,
            answers.clone(),
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

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies that were accepted so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        if let Answers::List(answers) = &self.answers {
            let left = answers.lock().unwrap().len();
            assert_eq!(left, 0, "every answer was asked for");
        }
        self.seen()
    }

    /// As [`StandIn::requests`], whatever answers are left.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until no client is connected.
    pub(crate) async fn closed(mut self) {
        self.open.wait_for(|open| *open == 0).await.unwrap();
    }

    /// Stops listening.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve(
    rules: Rules,
    listener: TcpListener,
    answers: Answers,
    requests: Arc<Mutex<Vec<Value>>>,
    open: watch::Sender<u32>,
) {
    let open = Arc::new(open);
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        open.send_modify(|n| *n += 1);
        let (answers, requests, open) = (answers.clone(), Arc::clone(&requests), Arc::clone(&open));
        tokio::spawn(async move {
            let service = service_fn(|request| answer(rules, request, &answers, &requests));
            // A cut connection is an error here, as it should be.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
            open.send_modify(|n| *n -= 1);
        });
    }
}

async fn answer(
    rules: Rules,
    request: Request<Incoming>,
    answers: &Answers,
    requests: &Mutex<Vec<Value>>,
) -> Result<Response<Body>, Infallible> {
    let complaint = complaint_about(rules, &request);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let complaint = complaint.or_else(|| (rules.body)(&body).map(|what| (400, what)));
    if let Some((status, what)) = complaint {
        return Ok(respond((rules.error)(status, &format!("stand-in: {what}"))));
    }
    let next = match answers {
        Answers::List(answers) => answers.lock().unwrap().pop_front(),
        Answers::Obeying(answer) => Some(answer(&body)),
    };
    requests.lock().unwrap().push(body);
    let next = next.unwrap_or_else(|| (rules.error)(500, "stand-in: no answer is left"));
    clock::sleep(next.delay).await;
    Ok(respond(next))
}

fn complaint_about(rules: Rules, request: &Request<Incoming>) -> Option<(u16, String)> {
    if request.method() != Method::POST || request.uri().path() != rules.path {
        let what = format!("{} {} is nothing here", request.method(), request.uri());
        return Some((404, what));
    }
    let head = |name: &str| {
        let value = request.headers().get(name);
        value.and_then(|v| v.to_str().ok()).unwrap_or_default()
    };
    if !head("content-type").starts_with("application/json") {
        return Some((415, "no JSON".to_owned()));
    }
    let wrong = rules
        .headers
        .iter()
        .find(|(name, value)| head(name) != *value);
    wrong.map(|(name, _)| (401, format!("a wrong or missing {name}")))
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
