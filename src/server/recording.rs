//! Recordings: the file itself, whole or in part, for whoever has the key or a signed link (`crate::links`).

use std::{io::SeekFrom, path::Path};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{self, HeaderMap, HeaderValue},
};
use protocol::{
    error::{ApiError, ErrorCode},
    ids::CallId,
    rest::{Call, Scope, Status},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{
    App,
    answer::{self, Body, Outcome},
    calls,
    request::{self, Query},
};
use crate::driver::clock;

/// Bytes that are read from the file at once.
const PIECE: usize = 64 * 1024;

/// Fills in what of a call is true only now: where its recording can be fetched, when it has ended and there is one, and
/// its place in the queue while it waits.
pub(super) async fn with_url(app: &App, mut call: Call) -> Call {
    if call.status == Status::Queued {
        let positions = app.supervisor.queue_positions();
        call.queue_position = positions.get(&call.call_id).copied();
    }
    let path = app.supervisor.recording_path(&call.call_id);
    let there = tokio::fs::try_exists(path).await.unwrap_or(false);
    linked(app, call, there)
}

/// As [`with_url`], on a thread that may wait, for a call whatever its place in the queue.
pub(super) fn with_url_now(app: &App, call: Call) -> Call {
    let path = app.supervisor.recording_path(&call.call_id);
    linked(app, call, path.exists())
}

fn linked(app: &App, mut call: Call, there: bool) -> Call {
    if there && call.status.is_final() && call.recording_deleted_at.is_none() {
        call.recording_url = Some(app.links.recording(&call.call_id, clock::wall()));
    }
    call
}

/// `GET /calls/{id}/recording`, with the key or by a signed link.
pub(super) async fn get(app: &App, request: &Request<Incoming>, id: &str) -> Outcome {
    let query = Query::of(request.uri());
    let id = if query.get("signature").is_some() {
        check_link(app, &query, id)?
    } else {
        let caller = request::authenticate(app, request.method(), request.headers()).await?;
        caller.require(Scope::CallsRead)?;
        let stored = calls::find(app, &caller, id).await?;
        if !stored.call.status.is_final() {
            return Err(missing(
                "The call has not ended; its recording is there when it has.",
            ));
        }
        stored.call.call_id
    };
    let (store, wanted) = (app.supervisor.store().clone(), id.clone());
    let stored = super::blocking(move || store.call(&wanted)).await?;
    if stored.is_some_and(|stored| stored.call.recording_deleted_at.is_some()) {
        return Err(missing("The recording of this call was deleted."));
    }
    let path = app.supervisor.recording_path(&id);
    send(&path, &id, request.headers()).await
}

fn check_link(app: &App, query: &Query, id: &str) -> Result<CallId, ApiError> {
    let refused = || {
        ApiError::new(
            ErrorCode::Forbidden,
            "This link is not valid or has expired. Get the call again for a new recording_url.",
        )
    };
    let id = CallId::parse(id).ok_or_else(ApiError::call_not_found)?;
    let expires: i64 = query
        .get("expires")
        .and_then(|value| value.parse().ok())
        .ok_or_else(refused)?;
    let signature = query.get("signature").unwrap_or_default();
    if app.links.admits(&id, expires, signature, clock::wall()) {
        Ok(id)
    } else {
        Err(refused())
    }
}

async fn send(path: &Path, id: &CallId, headers: &HeaderMap) -> Outcome {
    let missing = |_| missing("This call has no recording.");
    let mut file = File::open(path).await.map_err(missing)?;
    let length = file.metadata().await.map_err(missing)?.len();
    let etag = format!("\"{id}-{length}\"");
    let range = match wanted(headers, &etag, length) {
        Wanted::Whole => None,
        Wanted::Part(first, last) => Some((first, last)),
        Wanted::Nothing => return Ok(unsatisfiable(length)),
    };
    let (first, last) = range.unwrap_or((0, length.saturating_sub(1)));
    let size = (last + 1 - first).min(length);
    file.seek(SeekFrom::Start(first)).await.map_err(missing)?;
    let mut response = Response::new(stream_file(file, size));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    insert(headers, header::ETAG, &etag);
    insert(
        headers,
        header::CONTENT_DISPOSITION,
        &format!("inline; filename=\"{id}.wav\""),
    );
    if range.is_some() {
        insert(
            headers,
            header::CONTENT_RANGE,
            &format!("bytes {first}-{last}/{length}"),
        );
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// From the first to the last byte, both included.
    Part(u64, u64),
    /// A part that does not exist.
    Nothing,
}

/// Reads `Range` (RFC 9110, section 14): one range of bytes. Several at once, and what is no range, get the whole file,
/// and so does a range of another version of it (`If-Range`).
fn wanted(headers: &HeaderMap, etag: &str, length: u64) -> Wanted {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if text(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Wanted::Whole;
    }
    let Some((first, last)) = text(header::RANGE)
        .and_then(|range| range.trim().strip_prefix("bytes="))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Wanted::Whole;
    };
    let end = length.saturating_sub(1);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Wanted::Whole,
        (Some(first), _) if first >= length && (last.is_empty() || number(last).is_some()) => {
            Wanted::Nothing
        }
        (Some(first), Some(last)) => Wanted::Part(first, last.min(end)),
        (Some(first), None) if last.is_empty() => Wanted::Part(first, end),
        (None, Some(0)) if first.is_empty() => Wanted::Nothing,
        (None, Some(_)) if first.is_empty() && length == 0 => Wanted::Nothing,
        (None, Some(tail)) if first.is_empty() => Wanted::Part(length.saturating_sub(tail), end),
        _ => Wanted::Whole,
    }
}

/// Reads digits only: the standard parser would take a plus. What does not fit is larger than any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn stream_file(file: File, size: u64) -> Body {
    let pieces = stream::try_unfold((file, size), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let want = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let mut piece = vec![0; want];
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(read);
        let frame = Frame::data(Bytes::from(piece));
        Ok(Some((frame, (file, left - read as u64))))
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn unsatisfiable(length: u64) -> Response<Body> {
    let mut response = answer::error(&ApiError::new(
        ErrorCode::RangeNotSatisfiable,
        format!("The recording has {length} bytes; that part of it does not exist."),
    ));
    insert(
        response.headers_mut(),
        header::CONTENT_RANGE,
        &format!("bytes */{length}"),
    );
    response
}

fn missing(sentence: &str) -> ApiError {
    ApiError::new(ErrorCode::RecordingNotFound, sentence)
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, length: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        wanted(&headers, "\"e\"", length)
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0, 9)),
            ("bytes=90-", Wanted::Part(90, 99)),
            ("bytes=-10", Wanted::Part(90, 99)),
            ("bytes=-1000", Wanted::Part(0, 99)),
            ("bytes=5-500", Wanted::Part(5, 99)),
            ("bytes=99-99", Wanted::Part(99, 99)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=100-200", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=9-5", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=0-9", Wanted::Whole),
            ("nonsense", Wanted::Whole),
        ] {
            assert_eq!(of(range, 100), expected, "{range}");
        }
        assert_eq!(of("bytes=0-0", 0), Wanted::Nothing);
        assert_eq!(of("bytes=-5", 0), Wanted::Nothing);
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-9".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"old\"".parse().unwrap());
        assert_eq!(wanted(&headers, "\"new\"", 100), Wanted::Whole);
        assert_eq!(wanted(&headers, "\"old\"", 100), Wanted::Part(0, 9));
    }
}
