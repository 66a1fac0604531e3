//! `Stripe-Signature`: who may speak for Stripe (<https://docs.stripe.com/webhooks#verify-manually>).
//!
//! The header is `t=SECONDS,v1=HEX[,v1=HEX…]`; a signature is the HMAC-SHA256 of `SECONDS.BODY` under the endpoint's
//! whole secret, `whsec_` included. While a secret is changed there are two signatures, of which one must match. Other
//! schemes are ignored.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How far the time of a signature may be from ours, in seconds, either way. Stripe's own libraries take this much, and
/// only look back.
pub const TOLERANCE: i64 = 300;

/// Why a request is not from Stripe, or not from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The header is not of the form that it must have.
    Malformed,
    /// No signature is that of this body under this secret.
    Forged,
    /// It is genuine, but too old (or from the future): perhaps somebody sends it again.
    Stale,
}

/// Checks the signature of a body as it came, byte for byte, at the time `now`, in seconds since 1970. The comparison
/// takes the same time wherever two signatures differ.
///
/// # Errors
/// See [`Refusal`].
pub fn verify(header: &str, body: &[u8], secret: &str, now: i64) -> Result<(), Refusal> {
    let mut time = None;
    let mut signatures = Vec::new();
    for item in header.split(',') {
        match item.trim().split_once('=') {
            Some(("t", value)) => time = time.or(Some(value)),
            Some(("v1", value)) => signatures.push(value),
            _ => {}
        }
    }
    let time = time.ok_or(Refusal::Malformed)?;
    // What was signed is the number itself, so it must be written as one.
    let seconds: i64 = time
        .parse()
        .ok()
        .filter(|seconds: &i64| seconds.to_string() == time)
        .ok_or(Refusal::Malformed)?;
    if signatures.is_empty() {
        return Err(Refusal::Malformed);
    }
    let mac = mac(time, body, secret);
    let mut genuine = false;
    for signature in signatures {
        let Some(bytes) = from_hex(signature) else {
            continue;
        };
        genuine |= mac.clone().verify_slice(&bytes).is_ok();
    }
    if !genuine {
        return Err(Refusal::Forged);
    }
    if now.abs_diff(seconds) > TOLERANCE.unsigned_abs() {
        return Err(Refusal::Stale);
    }
    Ok(())
}

/// Returns the header by which Stripe signs `body` at `time`, in seconds since 1970.
#[must_use]
pub fn sign(body: &[u8], secret: &str, time: i64) -> String {
    let bytes = mac(&time.to_string(), body, secret).finalize().into_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

fn mac(time: &str, body: &[u8], secret: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test_secret";
    const TIME: i64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event","type":"checkout.session.completed","data":{"object":{"id":"cs_test_1","payment_status":"paid","client_reference_id":"acct_1"}}}"#;
    /// By `stripe.WebhookSignature` of Stripe's Python package.
    const SIGNATURE: &str = "d878e316715f89ef2c199bf99d5fae55b277d1e0d399e0401a5c63f758336f6b";

    #[test]
    fn the_signature_is_the_one_of_stripes_own_library() {
        assert_eq!(sign(BODY, SECRET, TIME), format!("t={TIME},v1={SIGNATURE}"));
        for header in [
            format!("t={TIME},v1={SIGNATURE}"),
            format!("t={TIME},v1={},v1={SIGNATURE},v0=00", "0".repeat(64)),
            format!("v1={SIGNATURE}, t={TIME}"),
            format!("t={TIME},v1={}", SIGNATURE.to_uppercase()),
        ] {
            assert_eq!(verify(&header, BODY, SECRET, TIME + 1), Ok(()), "{header}");
        }
    }

    #[test]
    fn forged_and_replayed_ones_are_refused() {
        let good = sign(BODY, SECRET, TIME);
        let of = |header: &str| verify(header, BODY, SECRET, TIME);
        for (header, refusal) in [
            ("", Refusal::Malformed),
            ("t=1700000000", Refusal::Malformed),
            (&format!("v1={SIGNATURE}"), Refusal::Malformed),
            (&format!("t=now,v1={SIGNATURE}"), Refusal::Malformed),
            (&format!("t=+{TIME},v1={SIGNATURE}"), Refusal::Malformed),
            (&format!("t={TIME},v0={SIGNATURE}"), Refusal::Malformed),
            (&format!("t={TIME},v1="), Refusal::Forged),
            (&format!("t={TIME},v1=zz"), Refusal::Forged),
            (&format!("t={TIME},v1=é"), Refusal::Forged),
            (
                &format!("t={TIME},v1={}", &SIGNATURE[..32]),
                Refusal::Forged,
            ),
            (&format!("t={},v1={SIGNATURE}", TIME + 1), Refusal::Forged),
        ] {
            assert_eq!(of(header), Err(refusal), "{header}");
        }
        assert_eq!(verify(&good, b"{}", SECRET, TIME), Err(Refusal::Forged));
        assert_eq!(verify(&good, BODY, "whsec_x", TIME), Err(Refusal::Forged));
        assert_eq!(verify(&good, BODY, SECRET, TIME + TOLERANCE), Ok(()));
        for off in [TOLERANCE + 1, -TOLERANCE - 1, i64::MAX - TIME] {
            let now = TIME.saturating_add(off);
            assert_eq!(verify(&good, BODY, SECRET, now), Err(Refusal::Stale));
        }
    }
}
