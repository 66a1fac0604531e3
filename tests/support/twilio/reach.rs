//! How the stand-in reaches the server under test: in memory, on virtual time, or over sockets.

use std::sync::Arc;

use agentphone::line::{Endpoints, WireRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, client::IntoClientRequest, protocol::Role},
};

/// A connection of either kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(crate) type Socket = WebSocketStream<Box<dyn Duplex>>;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// The paths of a line, without any server.
    Memory(Arc<dyn Endpoints>),
    /// A server on this machine.
    Network(reqwest::Client),
}

const PREFIX: &str = "/lines/twilio/";
/// Where Twilio puts its signature.
const TWILIO: &str = "x-twilio-signature";

/// The path and query of an address.
fn target(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest[rest.find('/').expect("a path")..].to_owned()
}

fn request(method: &str, url: &str) -> WireRequest {
    let target = target(url);
    let path = target.split('?').next().unwrap_or_default();
    WireRequest {
        method: method.to_owned(),
        endpoint: path.strip_prefix(PREFIX).unwrap_or_default().to_owned(),
        target,
        ..WireRequest::default()
    }
}

impl Reach {
    /// Posts a form. Returns status and body of the answer.
    pub(crate) async fn post(
        &self,
        url: &str,
        form: &[(String, String)],
        signature: Option<&str>,
    ) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.post_body(url, "application/x-www-form-urlencoded", body, signature)
            .await
    }

    /// Posts a form with a signature in the header that a carrier has for it.
    pub(crate) async fn post_as(
        &self,
        (header, signature): &(&'static str, String),
        url: &str,
        form: &[(String, String)],
    ) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        self.send(url, kind, body, Some((header, signature))).await
    }

    /// Posts a body of any kind.
    pub(crate) async fn post_body(
        &self,
        url: &str,
        kind: &str,
        body: String,
        signature: Option<&str>,
    ) -> (u16, String) {
        let signature = signature.map(|signature| (TWILIO, signature));
        self.send(url, kind, body, signature).await
    }

    async fn send(
        &self,
        url: &str,
        kind: &str,
        body: String,
        signature: Option<(&'static str, &str)>,
    ) -> (u16, String) {
        match self {
            Self::Memory(endpoints) => {
                let mut request = request("POST", url);
                request
                    .headers
                    .push(("content-type".into(), kind.to_owned()));
                if let Some((header, signature)) = signature {
                    request.headers.push((header.into(), signature.to_owned()));
                }
                request.body = body.into();
                let answer = endpoints.answer(request).await;
                (answer.status, answer.body)
            }
            Self::Network(client) => {
                let mut request = client.post(url).header("content-type", kind).body(body);
                if let Some((header, signature)) = signature {
                    request = request.header(header, signature);
                }
                let answer = request.send().await.expect("the server answers");
                (
                    answer.status().as_u16(),
                    answer.text().await.expect("a body"),
                )
            }
        }
    }

    /// Opens a WebSocket; `Err` is the status of a refusal. `pipe` bytes fit into the way here when it is in memory.
    pub(crate) async fn open(
        &self,
        url: &str,
        signature: &str,
        pipe: usize,
    ) -> Result<Socket, u16> {
        self.open_as(TWILIO, url, signature, pipe).await
    }

    /// Opens a WebSocket with a signature in the header that a carrier has for it.
    pub(crate) async fn open_as(
        &self,
        header: &'static str,
        url: &str,
        signature: &str,
        pipe: usize,
    ) -> Result<Socket, u16> {
        match self {
            Self::Memory(endpoints) => {
                let mut request = request("GET", url);
                request.headers.push((header.into(), signature.to_owned()));
                let session = endpoints.open(&request).map_err(|refusal| refusal.status)?;
                let (ours, theirs) = tokio::io::duplex(pipe);
                tokio::spawn(session(Box::new(theirs)));
                let ours: Box<dyn Duplex> = Box::new(ours);
                Ok(WebSocketStream::from_raw_socket(ours, Role::Client, None).await)
            }
            Self::Network(_) => {
                let rest = url.strip_prefix("ws://").expect("a server on this machine");
                let host = rest.split('/').next().unwrap_or_default();
                let stream = tokio::net::TcpStream::connect(host)
                    .await
                    .expect("the server listens");
                stream.set_nodelay(true).expect("a socket");
                let mut request = url.into_client_request().expect("an address");
                request
                    .headers_mut()
                    .insert(header, signature.parse().expect("a header"));
                let stream: Box<dyn Duplex> = Box::new(stream);
                match tokio_tungstenite::client_async(request, stream).await {
                    Ok((socket, _)) => Ok(socket),
                    Err(Error::Http(response)) => Err(response.status().as_u16()),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}
