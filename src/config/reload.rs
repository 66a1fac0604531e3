//! A configuration that is read again while the program runs: which keys changed, which of them hold at once, and which
//! need a restart. What is done about them is decided by `src/app/reload.rs`.

use std::{collections::BTreeSet, path::Path};

use toml::{Table, Value};

use super::{Config, ConfigError};

/// The keys, and sections, that the running program cannot change: sockets are open there, files are there, links were
/// given out. The example says so beside each of them.
pub const NEED_RESTART: [&str; 21] = [
    "server.listen",
    "server.public_url",
    "server.max_connections",
    "server.max_connections_per_address",
    "server.tls.cert",
    "server.tls.key",
    "data.dir",
    "data.min_free_mib",
    "line.twilio.account_sid",
    "line.sip.listen",
    "line.sip.public_address",
    "line.sip.name_servers",
    "line.sip.tls_listen",
    "line.sip.tls_certificate",
    "line.sip.tls_key",
    "line.sip.tls_roots",
    "line.sip.rtp_ports",
    "line.browser",
    "trace",
    "log.format",
    "log.reveal",
];

/// A configuration with the keys that it was made of, so that a later reading can be compared with it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The configuration.
    pub config: Config,
    table: Table,
}

/// What a later reading changed, each by its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What holds for calls that begin from now on.
    pub taken: Vec<String>,
    /// What needs a restart.
    pub waiting: Vec<String>,
}

impl Reading {
    /// Reads `file`, if one is given, and the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn of(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (text, origin) = Config::text_of(file)?;
        let table = Config::merged(&text, &origin, env)?;
        Ok(Self {
            config: Config::made_of(table.clone(), &origin)?,
            table,
        })
    }

    /// Reads once more. What needs a restart is in the result as it was here.
    ///
    /// # Errors
    /// As [`Config::load`]; what was wrong is wrong then, too.
    pub fn again(
        &self,
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Changes), ConfigError> {
        let (text, origin) = Config::text_of(file)?;
        let mut table = Config::merged(&text, &origin, env)?;
        // As it is written it must be good; the next start reads it so.
        Config::made_of(table.clone(), &origin)?;
        let mut changes = Changes::default();
        for key in differences(&self.table, &table) {
            if needs_restart(&key) {
                put_back(&mut table, &self.table, &key);
                changes.waiting.push(key);
            } else {
                changes.taken.push(key);
            }
        }
        let mut config = Config::made_of(table.clone(), &origin)?;
        // The command line may have its own word on these.
        config.server.listen = self.config.server.listen;
        config.data = self.config.data.clone();
        Ok((Self { config, table }, changes))
    }
}

/// Returns whether a change of this key needs a restart.
#[must_use]
pub fn needs_restart(key: &str) -> bool {
    NEED_RESTART.iter().any(|known| {
        key.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Returns the paths of all values that differ, sorted. A list is one value.
fn differences(before: &Table, after: &Table) -> Vec<String> {
    let mut found = BTreeSet::new();
    gather(before, after, "", &mut found);
    found.into_iter().collect()
}

fn gather(before: &Table, after: &Table, prefix: &str, found: &mut BTreeSet<String>) {
    for (key, value) in after {
        let path = match prefix {
            "" => key.clone(),
            prefix => format!("{prefix}.{key}"),
        };
        match (before.get(key), value) {
            (Some(Value::Table(before)), Value::Table(after)) => {
                gather(before, after, &path, found);
            }
            (known, value) if known != Some(value) => {
                found.insert(path);
            }
            _ => {}
        }
    }
}

fn put_back(table: &mut Table, from: &Table, key: &str) {
    match key.split_once('.') {
        Some((first, rest)) => {
            if let (Some(Value::Table(table)), Some(Value::Table(from))) =
                (table.get_mut(first), from.get(first))
            {
                put_back(table, from, rest);
            }
        }
        None => {
            if let Some(value) = from.get(key) {
                table.insert(key.to_owned(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dir: &Path, text: &str) -> Reading {
        std::fs::write(dir.join("a.toml"), text).unwrap();
        Reading::of(Some(&dir.join("a.toml")), []).unwrap()
    }

    fn again(dir: &Path, before: &Reading, text: &str) -> Result<(Reading, Changes), ConfigError> {
        std::fs::write(dir.join("a.toml"), text).unwrap();
        before.again(Some(&dir.join("a.toml")), [])
    }

    #[test]
    fn what_needs_a_restart_stays_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let first = read(
            dir.path(),
            "[server]\nlisten = \"127.0.0.1:1\"\n[calls]\nmax_concurrent = 5\n",
        );
        let text = "[server]\nlisten = \"127.0.0.1:2\"\nreads_per_minute = 7\n[disclosure]\nai = true\n\
                    [[line.sip.trunks]]\nserver = \"192.0.2.1\"\n[line.browser]\nturn_username = \"a\"\n";
        let (second, changes) = again(dir.path(), &first, text).unwrap();
        assert_eq!(
            changes.taken,
            [
                "calls.max_concurrent",
                "disclosure.ai",
                "line.sip.trunks",
                "server.reads_per_minute"
            ]
        );
        assert_eq!(
            changes.waiting,
            ["line.browser.turn_username", "server.listen"]
        );
        assert_eq!(second.config.server.listen, first.config.server.listen);
        assert_eq!(second.config.server.reads_per_minute, 7);
        assert!(second.config.disclosure.ai && second.config.line.browser.turn_username.is_empty());
        assert_eq!(
            second.config.calls.max_concurrent, 50,
            "back at the default"
        );
        // What waits for a restart goes on waiting, and what was taken is no news.
        let (_, later) = again(dir.path(), &second, text).unwrap();
        assert_eq!((later.taken, later.waiting), (vec![], changes.waiting));
    }

    #[test]
    fn a_bad_file_is_refused_as_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let first = read(dir.path(), "");
        for (text, word) in [
            ("[calls]\npatience = 9\n", "calls.patience"),
            ("[calls", "this is not TOML"),
            ("[server]\ntls.cert = \"a.pem\"\n", "need each other"),
        ] {
            let error = again(dir.path(), &first, text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        std::fs::remove_file(dir.path().join("a.toml")).unwrap();
        let error = first.again(Some(&dir.path().join("a.toml")), []);
        assert!(error.unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn the_example_says_which_keys_need_a_restart() {
        let example = include_str!("../../agentphone.example.toml");
        let (mut section, mut comment, mut said) = (String::new(), String::new(), Vec::new());
        for line in example.lines() {
            match line.split_once(" = ") {
                _ if line.starts_with('#') => comment.push_str(line),
                Some((key, _)) => {
                    if comment.contains("Needs a restart") {
                        said.push(format!("{section}.{key}"));
                    }
                    assert_eq!(
                        comment.contains("Needs a restart"),
                        needs_restart(&format!("{section}.{key}")),
                        "{section}.{key}"
                    );
                    comment.clear();
                }
                None => {
                    if let Some(name) = line.strip_prefix('[') {
                        section = name.trim_end_matches(']').to_owned();
                    }
                    comment.clear();
                }
            }
        }
        let is_said = |known: &&str| said.iter().any(|key| key.starts_with(*known));
        assert!(NEED_RESTART.iter().all(is_said), "{said:?}");
    }
}
