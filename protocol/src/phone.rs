//! Which phone numbers may be called: the shape of E.164, the numbering plan behind +1, and what must never be dialed.
//!
//! Emergency look-alikes are sought in the text as it came and again in the number it became, so that no spelling
//! slips through. Numbers that the plan allows but nobody has been given are accepted: only the carrier knows them.
//! Whether the account may afford the call is not decided here.

use std::fmt;

use crate::error::{ApiError, ErrorCode};

/// Longest text looked at; E.164 itself allows 15 digits and a plus.
const MAX_TEXT: usize = 64;

/// Special services reached by three digits, besides the N11 codes: emergency (911, 112, 999, 000), its test
/// number 933, and the crisis line 988.
const SPECIAL: [&str; 5] = ["112", "999", "000", "933", "988"];

/// Area codes of +1 countries other than the US and Canada (the islands of the Caribbean and Bermuda). The US
/// territories (340, 670, 671, 684, 787, 939) are US numbers and are not listed.
const OTHER_COUNTRIES: [&str; 21] = [
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758",
    "767", "784", "809", "829", "849", "868", "869", "876",
];

/// What the operator allows beyond ordinary numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PhoneRules {
    /// Whether premium-rate numbers (area code 900, exchange 976) may be called. Defaults to no.
    pub allow_premium: bool,
}

