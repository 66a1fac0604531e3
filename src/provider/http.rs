//! What services on the network have in common: what their refusals mean, and how they are reached.
//!
//! Knows status codes and headers, no vendor. Keys are sent as headers that are never shown, and appear in no message.

use std::time::Duration;

use reqwest::{
    StatusCode, Url,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{self, client::IntoClientRequest, http},
};

use super::{ProviderError, ProviderErrorKind};

/// An open WebSocket to a service.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A service, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'a> {
    /// As people call it.
    pub(super) name: &'a str,
    /// The section of the configuration.
    pub(super) section: &'a str,
}

impl Service<'_> {
    /// Makes an error of this service.
    pub(super) fn error(&self, kind: ProviderErrorKind, what: &str) -> ProviderError {
        ProviderError::new(kind, format!("{} {what}", self.name))
    }

    /// Returns what a refusal means and what to do about it. `said` is what the service says itself, without keys.
    pub(super) fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        said: &str,
    ) -> ProviderError {
        let Self { name, section } = self;
        let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
        let said = if said.is_empty() {
            said
        } else {
            format!(" ({said})")
        };
        let (kind, message) = match status.as_u16() {
            401 | 403 => (
                ProviderErrorKind::Auth,
                format!("{name} refused the key; check {section}.api_key{said}"),
            ),
            402 => (
                ProviderErrorKind::Auth,
                format!("{name} wants to be paid; check the account's billing{said}"),
            ),
            404 => (
                ProviderErrorKind::Unsupported,
                format!("{name} does not know what it is asked for; check {section}{said}"),
            ),
            408 => (
                ProviderErrorKind::Timeout,
                format!("{name} took too long to answer{said}"),
            ),
            429 => (
                ProviderErrorKind::Busy,
                format!("{name} gets too many requests; try again later{said}"),
            ),
            500.. => (
                ProviderErrorKind::Unavailable,
                format!("{name} is out of order (status {status}){said}"),
            ),
            _ => (
                ProviderErrorKind::Protocol,
                format!("{name} did not accept the request (status {status}){said}"),
            ),
        };
        ProviderError::new(kind, message).retry_after(retry_after(headers))
    }

    /// Returns the error of a request that got no answer, or not all of it.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ProviderError {
        self.error(
            ProviderErrorKind::Unavailable,
            &if error.is_connect() {
                format!(
                    "cannot be reached; check {}.base_url and the network",
                    self.section
                )
            } else {
                "broke off the connection".to_owned()
            },
        )
    }

    /// Makes a header of a key.
    ///
    /// # Errors
    /// When it holds what no key has.
    pub(super) fn key(&self, text: &str) -> Result<HeaderValue, ProviderError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            let message = format!(
                "{}.api_key holds characters that no key has; set it again",
                self.section
            );
            ProviderError::new(ProviderErrorKind::Auth, message)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// When the service cannot be reached or refuses.
    pub(super) async fn connect(
        &self,
        url: &str,
        headers: impl IntoIterator<Item = (&'static str, HeaderValue)>,
    ) -> Result<Socket, ProviderError> {
        install_tls();
        let mut request = url.into_client_request().map_err(|_| {
            self.error(
                ProviderErrorKind::Unsupported,
                &format!(
                    "has an address that is none; check {}.base_url",
                    self.section
                ),
            )
        })?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        match connect_async_with_config(request, None, true).await {
            Ok((socket, _)) => Ok(socket),
            Err(error) => Err(self.no_socket(&error)),
        }
    }

    fn no_socket(&self, error: &tungstenite::Error) -> ProviderError {
        match error {
            tungstenite::Error::Http(response) => {
                let response: &http::Response<Option<Vec<u8>>> = response;
                let body = response.body().as_deref().unwrap_or_default();
                self.refused(
                    response.status(),
                    response.headers(),
                    &said(&String::from_utf8_lossy(body)),
                )
            }
            _ => self.error(
                ProviderErrorKind::Unavailable,
                &format!(
                    "cannot be reached; check {}.base_url and the network",
                    self.section
                ),
            ),
        }
    }
}

/// Returns the sentence in an error body of one of the usual shapes, or nothing.
pub(super) fn said(body: &str) -> String {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else {
        return String::new();
    };
    let places = [
        "/error/message",
        "/detail/message",
        "/message",
        "/err_msg",
        "/error",
        "/detail",
    ];
    let found = places
        .iter()
        .find_map(|place| body.pointer(place)?.as_str());
    found.unwrap_or_default().to_owned()
}

/// Installs the program's one cryptography provider, if that was not done yet.
pub(super) fn install_tls() {
    // An error only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether an address is one of this machine, to which no proxy leads.
pub(super) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// How long the service wants to be left alone: `retry-after-ms`, or `Retry-After` in seconds or as a date of HTTP.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.trim().parse().ok()) {
        return Some(Duration::from_millis(ms));
    }
    let text = text(RETRY_AFTER.as_str())?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = at.duration_since(crate::driver::clock::wall());
    Duration::try_from(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_read_in_every_form() {
        let wait = |name: &'static str, text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(
            wait("retry-after-ms", "250"),
            Some(Duration::from_millis(250))
        );
        for nonsense in ["-1", "soon", "", "1e300"] {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
        }
        let date = wait("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT");
        assert!(date.is_some_and(|wait| wait > Duration::from_secs(3600)));
    }

    #[test]
    fn error_bodies_of_the_usual_shapes_are_read() {
        for body in [
            r#"{"error":{"message":"no","type":"x"}}"#,
            r#"{"detail":{"status":"invalid_api_key","message":"no"}}"#,
            r#"{"message":"no","error":"other"}"#,
            r#"{"err_code":"INVALID_AUTH","err_msg":"no"}"#,
            r#"{"error":"no"}"#,
        ] {
            assert_eq!(said(body), "no", "{body}");
        }
        assert_eq!(said("<html>"), "");
    }
}
