//! The requests of the REST interface that a call needs. Each is sent once, but hanging up, which may be said as
//! often as one likes.

use std::{sync::Arc, time::Duration};

use protocol::twilio::api::{CallList, CallResource, NewCall};

use super::http::{ApiRequest, ApiResponse, Http, Lost};
use crate::driver::clock;

/// How often hanging up is tried.
const HANG_UPS: u32 = 5;
/// The pause before it is tried again, which doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// How many calls are looked through for one that may have been made.
const PAGE: u32 = 50;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Api {
    http: Arc<dyn Http>,
    account: String,
}

impl Api {
    pub(super) fn new(http: Arc<dyn Http>, account: &str) -> Self {
        Self {
            http,
            account: account.to_owned(),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account)
    }

    /// Asks for something below the account; `rest` begins after its path.
    pub(super) async fn get(&self, rest: &str) -> Result<ApiResponse, Lost> {
        let request = ApiRequest {
            method: "GET",
            path: self.path(rest),
            form: Vec::new(),
        };
        self.http.send(request).await
    }

    async fn post(
        &self,
        rest: &str,
        form: Vec<(&'static str, String)>,
    ) -> Result<ApiResponse, Lost> {
        let request = ApiRequest {
            method: "POST",
            path: self.path(rest),
            form,
        };
        self.http.send(request).await
    }

    /// Makes a call.
    pub(super) async fn create(&self, call: &NewCall) -> Result<ApiResponse, Lost> {
        self.post("/Calls.json", call.form()).await
    }

    /// Returns the latest calls between two numbers, the newest first.
    pub(super) async fn calls(&self, to: &str, from: &str) -> Result<Vec<CallResource>, String> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", to)
            .append_pair("From", from)
            .append_pair("PageSize", &PAGE.to_string())
            .finish();
        match self.get(&format!("/Calls.json?{query}")).await {
            Ok(answer) if answer.status == 200 => {
                let list: Result<CallList, _> = serde_json::from_slice(&answer.body);
                list.map(|list| list.calls)
                    .map_err(|_| "its list of calls cannot be read".to_owned())
            }
            Ok(answer) => Err(format!("it answered {}", answer.status)),
            Err(lost) => Err(lost.to_string()),
        }
    }

    /// Ends a call, whatever state it is in.
    pub(super) async fn hang_up(&self, sid: &str) {
        self.update(sid, ("Status", "completed".to_owned())).await;
    }

    /// Gives a call other instructions. Returns whether the carrier took them.
    pub(super) async fn instruct(&self, sid: &str, twiml: String) -> bool {
        self.update(sid, ("Twiml", twiml)).await
    }

    async fn update(&self, sid: &str, field: (&'static str, String)) -> bool {
        let mut pause = PAUSE;
        let path = format!("/Calls/{sid}.json");
        for _ in 0..HANG_UPS {
            let wait = match self.post(&path, vec![field.clone()]).await {
                Ok(answer) if (200..300).contains(&answer.status) => return true,
                // It is over already.
                Ok(answer) if matches!(answer.status, 400 | 404) => {
                    tracing::debug!(sid, status = answer.status, "the call was over already");
                    return false;
                }
                Ok(answer) if answer.status == 429 || answer.status >= 500 => answer.retry_after,
                Ok(answer) => {
                    tracing::error!(
                        sid,
                        status = answer.status,
                        "the carrier refuses to change a call"
                    );
                    return false;
                }
                Err(_) => None,
            };
            clock::sleep(wait.unwrap_or(pause).min(Duration::from_secs(10))).await;
            pause *= 2;
        }
        tracing::error!(
            sid,
            "the carrier could not be told to end a call; it ends by its own limits"
        );
        false
    }
}
