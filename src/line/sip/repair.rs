//! Where what goes over the wire and what the SIP library makes of it differ, the difference is put right here, on
//! every message that comes or goes:
//!
//! - A challenge may offer several algorithms (RFC 8760), in any spelling, and several qualities of protection. The
//!   strongest that we can compute is kept, as the library spells it, and the others are dropped.
//! - What the library answers is written as RFC 7616 wants it: `algorithm=SHA-256`, `qop=auth` without quotes.
//! - A 2xx to an INVITE without a `Contact`, which the RFC forbids and some peers send, gets the address that it came
//!   from, so that the call can be acknowledged and ended.

use std::sync::Arc;

use rsipstack::{
    sip::{
        HasHeaders, Header, HeadersExt, Method, ProxyAuthenticate, Response, SipMessage,
        StatusCode, StatusCodeKind, WwwAuthenticate, typed::tokenizers::AuthTokenizer,
    },
    transaction::endpoint::MessageInspector,
    transport::SipAddr,
};

use super::tally::Tally;

/// See the module's documentation.
pub(super) struct Repair(pub(super) Arc<Tally>);

impl MessageInspector for Repair {
    fn before_send(&self, mut message: SipMessage, _: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Request(request) = &mut message {
            for header in request.headers.iter_mut() {
                match header {
                    Header::Authorization(value) => {
                        *value = as_the_rfc_has_it(value.value()).into()
                    }
                    Header::ProxyAuthorization(value) => {
                        *value = as_the_rfc_has_it(value.value()).into();
                    }
                    _ => {}
                }
            }
        }
        message
    }

    fn after_received(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Response(response) = &mut message {
            match response.status_code {
                StatusCode::Unauthorized | StatusCode::ProxyAuthenticationRequired => {
                    if !keep_strongest(response) {
                        self.0.odd_challenges.add();
                    }
                }
                _ => add_contact(response, from),
            }
        }
        message
    }
}

fn as_the_rfc_has_it(value: &str) -> String {
    value
        .replace("algorithm=SHA256", "algorithm=SHA-256")
        .replace("qop=\"auth\"", "qop=auth")
}

/// Keeps one challenge of each kind; `false` when there are some and none can be answered.
fn keep_strongest(response: &mut Response) -> bool {
    let (mut www, mut proxy) = (None, None);
    let mut any = false;
    for header in response.headers().iter() {
        let (place, value) = match header {
            Header::WwwAuthenticate(value) => (&mut www, value.value()),
            Header::ProxyAuthenticate(value) => (&mut proxy, value.value()),
            _ => continue,
        };
        any = true;
        if let Some(found) = challenge(value)
            && place
                .as_ref()
                .is_none_or(|(best, _): &(u8, String)| found.0 > *best)
        {
            *place = Some(found);
        }
    }
    let kept = www.is_some() || proxy.is_some();
    response.headers_mut().retain(|header| {
        !matches!(
            header,
            Header::WwwAuthenticate(_) | Header::ProxyAuthenticate(_)
        )
    });
    if let Some((_, value)) = www {
        let header = Header::WwwAuthenticate(WwwAuthenticate::new(value));
        response.headers_mut().push(header);
    }
    if let Some((_, value)) = proxy {
        let header = Header::ProxyAuthenticate(ProxyAuthenticate::new(value));
        response.headers_mut().push(header);
    }
    kept || !any
}

/// Reads a challenge: how strong it is, and its text as the library can use it; `None` when it cannot.
fn challenge(value: &str) -> Option<(u8, String)> {
    let read = AuthTokenizer::parse(value).ok()?;
    if !read.scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let get = |name: &str| {
        let found = read
            .params
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim_matches('"').trim())
    };
    let (strength, algorithm) = match get("algorithm").map(str::to_ascii_lowercase).as_deref() {
        None | Some("md5") => (1, "MD5"),
        Some("sha-256" | "sha256") => (2, "SHA256"),
        Some(_) => return None,
    };
    let protected = match get("qop") {
        None | Some("") => false,
        Some(list)
            if list
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case("auth")) =>
        {
            true
        }
        Some(_) => return None,
    };
    let mut text = format!(
        "Digest realm=\"{}\", nonce=\"{}\"",
        get("realm")?,
        get("nonce")?
    );
    if let Some(opaque) = get("opaque") {
        text = format!("{text}, opaque=\"{opaque}\"");
    }
    if let Some(stale) = get("stale") {
        text = format!("{text}, stale={stale}");
    }
    text = format!("{text}, algorithm={algorithm}");
    if protected {
        text.push_str(", qop=\"auth\"");
    }
    Some((strength, text))
}

