//! What is answered to those who ask who we are (RFC 7616, RFC 8760): a proxy on the way, the one behind it, or several
//! in one answer, each by its own realm.
//!
//! The library answers one challenge with one header, and takes a second one for a refusal. So it only decides here
//! that a request is sent again; which challenges are open, and what is written to them, is decided here, for all
//! requests of a call: those that follow bring their answers at once, counted as RFC 7616 wants it.

use std::collections::VecDeque;

use rsipstack::{
    dialog::authenticate::compute_digest,
    sip::{
        Authorization, HasHeaders, Header, HeadersExt, Method, ProxyAuthenticate,
        ProxyAuthorization, Request, Response, WwwAuthenticate,
        headers::auth::{Algorithm, AuthQop},
        typed::tokenizers::AuthTokenizer,
    },
};

use super::options::Login;

/// Realms that may ask in one call.
const MOST_REALMS: usize = 4;
/// Requests whose answers are kept, since a request that is repeated has to stay the same.
const MOST_WRITTEN: usize = 8;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// The one who is asked for something (401).
    Server,
    /// One on the way (407).
    Proxy,
}

/// A challenge that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Challenge {
    asker: Asker,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Whether answers are counted and salted (`qop=auth`).
    protected: bool,
    stale: bool,
    /// How often its nonce was used.
    used: u8,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Answers {
    login: Option<Login>,
    open: Vec<Challenge>,
    /// What was written, by the number of the request (CSeq), which an ACK shares.
    written: VecDeque<(u32, Vec<Header>)>,
}

/// What challenges in an answer mean for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is worth being sent again.
    Anew,
    /// What we answer is not believed.
    Refused,
    /// Nothing can be answered.
    Odd,
}

impl Answers {
    pub(super) fn of(login: Option<Login>) -> Self {
        Self {
            login,
            ..Self::default()
        }
    }

    /// Takes the challenges of an answer (401, 407).
    pub(super) fn ask(&mut self, response: &Response) -> Asked {
        let asked = strongest(response);
        if asked.is_empty() {
            return Asked::Odd;
        }
        let mut meaning = Asked::Refused;
        for challenge in asked {
            let same =
                |open: &Challenge| (open.asker, &open.realm) == (challenge.asker, &challenge.realm);
            match self.open.iter_mut().find(|open| same(open)) {
                Some(open) => {
                    // What was used more than once was believed before, and has run out since.
                    if challenge.stale || open.used != 1 {
                        meaning = Asked::Anew;
                    }
                    if open.nonce != challenge.nonce {
                        *open = challenge;
                    }
                }
                None => {
                    meaning = Asked::Anew;
                    if self.open.len() < MOST_REALMS {
                        self.open.push(challenge);
                    }
                }
            }
        }
        meaning
    }

    /// Writes the answers to all that was asked so far into a request.
    pub(super) fn write(&mut self, request: &mut Request) {
        let (Some(login), false) = (&self.login, self.open.is_empty()) else {
            return;
        };
        let Ok(number) = request.cseq_header().and_then(|cseq| cseq.seq()) else {
            return;
        };
        let before = self.written.iter().find(|(known, _)| *known == number);
        let headers = match before {
            Some((_, headers)) => headers.clone(),
            // These say what their INVITE said, and nothing where that was not asked.
            None if matches!(request.method, Method::Ack | Method::Cancel) => return,
            None => {
                let open = self.open.iter_mut();
                let headers: Vec<_> = open
                    .map(|challenge| challenge.answer(login, request))
                    .collect();
                self.written.push_back((number, headers.clone()));
                if self.written.len() > MOST_WRITTEN {
                    self.written.pop_front();
                }
                headers
            }
        };
        let is_answer = |header: &Header| {
            matches!(
                header,
                Header::Authorization(_) | Header::ProxyAuthorization(_)
            )
        };
        request.headers_mut().retain(|header| !is_answer(header));
        for header in headers {
            request.headers_mut().push(header);
        }
    }
}