/// A number of the US or Canada in E.164: `+1` and ten digits. `Debug` hides all but the area code.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Checks a number as a client wrote it.
    ///
    /// # Errors
    /// `emergency_number`, `unsupported_region` or `invalid_phone`, in this order of preference; `field` is named
    /// in the sentence.
    pub fn parse(field: &str, text: &str, rules: PhoneRules) -> Result<Self, ApiError> {
        if is_emergency_text(text) {
            return Err(emergency());
        }
        let Some(digits) = e164_digits(text) else {
            return Err(invalid(field));
        };
        let Some(national) = digits.strip_prefix('1') else {
            return Err(if is_number_of_another_country(text) {
                unsupported("Only US and Canada (+1) numbers are supported.")
            } else {
                invalid(field)
            });
        };
        if !is_possible(national) {
            return Err(invalid(field));
        }
        if OTHER_COUNTRIES.contains(&&national[..3]) {
            return Err(unsupported(
                "Only US and Canada numbers are supported; this +1 area code belongs to another country.",
            ));
        }
        if !rules.allow_premium && (national.starts_with("900") || &national[3..6] == "976") {
            return Err(unsupported(
                "Premium-rate numbers (area code 900, exchange 976) are not allowed on this server.",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the number, `+1` and ten digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({}…)", &self.0[..5])
    }
}

/// Returns the digits after the plus when `text` is a plus and 2 to 15 digits, the first not zero.
fn e164_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+')?;
    let shaped = (2..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    shaped.then_some(digits)
}

/// The plan's own rule: area code and exchange are `NXX` with N from 2 to 9 and are no N11 code.
fn is_possible(national: &str) -> bool {
    let nxx = |part: &str| matches!(part.as_bytes()[0], b'2'..=b'9') && !is_n11(part);
    national.len() == 10 && nxx(&national[..3]) && nxx(&national[3..6])
}

fn is_n11(code: &str) -> bool {
    let bytes = code.as_bytes();
    bytes.len() == 3 && matches!(bytes[0], b'2'..=b'9') && &bytes[1..] == b"11"
}

fn is_special(code: &str) -> bool {
    is_n11(code) || SPECIAL.contains(&code)
}

/// Looks for a special service in whatever was written: separators, letters, other scripts' digits and dialing
/// prefixes are seen through. Anything that starts with 911 in our country counts, whatever follows, because a
/// switch may stop reading after three digits.
fn is_emergency_text(text: &str) -> bool {
    let digits: String = text
        .chars()
        .take(MAX_TEXT)
        .filter_map(ascii_digit)
        .collect();
    let abroad = text.trim_start().starts_with(['+', '＋']) && !digits.starts_with('1');
    let mut rest = digits.as_str();
    loop {
        if is_special(rest) || (!abroad && rest.starts_with("911")) {
            return true;
        }
        let prefix = ["011", "00", "1"]
            .into_iter()
            .find(|prefix| rest.starts_with(prefix));
        match prefix {
            Some(prefix) => rest = &rest[prefix.len()..],
            None => return false,
        }
    }
}

/// Returns the ASCII digit that a decimal digit of a script in common use stands for.
fn ascii_digit(character: char) -> Option<char> {
    /// The zeros of the scripts: ASCII, Arabic-Indic, extended Arabic-Indic, Devanagari, Bengali, Thai, full width.
    const ZEROS: [u32; 7] = [0x30, 0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10];
    ZEROS
        .into_iter()
        .filter_map(|zero| u32::from(character).checked_sub(zero))
        .find(|value| *value < 10)
        .and_then(|value| char::from_digit(value, 10))
}

/// Returns whether an E.164 text has the country code of another country and a length that is possible there.
fn is_number_of_another_country(text: &str) -> bool {
    let Ok(number) = phonenumber::parse(None, text) else {
        return false;
    };
    let code = number.code().value();
    let length = text.len() - 1 - code.to_string().len();
    let countries = phonenumber::metadata::DATABASE
        .by_code(&code)
        .unwrap_or_default();
    countries.iter().any(|country| {
        let kinds = country.descriptors();
        let ordinary = [
            kinds.fixed_line(),
            kinds.mobile(),
            kinds.toll_free(),
            kinds.voip(),
        ];
        ordinary.into_iter().flatten().any(|kind| {
            let mut lengths = kind.possible_length().iter();
            lengths.any(|possible| usize::from(*possible) == length)
        })
    })
}

fn invalid(field: &str) -> ApiError {
    ApiError::new(
        ErrorCode::InvalidPhone,
        format!("Invalid phone number in '{field}'. Expected +1XXXXXXXXXX, like +14155551234"),
    )
}

fn unsupported(sentence: &str) -> ApiError {
    ApiError::new(ErrorCode::UnsupportedRegion, sentence)
}

fn emergency() -> ApiError {
    ApiError::new(
        ErrorCode::EmergencyNumber,
        "Emergency and special-service numbers cannot be called through the API.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> &'static str {
        match PhoneNumber::parse("to_phone_number", text, PhoneRules::default()) {
            Ok(number) => {
                assert_eq!(number.as_str(), text);
                "ok"
            }
            Err(error) => {
                assert_eq!(error.status(), 422);
                error.code.as_str()
            }
        }
    }

    #[test]
    fn numbers_get_their_verdicts() {
        let table = [
            (
                "ok",
                "+14155551234 +12125550100 +15555550123 +16045551234 +18005551212 +18885550000 \
                 +17875551234 +13405551234 +16715551234 +12345678901 +19995551234 +19785551234 +19165551234",
            ),
            (
                "unsupported_region",
                "+442079460958 +33123456789 +4915112345678 +919876543210 +5511987654321 +8613800138000 \
                 +819012345678 +61412345678 +525512345678 +12425551234 +18095551234 +18765551234 +14415551234 \
                 +18295551234 +16585551234 +19005551234 +14159761234 +919111234567 +911123456789",
            ),
            (
                "invalid_phone",
                "+ +1 +12 +15551234567 +1415 +1415555123 +141555512345 4155551234 14155551234 0014155551234 +04155551234 \
                 +10155551234 +11155551234 +14150551234 +14151551234 +12115551234 +14159115678 +999123456789 \
                 +4420 tel:+14155551234 +1415555123a ++14155551234 +1415555-1234 +141555512345678901234 hello \
                 +1４155551234 +1234567890123456",
            ),
            (
                "emergency_number",
                "911 9-1-1 +911 +1911 1911 +1-911 1-911 tel:911 sip:911@127.0.0.1 0011911 112 +112 +1112 999 000 \
                 933 +1933 988 +1988 211 311 411 511 611 711 811 +1411 ９１１ ٩١١ +19115551234 911911 9.1.1 \
                 (911) 911#",
            ),
        ];
        for (expected, numbers) in table {
            for number in numbers.split_whitespace() {
                assert_eq!(verdict(number), expected, "{number}");
            }
        }
        for number in [
            "",
            " ",
            "+1 415 555 1234",
            " +14155551234",
            "+14155551234\n",
            "\0",
            "é",
        ] {
            assert_eq!(verdict(number), "invalid_phone", "{number:?}");
        }
        for number in ["9 1 1", "+1 911", " 911 ", "9\u{200b}11", "＋１ ９１１"] {
            assert_eq!(verdict(number), "emergency_number", "{number:?}");
        }
    }

    #[test]
    fn every_area_code_is_decided_like_the_numbering_database_where_that_knows_it() {
        for area in 200..1000 {
            let text = format!("+1{area}5550123");
            let number = phonenumber::parse(None, &text).unwrap();
            let region = number.country().id().map(|id| format!("{id:?}"));
            let Some(region) = region.filter(|_| phonenumber::is_valid(&number)) else {
                continue;
            };
            let domestic = ["US", "CA", "PR", "VI", "GU", "MP", "AS"].contains(&region.as_str());
            let expected = if domestic && area != 900 {
                "ok"
            } else {
                "unsupported_region"
            };
            assert_eq!(verdict(&text), expected, "{text} {region}");
        }
    }

    #[test]
    fn premium_numbers_need_the_operators_consent() {
        let rules = PhoneRules {
            allow_premium: true,
        };
        for text in ["+19005551234", "+14159761234"] {
            assert_eq!(verdict(text), "unsupported_region");
            assert!(PhoneNumber::parse("to_phone_number", text, rules).is_ok());
        }
    }

    #[test]
    fn long_and_wild_texts_are_refused_not_fatal() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..20_000 {
            let text: String = (0..random.usize(..90))
                .map(|_| {
                    *random
                        .choice(&['+', '1', '9', '4', '0', '5', ' ', '-', '９', 'é', ';', '\0'])
                        .unwrap()
                })
                .collect();
            verdict(&text);
        }
        assert_eq!(verdict(&"9".repeat(100_000)), "invalid_phone");
    }
}
