//! Opening a connection: the handshake, and what its refusals mean.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        http::{HeaderMap, HeaderValue, Response, StatusCode, header},
        protocol::WebSocketConfig,
    },
};

use super::{Dialect, Limits, Lost, Request, Service};
use crate::{
    driver::clock,
    provider::{ProviderError, ProviderErrorKind},
};

/// An open connection. In a box, for TLS has a large state.
pub(super) type Socket = Box<WebSocketStream<MaybeTlsStream<TcpStream>>>;

/// The longest message that a recogniser may send.
const MESSAGE_MAX: usize = 1 << 20;
/// Characters of what a service said that go into an error.
const SAID_MAX: usize = 200;
/// How long a service may ask to be left alone before the first connection.
const FIRST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Makes the request for a WebSocket at `base` and `path` with these parameters, and the key as the header
/// `Authorization: {scheme} {key}`, which appears in no log.
pub(in crate::provider) fn request(
    service: Service,
    base: &str,
    path: &str,
    parameters: &[(&str, String)],
    key: (&str, &str),
) -> Result<Request, ProviderError> {
    let no_address = || {
        let message = format!(
            "`{base}` is no address of {}; set {} to one that begins with wss:// or https://.",
            service.name, service.base_url
        );
        ProviderError::new(ProviderErrorKind::Unsupported, message)
    };
    let mut base = base.trim_end_matches('/').to_owned();
    if let Some(rest) = base.strip_prefix("http") {
        base = format!("ws{rest}");
    }
    let mut url = reqwest::Url::parse(&format!("{base}{path}")).map_err(|_| no_address())?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(no_address());
    }
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|_| no_address())?;
    let (scheme, key) = key;
    if !key.is_empty() {
        let value = HeaderValue::from_str(&format!("{scheme} {key}"));
        let mut value = value.map_err(|_| {
            let message = format!(
                "{} holds characters that no key has; set it again.",
                service.key
            );
            ProviderError::new(ProviderErrorKind::Auth, message)
        })?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// Opens the first connection of a call.
pub(super) async fn first(dialect: &impl Dialect, limits: Limits) -> Result<Socket, ProviderError> {
    let service = dialect.service();
    let lost = match connect(service, dialect.request()?, limits.connect).await {
        Ok(socket) => return Ok(socket),
        Err(lost) => lost,
    };
    let wait = lost.retry_after.unwrap_or(limits.retry);
    let hopeless = lost.kind == ProviderErrorKind::Timeout || wait > FIRST_RETRY_AFTER;
    if !lost.again || hopeless {
        return Err(lost.error(&service));
    }
    clock::sleep(wait).await;
    connect(service, dialect.request()?, limits.connect)
        .await
        .map_err(|lost| lost.error(&service))
}

/// Opens a connection.
pub(super) async fn connect(
    service: Service,
    request: Request,
    limit: Duration,
) -> Result<Socket, Lost> {
    // One cryptography provider for the program; an error only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Small buffers: a recogniser's messages are short, and every call has a connection.
    let config = WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    match clock::timeout(
        limit,
        connect_async_with_config(request, Some(config), true),
    )
    .await
    {
        Some(Ok((socket, _))) => Ok(Box::new(socket)),
        Some(Err(tungstenite::Error::Http(response))) => Err(refused(&service, &response)),
        Some(Err(error)) => Err(unreachable(&service, &error)),
        None => Err(Lost::again(
            ProviderErrorKind::Timeout,
            "took too long to open a connection",
        )),
    }
}

fn unreachable(service: &Service, error: &tungstenite::Error) -> Lost {
    use tungstenite::Error;
    match error {
        Error::Io(error) => Lost::again(
            ProviderErrorKind::Unavailable,
            format!(
                "cannot be reached ({error}); check the network and {}",
                service.base_url
            ),
        ),
        Error::Tls(error) => Lost::for_good(
            ProviderErrorKind::Unavailable,
            format!("has a certificate that is not trusted ({error})"),
        ),
        error => Lost::again(
            ProviderErrorKind::Protocol,
            format!(
                "does not speak WebSocket ({error}); check {}",
                service.base_url
            ),
        ),
    }
}

/// What a refusal means and what to do about it.
fn refused(service: &Service, response: &Response<Option<Vec<u8>>>) -> Lost {
    use ProviderErrorKind::{Auth, Busy, Protocol, Timeout, Unavailable, Unsupported};
    let (status, headers) = (response.status(), response.headers());
    let said = said(headers, response.body().as_deref().unwrap_or_default());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            // What it said may repeat the key.
            Lost::for_good(Auth, format!("refused the key; check {}", service.key))
        }
        StatusCode::PAYMENT_REQUIRED => {
            let what =
                format!("says that the account has no credit left; check its billing.{said}");
            Lost::for_good(Auth, trimmed(&what))
        }
        StatusCode::TOO_MANY_REQUESTS => Lost {
            retry_after: retry_after(headers),
            ..Lost::again(Busy, trimmed(&format!("gets too many requests.{said}")))
        },
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
            Lost::again(Timeout, "took too long to answer")
        }
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
            let what = format!(
                "did not accept the request (status {}); check {}, the language and {}.{said}",
                status.as_u16(),
                service.model,
                service.base_url
            );
            Lost::for_good(Unsupported, trimmed(&what))
        }
        status if status.is_server_error() => Lost {
            retry_after: retry_after(headers),
            ..Lost::again(
                Unavailable,
                trimmed(&format!(
                    "is out of order (status {}).{said}",
                    status.as_u16()
                )),
            )
        },
        status => Lost::for_good(
            Protocol,
            format!(
                "answered with status {} instead of a connection; check {}",
                status.as_u16(),
                service.base_url
            ),
        ),
    }
}

/// A sentence's end is added where the error is made.
fn trimmed(what: &str) -> String {
    what.trim_end_matches('.').to_owned()
}

/// `Retry-After` in seconds, RFC 9110 section 10.2.3. Its other form, a date, is not used by these services.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: f64 = seconds.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What the service said about a refusal, with a space before it.
fn said(headers: &HeaderMap, body: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let words = [
        &json["err_msg"],
        &json["message"],
        &json["error"]["message"],
        &json["details"],
    ];
    let from_body = words.iter().find_map(|word| word.as_str());
    let from_header = || {
        let error = headers.get("dg-error")?;
        error.to_str().ok()
    };
    from_body
        .or_else(from_header)
        .map_or_else(String::new, |text| {
            let clean = text.chars().filter(|c| !c.is_control());
            let clean: String = clean.take(SAID_MAX).collect();
            format!(" It said: {clean}")
        })
}
