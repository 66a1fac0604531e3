//! Where what goes over the wire and what the SIP library makes of it differ, the difference is put right here, on
//! every message that comes or goes:
//!
//! - Challenges are answered by `digest`, which knows more of them than the library; it is only brought to send the
//!   request again.
//! - A CANCEL says why.
//! - A 2xx to an INVITE without a `Contact`, which the RFC forbids and some peers send, gets the address that it came
//!   from, so that the call can be acknowledged and ended.

use std::sync::Arc;

use rsipstack::{
    sip::{
        HasHeaders, Header, HeadersExt, Method, Response, SipMessage, StatusCode, StatusCodeKind,
    },
    transaction::endpoint::MessageInspector,
    transport::SipAddr,
};

use super::{
    digest::{self, Asked},
    gate::Registry,
    tally::Tally,
};

/// See the module's documentation.
pub(super) struct Repair {
    pub(super) registry: Arc<Registry>,
    pub(super) tally: Arc<Tally>,
}

impl MessageInspector for Repair {
    fn before_send(&self, mut message: SipMessage, _: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Request(request) = &mut message {
            self.registry.complete(request);
        }
        message
    }

    fn after_received(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Response(response) = &mut message {
            match response.status_code {
                StatusCode::Unauthorized | StatusCode::ProxyAuthenticationRequired => {
                    if let Some(asked) = self.registry.ask(response) {
                        if asked == Asked::Odd {
                            self.tally.odd_challenges.add();
                        }
                        digest::for_library(response, asked);
                    }
                }
                _ => add_contact(response, from),
            }
        }
        message
    }
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
        let repair = Repair {
            registry: Arc::default(),
            tally: Arc::default(),
        };
        let message = repair.after_received(response(status, headers).into(), Some(&from));
        Response::try_from(message).unwrap()
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
