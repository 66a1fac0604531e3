//! Whether telephones can be rung: the account, the numbers, our public address, and the way from there back to us.
//!
//! Nothing is dialed. The way back is tried as the carrier would go it: a callback and a stream's handshake, signed,
//! to the public address; and one with a wrong signature, which has to be refused.

use std::{sync::Arc, time::Duration};

use protocol::twilio::{
    api::{AccountResource, ErrorBody, NumberList},
    signature,
};
use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};

use super::{Options, api::Api, http::Http};
use crate::driver::clock;

/// How long one step of the way back may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How one thing stands: a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It works.
    Good(String),
    /// It works, and something about it should be known.
    Note(String),
    /// It does not work, and this is what to do.
    Bad(String),
}

/// Checks everything, in the order in which it has to be right. Each finding has a name.
pub async fn check(options: &Options, http: Arc<dyn Http>) -> Vec<(&'static str, Found)> {
    let api = Api::new(http, &options.account_sid);
    let account = account(&api).await;
    let known = !matches!(account, Found::Bad(_));
    let mut found = vec![("account", account)];
    if known {
        for number in &options.numbers {
            found.push(("number", number_of(&api, options, number).await));
        }
        for number in &options.incoming_numbers {
            if !options.numbers.contains(number) {
                found.push(("number", number_of(&api, options, number).await));
            }
        }
    }
    found.push(("public_url", public_url(options)));
    found.push(("way back", way_back(options).await));
    found
}

async fn ask<T: DeserializeOwned>(api: &Api, path: &str) -> Result<T, String> {
    let answer = api.get(path).await.map_err(|lost| {
        format!("the carrier's interface: {lost}; check the network and line.twilio.api_base")
    })?;
    if answer.status != 200 {
        let error = ErrorBody::read(&answer.body);
        let (code, words) = (error.code, error.sentence());
        let advice = match answer.status {
            401 | 403 => {
                "check line.twilio.account_sid with auth_token, or api_key_sid with api_key_secret"
            }
            404 => "check line.twilio.account_sid and api_base",
            _ => "try again later",
        };
        return Err(format!(
            "the carrier answered {} ({code} {words}); {advice}",
            answer.status
        ));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| "the carrier's answer cannot be read; check line.twilio.api_base".to_owned())
}

async fn account(api: &Api) -> Found {
    match ask::<AccountResource>(api, ".json").await {
        Err(problem) => Found::Bad(problem),
        Ok(account) if !matches!(account.status.as_str(), "active" | "") => Found::Bad(format!(
            "the account is {}; see the carrier's console",
            account.status
        )),
        Ok(account) if account.kind == "Trial" => Found::Note(
            "the credentials are right; a trial account calls only numbers that were verified"
                .into(),
        ),
        Ok(_) => Found::Good("the credentials are right and the account is active".into()),
    }
}

async fn number_of(api: &Api, options: &Options, number: &str) -> Found {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("PhoneNumber", number)
        .finish();
    let owned = match ask::<NumberList>(api, &format!("/IncomingPhoneNumbers.json?{query}")).await {
        Err(problem) => return Found::Bad(problem),
        Ok(list) => list.incoming_phone_numbers,
    };
    let takes_calls = options.incoming_numbers.iter().any(|known| known == number);
    if let Some(owned) = owned.iter().find(|owned| owned.phone_number == number) {
        let wanted = options.url("voice");
        return if takes_calls && owned.voice_url.as_deref() != Some(wanted.as_str()) {
            Found::Bad(format!(
                "{number} is the account's, but its calls do not come here: set its voice URL to {wanted}"
            ))
        } else {
            Found::Good(format!("{number} belongs to the account"))
        };
    }
    if takes_calls {
        return Found::Bad(format!(
            "{number} is not in the account, so nobody reaches us there; buy it, or take it out of \
             line.twilio.inbound.numbers"
        ));
    }
    let verified = ask::<NumberList>(api, &format!("/OutgoingCallerIds.json?{query}")).await;
    match verified {
        Err(problem) => Found::Bad(problem),
        Ok(list)
            if list
                .outgoing_caller_ids
                .iter()
                .any(|known| known.phone_number == number) =>
        {
            Found::Good(format!("{number} is verified for the account"))
        }
        Ok(_) => Found::Bad(format!(
            "{number} is neither bought nor verified in the account; do either, or change \
             line.twilio.from_phone_numbers"
        )),
    }
}

fn public_url(options: &Options) -> Found {
    let url = &options.public_url;
    if url.starts_with("https://") {
        Found::Good(format!("{url}; streams come to {}", options.stream_url()))
    } else {
        Found::Bad(format!(
            "{url} is not https://, and carriers open streams over TLS only; set server.public_url to an https:// \
             address that leads here (docs/twilio.md tells how)"
        ))
    }
}

/// Goes the way that the carrier's callbacks and streams go.
async fn way_back(options: &Options) -> Found {
    let url = options.url("status");
    let form: Vec<(String, String)> = [
        ("CallSid", "CA00000000000000000000000000000000"),
        ("AccountSid", options.account_sid.as_str()),
        ("CallStatus", "completed"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let signature = signature::sign(&options.auth_token, &url, &form);
    let Some(header) = options.dialect.signature_header() else {
        return Found::Note(
            "this carrier's callbacks are not taken; only its streams, by their token".into(),
        );
    };
    let steps = [(signature.as_str(), 204), ("AAAA", 403)];
    for (signature, wanted) in steps {
        match post(&url, &form, header, signature).await {
            Err(problem) => {
                return Found::Bad(format!(
                    "{url} does not lead here ({problem}); start the tunnel or proxy of server.public_url"
                ));
            }
            Ok(status) if status == wanted => {}
            Ok(403) => {
                return Found::Bad(format!(
                    "what answers at {url} does not accept our signature: it is another server, or it runs with \
                     another auth_token or public_url"
                ));
            }
            Ok(status) => {
                return Found::Bad(format!(
                    "what answers at {url} is not this program, or a proxy changes the path: it answered {status} \
                     where {wanted} was due"
                ));
            }
        }
    }
    match handshake(options, header).await {
        Ok(()) => Found::Good("callbacks and streams reach us, and forged ones are refused".into()),
        Err(problem) => Found::Bad(format!(
            "callbacks reach us, but {} does not take a WebSocket ({problem}); the proxy has to pass on upgrades",
            options.stream_url()
        )),
    }
}

async fn post(
    url: &str,
    form: &[(String, String)],
    header: &str,
    signature: &str,
) -> Result<u16, String> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| error.to_string())?;
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let sent = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header(header, signature)
        .body(body)
        .send();
    match clock::timeout(LIMIT, sent).await {
        None => Err("no answer in time".into()),
        Some(Err(error)) => Err(error.without_url().to_string()),
        Some(Ok(answer)) => Ok(answer.status().as_u16()),
    }
}

async fn handshake(options: &Options, header: &'static str) -> Result<(), String> {
    let url = options.stream_url();
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| error.to_string())?;
    let signature = signature::sign(&options.auth_token, &url, &[]);
    let value = signature.parse().map_err(|_| "no signature".to_owned())?;
    request.headers_mut().insert(header, value);
    match clock::timeout(LIMIT, tokio_tungstenite::connect_async(request)).await {
        None => Err("no answer in time".into()),
        Some(Ok(_)) => Ok(()),
        Some(Err(Error::Http(answer))) => Err(format!("it answered {}", answer.status().as_u16())),
        Some(Err(error)) => Err(error.to_string()),
    }
}
