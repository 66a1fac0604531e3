//! Signatures of requests: HMAC-SHA1 over the address and the sorted form, in base64; of other bodies the address
//! carries the SHA-256. Source: <https://www.twilio.com/docs/usage/security#validating-requests>.
//!
//! Which address was signed depends on the carrier's library: with or without the port, `https` or `wss`. The
//! variants of one address are all accepted; the address itself always comes from our own configuration.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The query parameter with the hash of a body that is no form.
const BODY_HASH: &str = "bodySHA256";

/// What a signature covers beside the address.
#[derive(Debug, Clone, Copy)]
pub enum Signed<'a> {
    /// Nothing: a `GET`, or the handshake of a WebSocket.
    Nothing,
    /// The decoded fields of a form.
    Form(&'a [(String, String)]),
    /// A body that is no form, by the hash that the address names.
    Body(&'a [u8]),
}

/// Returns the signature of a request to exactly this address.
#[must_use]
pub fn sign(token: &str, url: &str, form: &[(String, String)]) -> String {
    STANDARD.encode(digest(token, url, form))
}

fn digest(token: &str, url: &str, form: &[(String, String)]) -> [u8; 20] {
    let mut fields: Vec<_> = form.iter().map(|(name, value)| (name, value)).collect();
    // By name; a name that is repeated counts once a value, values sorted.
    fields.sort_unstable();
    fields.dedup();
    let mut mac =
        Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// Returns whether `given` is the signature of a request to `url`, in any of the ways in which carriers write that
/// address. The time it takes does not depend on how much of a wrong signature is right.
#[must_use]
pub fn is_valid(token: &str, url: &str, signed: Signed<'_>, given: &str) -> bool {
    let Ok(given) = STANDARD.decode(given.trim()) else {
        return false;
    };
    let form = match signed {
        Signed::Form(form) => form,
        Signed::Nothing => &[],
        Signed::Body(body) if has_hash(url, body) => &[],
        Signed::Body(_) => return false,
    };
    let mut found = Choice::from(0);
    for variant in variants(url) {
        found |= digest(token, &variant, form).ct_eq(given.as_slice());
    }
    found.into()
}

/// Whether the address names the hash of this body.
fn has_hash(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let named = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == BODY_HASH)
        .map(|(_, hash)| hash.to_ascii_lowercase());
    let hash: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    named.is_some_and(|named| named.as_bytes().ct_eq(hash.as_bytes()).into())
}

/// Returns the ways in which one address may have been signed: as it is, without its port, with the standard port
/// of its scheme; and a WebSocket's address under its HTTP scheme too, with and without a slash at its end.
#[must_use]
pub fn variants(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // The colon of an IPv6 address lies within its brackets.
    let port = authority
        .rfind(':')
        .filter(|at| authority[at + 1..].bytes().all(|b| b.is_ascii_digit()));
    let host = port.map_or(authority, |at| &authority[..at]);
    let schemes: &[&str] = match scheme {
        "wss" => &["wss", "https"],
        "ws" => &["ws", "http"],
        _ => std::slice::from_ref(&scheme),
    };
    let mut paths = vec![path.to_owned()];
    if schemes.len() > 1 {
        paths.push(match path.strip_suffix('/') {
            Some(shorter) => shorter.to_owned(),
            None => format!("{path}/"),
        });
    }
    let mut all = Vec::new();
    for scheme in schemes {
        let standard = if matches!(*scheme, "https" | "wss") {
            443
        } else {
            80
        };
        for path in &paths {
            let authorities = [
                authority.to_owned(),
                host.to_owned(),
                format!("{host}:{standard}"),
            ];
            for authority in authorities {
                let variant = format!("{scheme}://{authority}{path}");
                if !all.contains(&variant) {
                    all.push(variant);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
