//! Documents for machines that read: `/llms.txt`, and the pages that it names below `/docs/`, as they are in the repository.
//! Without a key, like the description of the interface: they hold nothing of anybody's.

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
};
use protocol::error::{ApiError, ErrorCode};
use rust_embed::RustEmbed;

use super::answer::{self, Body, Outcome};

/// Everything in `docs/`; what is no Markdown is not served from here.
#[derive(RustEmbed)]
#[folder = "docs"]
struct Docs;

/// `GET /llms.txt`
pub(super) fn llms() -> Outcome {
    Ok(send(
        Bytes::from_static(include_bytes!("../../docs/llms.txt")),
        "text/plain; charset=utf-8",
    ))
}

/// `GET /docs/{path}`
pub(super) fn page(path: &str) -> Outcome {
    let missing = || {
        ApiError::new(
            ErrorCode::NotFound,
            "There is no such document. GET /llms.txt names them.",
        )
    };
    if !path.ends_with(".md") {
        return Err(missing());
    }
    let file = Docs::get(path).ok_or_else(missing)?;
    let bytes = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Ok(send(bytes, "text/markdown; charset=utf-8"))
}

fn send(bytes: Bytes, kind: &'static str) -> Response<Body> {
    let mut response = answer::bytes(StatusCode::OK, bytes);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let keep = HeaderValue::from_static("public, max-age=3600");
    headers.insert(header::CACHE_CONTROL, keep);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_are_served() {
        assert!(page("api.md").is_ok() && page("skill/SKILL.md").is_ok());
        for path in [
            "openapi.json",
            "../README.md",
            "none.md",
            "",
            "/etc/hosts.md",
            "skill",
        ] {
            assert!(page(path).is_err(), "{path}");
        }
    }
}