impl Challenge {
    /// Reads a challenge; `None` when it cannot be answered.
    fn read(asker: Asker, value: &str) -> Option<Self> {
        let read = AuthTokenizer::parse(value).ok()?;
        if !read.scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let get = |name: &str| {
            let mut params = read.params.iter();
            let found = params.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim_matches('"').trim())
        };
        let algorithm = match get("algorithm").map(str::to_ascii_lowercase).as_deref() {
            None | Some("md5") => Algorithm::Md5,
            Some("sha-256" | "sha256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let protected = match get("qop") {
            None | Some("") => false,
            Some(list) => {
                let mut offered = list.split(',').map(str::trim);
                if !offered.any(|one| one.eq_ignore_ascii_case("auth")) {
                    return None;
                }
                true
            }
        };
        Some(Self {
            asker,
            realm: get("realm")?.to_owned(),
            nonce: get("nonce")?.to_owned(),
            opaque: get("opaque").map(str::to_owned),
            algorithm,
            protected,
            stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            used: 0,
        })
    }

    fn strength(&self) -> u8 {
        match self.algorithm {
            Algorithm::Sha256 => 2,
            _ => 1,
        }
    }

    /// The challenge as the library can read it, which has to take it for the first one or for a stale one.
    fn for_library(&self) -> Header {
        let text = format!(
            "Digest realm=\"{}\", nonce=\"{}\", algorithm=MD5, stale=TRUE",
            self.realm, self.nonce
        );
        match self.asker {
            Asker::Server => Header::WwwAuthenticate(WwwAuthenticate::new(text)),
            Asker::Proxy => Header::ProxyAuthenticate(ProxyAuthenticate::new(text)),
        }
    }

    fn answer(&mut self, login: &Login, request: &Request) -> Header {
        self.used = self.used.saturating_add(1);
        let qop = self.protected.then(|| AuthQop::Auth {
            cnonce: format!("{:016x}", fastrand::u64(..)),
            nc: self.used,
        });
        let uri = request.uri.to_string();
        let response = compute_digest(
            &login.user,
            &login.password,
            &self.realm,
            &self.nonce,
            &request.method,
            &uri,
            self.algorithm,
            qop.as_ref(),
        );
        let algorithm = match self.algorithm {
            Algorithm::Sha256 => "SHA-256",
            _ => "MD5",
        };
        let mut text = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={algorithm}",
            login.user, self.realm, self.nonce
        );
        if let Some(AuthQop::Auth { cnonce, nc }) = qop {
            text = format!("{text}, qop=auth, nc={nc:08}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            text = format!("{text}, opaque=\"{opaque}\"");
        }
        match self.asker {
            Asker::Server => Header::Authorization(Authorization::new(text)),
            Asker::Proxy => Header::ProxyAuthorization(ProxyAuthorization::new(text)),
        }
    }
}

/// Returns the challenges of an answer, of each realm the strongest that we can compute.
fn strongest(response: &Response) -> Vec<Challenge> {
    let mut kept: Vec<Challenge> = Vec::new();
    for header in response.headers().iter() {
        let (asker, value) = match header {
            Header::WwwAuthenticate(value) => (Asker::Server, value.value()),
            Header::ProxyAuthenticate(value) => (Asker::Proxy, value.value()),
            _ => continue,
        };
        let Some(found) = Challenge::read(asker, value) else {
            continue;
        };
        let same = |one: &Challenge| (one.asker, &one.realm) == (found.asker, &found.realm);
        match kept.iter_mut().find(|one| same(one)) {
            Some(one) if found.strength() > one.strength() => *one = found,
            Some(_) => {}
            None => kept.push(found),
        }
    }
    kept
}

/// Makes of an answer with challenges what the library needs to send the request again, or to give it up.
pub(super) fn for_library(response: &mut Response, asked: Asked) {
    let first = strongest(response).into_iter().next();
    response.headers_mut().retain(|header| {
        !matches!(
            header,
            Header::WwwAuthenticate(_) | Header::ProxyAuthenticate(_)
        )
    });
    if let (Asked::Anew, Some(challenge)) = (asked, first) {
        response.headers_mut().push(challenge.for_library());
    }
}
