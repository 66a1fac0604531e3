//! The web pages: files that were built from `web/` and are embedded in the program, and the headers that keep them
//! from fetching or running anything else. What the pages do with the interface is their own business.
//!
//! In a debug build the files are read from `web/dist` at every request, so that building the pages needs no
//! rebuilding of the program.

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use protocol::error::{ApiError, ErrorCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::answer::{self, Body, Outcome};

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// What is shown when the program was built without its pages.
const UNBUILT: &str = include_str!("../../web/unbuilt.html");

/// Scripts, styles, sound and requests from this server only; no inline code, no frames, no plugins, no forms that
/// go elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      media-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Of what a browser offers to pages, these use the microphone, for the phone.
const PERMISSIONS: &str = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()";

/// `GET /` and the other addresses of pages: which page it is, is found out in the browser.
pub(super) fn page() -> Outcome {
    let mut response = match Files::get("index.html") {
        Some(file) => send(file, "text/html; charset=utf-8", "no-cache"),
        None => send_bytes(
            Bytes::from_static(UNBUILT.as_bytes()),
            "text/html; charset=utf-8",
        ),
    };
    protect(response.headers_mut());
    Ok(response)
}

/// `GET /assets/…` and the few files beside the page.
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Outcome {
    let missing = || ApiError::new(ErrorCode::NotFound, "There is no such file.");
    let path = path.trim_start_matches('/');
    let kind = kind(path).ok_or_else(missing)?;
    let file = Files::get(path).ok_or_else(missing)?;
    let etag = etag(&file);
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(answer::empty(StatusCode::NOT_MODIFIED));
    }
    // The names of assets hold a hash of what is in them.
    let keep = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = send(file, kind, keep);
    insert(response.headers_mut(), header::ETAG, &etag);
    Ok(response)
}

fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{hex}\"")
}

fn send(file: EmbeddedFile, kind: &'static str, keep: &'static str) -> Response<Body> {
    let bytes = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut response = send_bytes(bytes, kind);
    let keep = HeaderValue::from_static(keep);
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    response
}

fn send_bytes(bytes: Bytes, kind: &'static str) -> Response<Body> {
    let mut response = answer::bytes(StatusCode::OK, bytes);
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn protect(headers: &mut HeaderMap) {
    insert(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    let name = HeaderName::from_static("permissions-policy");
    insert(headers, name, PERMISSIONS);
    let name = HeaderName::from_static("cross-origin-opener-policy");
    insert(headers, name, "same-origin");
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Returns the type of a file by its name; nothing for what the pages do not consist of.
fn kind(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_pages_are_served() {
        for path in [
            "assets/../../Cargo.toml",
            "assets/../index.html",
            "assets/none.js",
            ".gitignore",
            "assets/",
        ] {
            assert!(asset(path, &HeaderMap::new()).is_err(), "{path}");
        }
    }

    #[test]
    fn the_page_is_there_with_or_without_having_been_built() {
        let page = page().unwrap();
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
