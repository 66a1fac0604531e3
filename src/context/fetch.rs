//! Gets one page: follows redirects where the guard allows it, takes only text, and only so much of it.

use futures_util::StreamExt;
use reqwest::{Response, Url, header};

use crate::net::guard::{Forbidden, Guard};

/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// Bytes of a page that are read; what is beyond is not looked at.
const LARGEST: usize = 2 << 20;

/// A page as text.
#[derive(Debug)]
pub(super) struct Page {
    /// Where it was, after redirects.
    pub(super) url: Url,
    pub(super) text: String,
}

/// Makes the client for all pages.
pub(super) fn client(guard: &Guard) -> Result<reqwest::Client, String> {
    // An error only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("agentphone/", env!("CARGO_PKG_VERSION")))
        .referer(false);
    let client = guard.client(builder, REDIRECTS).build();
    client.map_err(|error| format!("No client for websites could be made ({error})."))
}

/// Gets a page.
///
/// # Errors
/// A sentence on why there is none.
pub(super) async fn get(client: &reqwest::Client, guard: &Guard, url: Url) -> Result<Page, String> {
    let refused = |why: &Forbidden| format!("The website was not asked: {why}.");
    guard.check(&url).map_err(|why| refused(&why))?;
    let asked = client
        .get(url)
        .header(
            header::ACCEPT,
            "text/html, application/xhtml+xml, text/plain;q=0.5",
        )
        .header(header::ACCEPT_LANGUAGE, "en, *;q=0.5");
    let response = asked
        .send()
        .await
        .map_err(|error| match Forbidden::behind(&error) {
            Some(why) => refused(why),
            None if error.is_connect() => "The website cannot be reached.".to_owned(),
            None => "The website broke off its answer.".to_owned(),
        })?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!(
            "The website answered with status {}.",
            status.as_u16()
        ));
    }
    let kind = header_of(&response, header::CONTENT_TYPE);
    let essence = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    if !matches!(
        essence.as_str(),
        "" | "text/html" | "application/xhtml+xml" | "text/plain"
    ) {
        return Err("The website is no page of text.".to_owned());
    }
    // None was asked for, and what would unpack to anything is not unpacked.
    if !matches!(
        header_of(&response, header::CONTENT_ENCODING).as_str(),
        "" | "identity"
    ) {
        return Err("The website sends its page compressed without being asked to.".to_owned());
    }
    let url = response.url().clone();
    let mut bytes = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        // A page that breaks off has said something, too.
        let Ok(piece) = piece else { break };
        let room = LARGEST - bytes.len();
        bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if bytes.len() >= LARGEST {
            break;
        }
    }
    let text = decode(&bytes);
    let text = match essence.as_str() {
        "text/plain" => format!(
            "<pre>{}</pre>",
            text.replace('&', "&amp;").replace('<', "&lt;")
        ),
        _ => text,
    };
    Ok(Page { url, text })
}

fn header_of(response: &Response, name: header::HeaderName) -> String {
    let value = response.headers().get(name);
    let value = value.and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// UTF-8, or when it is none, the western encoding that such pages are in.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Cut off in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}
