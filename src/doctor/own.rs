//! What `doctor` finds out about our own things: the configuration's file, the data folder and who uses it, the address,
//! the spool of webhooks, the way in from outside, and who sells credits.

use std::{io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use tokio::net::TcpListener;

use super::{Finding, State};
use crate::{
    admin::{Answer, Request, Standing, socket},
    config::Config,
    driver::clock,
    store::{DataFolder, RedbStore, SCHEMA, Spool, StoreError},
};

/// How long the way in from outside is waited for.
const REACH: Duration = Duration::from_secs(5);
/// So many webhooks that wait are worth a word.
const BACKLOG: u64 = 100;
/// Keys whose values are nobody else's business, by the end of their names.
const SECRETS: [&str; 6] = [
    "key",
    "secret",
    "token",
    "password",
    "credential",
    "authorization",
];

/// What is known of the data folder, and of the server on it.
pub(crate) enum Server {
    /// None is there.
    None {
        /// Webhooks that wait.
        webhooks: u64,
    },
    /// One is there.
    Running(Box<Standing>),
    /// Somebody has the database, and does not say who.
    Silent(String),
    /// The folder cannot be used.
    Broken(StoreError),
}

impl Server {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Silent(_))
    }
}

/// Finds out who uses the data folder.
pub(crate) async fn server(data: &Path) -> Server {
    let folder = match DataFolder::open(data) {
        Ok(folder) => folder,
        Err(error) => return Server::Broken(error),
    };
    let silent = match socket::ask(&folder, &Request::Status).await {
        Ok(Answer::Server(standing)) => return Server::Running(Box::new(standing)),
        Ok(_) => "it does not say who it is".to_owned(),
        Err(error) => error.to_string(),
    };
    let opened =
        RedbStore::open(&folder.database()).and_then(|store| store.count_waiting_webhooks());
    match opened {
        Ok(webhooks) => Server::None { webhooks },
        Err(error) if error.is_locked() => Server::Silent(silent),
        Err(error) => Server::Broken(error),
    }
}

/// Where the configuration comes from, and who can read it.
pub(super) fn configuration(file: Option<&Path>) -> Vec<Finding> {
    let Some(file) = file else {
        let source = "built-in defaults and the environment".to_owned();
        return vec![("configuration", State::Good(source))];
    };
    let mut findings = vec![(
        "configuration",
        State::Good(format!("{} and the environment", file.display())),
    )];
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    let text = std::fs::read_to_string(file).unwrap_or_default();
    if mode & 0o004 != 0 && holds_secrets(&text) {
        findings.push((
            "configuration",
            State::Note(format!(
                "it holds keys, and everybody on this machine can read it: chmod o-rwx {}",
                file.display()
            )),
        ));
    }
    findings
}

fn holds_secrets(text: &str) -> bool {
    fn any(value: &toml::Value, name: &str) -> bool {
        match value {
            toml::Value::Table(table) => table.iter().any(|(name, value)| any(value, name)),
            toml::Value::Array(list) => list.iter().any(|value| any(value, name)),
            toml::Value::String(text) => {
                !text.is_empty() && SECRETS.iter().any(|end| name.ends_with(end))
            }
            _ => false,
        }
    }
    // A file with a key of TLS in it names a file, and no secret.
    let table: Result<toml::Table, _> = toml::from_str(text);
    table.is_ok_and(|mut table| {
        if let Some(server) = table.get_mut("server").and_then(toml::Value::as_table_mut) {
            server.remove("tls");
        }
        any(&toml::Value::Table(table), "")
    })
}

/// The data folder, the server on it, its address and its spool.
pub(super) async fn place(config: &Config, data: &Path, server: &Server) -> Vec<Finding> {
    let shown = data.display();
    let folder = match server {
        Server::None { .. } => State::Good(format!(
            "{shown}, opens with version {SCHEMA} of the tables"
        )),
        Server::Running(standing) => State::Good(format!(
            "{shown}, in use by a running server (process {}, version {})",
            standing.pid, standing.version
        )),
        Server::Silent(why) => State::Bad(format!(
            "{shown} is in use by another process, which does not answer on its control socket ({why}). If it is a server \
             that hangs, stop it; one that is just starting answers in a moment."
        )),
        Server::Broken(error) => State::Bad(error.to_string()),
    };
    let mut findings = vec![
        ("data folder", folder),
        ("address", address(config, server).await),
    ];
    let webhooks = match server {
        Server::None { webhooks } => Some(*webhooks),
        Server::Running(standing) => Some(standing.webhooks),
        _ => None,
    };
    if let Some(waiting) = webhooks {
        findings.push((
            "webhooks",
            if waiting >= BACKLOG {
                State::Note(format!(
                    "{waiting} wait to be delivered; `agentphone webhooks list --state waiting` says why"
                ))
            } else {
                State::Good(format!("{waiting} wait to be delivered"))
            },
        ));
    }
    findings
}