fn add_contact(response: &mut Response, from: Option<&SipAddr>) {
    let is_answer = response.status_code.kind() == StatusCodeKind::Successful
        && response.cseq_header().and_then(|cseq| cseq.method()).ok() == Some(Method::Invite);
    let unusable = |response: &Response| {
        response
            .typed_contact_headers()
            .map_or(true, |contacts| contacts.is_empty())
    };
    if let (true, Some(from)) = (is_answer && unusable(response), from) {
        response
            .headers_mut()
            .retain(|header| !matches!(header, Header::Contact(_)));
        let uri = rsipstack::sip::Uri::from(from);
        response
            .headers_mut()
            .push(Header::Contact(format!("<{uri}>").into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: &str, headers: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        text.as_str().try_into().unwrap()
    }

    fn received(status: &str, headers: &str) -> Response {
        let from = SipAddr::from("203.0.113.9:5070".parse::<std::net::SocketAddr>().unwrap());
        let repair = Repair(Arc::default());
        let message = repair.after_received(response(status, headers).into(), Some(&from));
        Response::try_from(message).unwrap()
    }

    fn challenges(headers: &str) -> Vec<String> {
        let kept = received("401 Unauthorized", headers);
        let values = kept.headers.iter().filter_map(|header| match header {
            Header::WwwAuthenticate(value) => Some(value.value().to_owned()),
            _ => None,
        });
        values.collect()
    }

    #[test]
    fn the_strongest_challenge_that_can_be_answered_is_kept() {
        let kept = challenges(
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", algorithm=MD5, qop=\"auth\"\r\n\
             WWW-Authenticate: Digest realm=\"r\", nonce=\"2\", algorithm=SHA-512-256, qop=\"auth\"\r\n\
             WWW-Authenticate: Digest realm=\"r\", nonce=\"3\", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"o\"\r\n",
        );
        assert_eq!(
            kept,
            ["Digest realm=\"r\", nonce=\"3\", opaque=\"o\", algorithm=SHA256, qop=\"auth\""]
        );
        assert_eq!(
            challenges("WWW-Authenticate: Digest realm=\"r\", nonce=\"1\", stale=TRUE\r\n"),
            ["Digest realm=\"r\", nonce=\"1\", stale=TRUE, algorithm=MD5"]
        );
        for odd in [
            "Basic realm=\"r\"",
            "Digest nonce=\"1\"",
            "Digest realm=\"r\", nonce=\"1\", algorithm=MD5-sess",
            "Digest realm=\"r\", nonce=\"1\", qop=\"auth-int\"",
            "Digest",
            "",
        ] {
            let header = format!("WWW-Authenticate: {odd}\r\n");
            assert_eq!(challenges(&header), Vec::<String>::new(), "{odd}");
        }
    }

    #[test]
    fn answers_are_written_as_the_rfc_has_it() {
        assert_eq!(
            as_the_rfc_has_it(
                "Digest username=\"a\", algorithm=SHA256, qop=\"auth\", nc=00000001, cnonce=\"c\""
            ),
            "Digest username=\"a\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\""
        );
    }

    #[test]
    fn an_answer_without_a_contact_gets_one() {
        let contact = |headers: &str| {
            let answer = received("200 OK", headers);
            answer.contact_header().unwrap().value().to_owned()
        };
        assert_eq!(contact(""), "<sip:203.0.113.9:5070>");
        assert_eq!(
            contact("Contact: <sip:me@192.0.2.7:5060>\r\n"),
            "<sip:me@192.0.2.7:5060>"
        );
    }
}