async fn address(config: &Config, server: &Server) -> State {
    let listen = config.server.listen;
    if let Server::Running(standing) = server {
        return match standing.listen {
            Some(own) if own.ip() == listen.ip() && [own.port(), 0].contains(&listen.port()) => {
                State::Good(format!("{own}, held by the running server"))
            }
            Some(own) => State::Note(format!(
                "the running server listens at {own}, and server.listen is {listen}: that needs a restart"
            )),
            None => State::Note("the running server is starting".into()),
        };
    }
    match TcpListener::bind(listen).await {
        Ok(_) => State::Good(format!("{listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && server.is_running() => {
            State::Note(format!("{listen} is in use, as the data folder is"))
        }
        Err(error) => State::Bad(format!(
            "cannot listen at {listen}: {error}. Stop what uses the port, or set server.listen."
        )),
    }
}

/// The way in from outside, and the payment service.
pub(super) async fn reach(config: &Config, running: bool) -> Vec<Finding> {
    let mut findings = vec![("public_url", public_url(config, running).await)];
    match config.billing.stripe.checker() {
        Ok(None) => {}
        Ok(Some(stripe)) => findings.push((
            "stripe",
            match stripe.check().await {
                Ok(text) if stripe.is_for_tests() => {
                    State::Note(format!("{text}; it is a test key, so nobody pays"))
                }
                Ok(text) => State::Good(text),
                Err(problem) => State::Bad(problem.to_string()),
            },
        )),
        Err(problem) => findings.push(("stripe", State::Bad(problem))),
    }
    findings
}

async fn public_url(config: &Config, running: bool) -> State {
    let listen = config.server.listen;
    let url = match (config.server.public_url.as_str(), listen.ip().is_loopback()) {
        ("", true) => {
            return State::Note(format!(
                "http://{listen}, for programs on this machine only; set server.public_url when others shall reach it"
            ));
        }
        ("", false) => {
            return State::Note(format!(
                "not set, so links say http://{listen}; set server.public_url to the address that clients use"
            ));
        }
        (url, _) => url,
    };
    if !running {
        return State::Good(format!(
            "{url}; whether it leads here is tried while a server runs"
        ));
    }
    let asked = async {
        let answer = reqwest::get(format!("{url}/healthz")).await?;
        answer.error_for_status()?.text().await
    };
    match clock::timeout(REACH, asked).await {
        Some(Ok(text)) if text.contains("\"ok\"") => {
            State::Good(format!("{url}, which leads here"))
        }
        Some(Ok(_)) => State::Bad(format!(
            "{url}/healthz is answered by something else; let the proxy pass its requests on to {listen}"
        )),
        Some(Err(error)) => State::Bad(format!(
            "{url} cannot be reached from here ({}); check DNS, the proxy and the firewall",
            error.without_url()
        )),
        None => State::Bad(format!(
            "{url} does not answer within {} s; check DNS, the proxy and the firewall",
            REACH.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_secret_is_known_by_its_name() {
        for text in [
            "[llm.vendor]\napi_key = \"x\"\n",
            "[line.carrier]\nauth_token = \"x\"\n",
            "[[line.sip.trunks]]\nserver = \"a\"\npassword = \"x\"\n",
            "[billing.stripe]\nwebhook_secret = \"x\"\n",
        ] {
            assert!(holds_secrets(text), "{text}");
        }
        for text in [
            "",
            "[llm.vendor]\napi_key = \"\"\n",
            "[server.tls]\nkey = \"/etc/key.pem\"\n",
            "[line.sip]\nlisten = \"0.0.0.0:5060\"\n",
        ] {
            assert!(!holds_secrets(text), "{text}");
        }
    }
}
