//! Reads the configuration: the example file gives the defaults, the known keys and their types; a file of the
//! operator's goes over it, and the environment over that. Everything wrong is reported at once, each with its
//! file and line, or its variable, and the nearest known key.

use std::{fmt, ops::Range, path::Path, str::FromStr};

use serde::Deserialize;
use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use super::{Config, Hidden};

/// The example, which is the schema.
const EXAMPLE: &str = include_str!("../../agentphone.example.toml");
/// How variables of the environment begin.
const ENV_PREFIX: &str = "AGENTPHONE__";

/// Everything that is wrong with a configuration, one sentence a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Default for Config {
    fn default() -> Self {
        Self::deserialize(example()).expect("a test reads agentphone.example.toml")
    }
}

impl Config {
    /// Reads `file`, if one is given, and the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or something in it or in the environment is unknown, has the wrong type or
    /// is out of its range.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (text, origin) = Self::text_of(file)?;
        Self::parse(&text, &origin, env)
    }

    /// Reads the file, if one is given; also returns how errors name it.
    pub(super) fn text_of(file: Option<&Path>) -> Result<(String, String), ConfigError> {
        Ok(match file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    ConfigError(vec![format!(
                        "{}: cannot be read: {error}.",
                        path.display()
                    )])
                })?;
                (text, path.display().to_string())
            }
            None => (String::new(), "configuration".to_owned()),
        })
    }

    /// Reads a configuration from `text`; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        text: &str,
        origin: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::made_of(Self::merged(text, origin, env)?, origin)
    }

    /// Puts the defaults, `text` and the environment over each other.
    pub(super) fn merged(
        text: &str,
        origin: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Table, ConfigError> {
        let mut schema = example();
        let mut wrong = Vec::new();
        let mut merged = schema.clone();
        match read_file(text, origin, &schema, &mut wrong) {
            Ok(table) => overlay(&mut merged, table),
            Err(error) => wrong.push(error),
        }
        let mut env: Vec<_> = env
            .into_iter()
            .filter(|(name, _)| name.starts_with(ENV_PREFIX))
            .collect();
        env.sort();
        for (name, value) in env {
            if let Err(error) = override_by_env(&name, &value, &mut schema, &mut merged) {
                wrong.push(error);
            }
        }
        if !wrong.is_empty() {
            return Err(ConfigError(wrong));
        }
        Ok(merged)
    }

    /// Makes a configuration of all its keys.
    pub(super) fn made_of(table: Table, origin: &str) -> Result<Self, ConfigError> {
        let config = Self::deserialize(table).map_err(|error| {
            ConfigError(vec![format!("{origin}: {}", one_line(&error.to_string()))])
        })?;
        config.tidied().checked(origin)
    }

    /// Addresses lose the slashes at their ends, so that paths can be appended.
    fn tidied(mut self) -> Self {
        for url in [
            &mut self.server.public_url,
            &mut self.llm.openai.base_url,
            &mut self.llm.anthropic.base_url,
            &mut self.line.twilio.api_base,
            &mut self.billing.stripe.api_base,
            &mut self.stt.openai.base_url,
            &mut self.stt.deepgram.base_url,
            &mut self.stt.whisper.models_url,
        ] {
            *url = url.trim_end_matches('/').to_owned();
        }
        for (_, url) in self.tts.addresses() {
            *url = url.trim_end_matches('/').to_owned();
        }
        self
    }

    fn checked(mut self, origin: &str) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let mut within = |key: &str, value: u64, range: Range<u64>| {
            if !range.contains(&value) {
                wrong.push(if range.end == u64::MAX {
                    format!(
                        "{origin}: `{key}` is {value} and must be {} or more.",
                        range.start
                    )
                } else {
                    format!(
                        "{origin}: `{key}` is {value} and must be {} to {}.",
                        range.start,
                        range.end - 1
                    )
                });
            }
        };
        let (server, calls) = (&self.server, &self.calls);
        within(
            "server.creations_per_minute",
            server.creations_per_minute.into(),
            1..u64::MAX,
        );
        within(
            "server.reads_per_minute",
            server.reads_per_minute.into(),
            1..u64::MAX,
        );
        within(
            "server.max_body_bytes",
            server.max_body_bytes as u64,
            1024..u64::MAX,
        );
        within(
            "calls.max_concurrent",
            calls.max_concurrent as u64,
            1..u64::MAX,
        );
        within(
            "calls.ring_timeout_seconds",
            calls.ring_timeout_seconds.into(),
            5..301,
        );
        within(
            "calls.max_duration_seconds",
            calls.max_duration_seconds.into(),
            10..7201,
        );
        within("calls.drain_seconds", calls.drain_seconds.into(), 0..601);
        within(
            "calls.upgrade_seconds",
            calls.upgrade_seconds.into(),
            0..7201,
        );
        within(
            "line.simulated.recording_stay_seconds",
            self.line.simulated.recording_stay_seconds.into(),
            1..601,
        );
        self.failover.check(&mut within);
        self.check_site(&mut within);
        for (key, value, range) in self.llm.patience.ranges() {
            within(key, value, range);
        }
        if !(0.5..=3.0).contains(&calls.patience) {
            let patience = calls.patience;
            wrong.push(format!(
                "{origin}: `calls.patience` is {patience} and must be 0.5 to 3.0."
            ));
        }
        for (key, url) in [
            ("server.public_url", &server.public_url),
            ("llm.openai.base_url", &self.llm.openai.base_url),
            ("llm.anthropic.base_url", &self.llm.anthropic.base_url),
            ("line.twilio.api_base", &self.line.twilio.api_base),
            ("billing.buy_credits_url", &self.billing.buy_credits_url),
            ("billing.stripe.api_base", &self.billing.stripe.api_base),
            ("trace.otlp_endpoint", &self.trace.otlp_endpoint),
        ] {
            if !url.is_empty() && !is_web_address(url) {
                wrong.push(format!(
                    "{origin}: `{key}` is \"{url}\" and must begin with http:// or https:// and a host."
                ));
            }
        }
        for (key, empty, repeated) in [
            (
                "stt.providers",
                self.stt.providers.is_empty(),
                repeats(&self.stt.providers),
            ),
            ("llm.providers", false, repeats(&self.llm.providers)),
            (
                "tts.providers",
                self.tts.providers.is_empty(),
                repeats(&self.tts.providers),
            ),
        ] {
            if empty {
                wrong.push(format!(
                    "{origin}: `{key}` is empty and must name at least one service."
                ));
            }
            if repeated {
                wrong.push(format!("{origin}: `{key}` names a service twice."));
            }
        }
        for (key, url) in self.tts.addresses() {
            let plain = url.replacen("ws", "http", usize::from(url.starts_with("ws")));
            if !url.is_empty() && !is_web_address(&plain) {
                wrong.push(format!(
                    "{origin}: `{key}` is \"{url}\" and must begin with https:// or wss:// and a host."
                ));
            }
        }
        self.check_net(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        self.check_hearing(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        self.check_operation(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        self.check_twilio(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        self.check_accounts(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        self.check_sip(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        self.check_browser(&mut |sentence| wrong.push(format!("{origin}: {sentence}")));
        if let Err(error) = tracing_subscriber::EnvFilter::from_str(&self.log.level) {
            wrong.push(format!("{origin}: `log.level` is no filter: {error}."));
        }
        if wrong.is_empty() {
            Ok(self)
        } else {
            Err(ConfigError(wrong))
        }
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

fn example() -> Table {
    toml::from_str(EXAMPLE).expect("a test reads agentphone.example.toml")
}

fn repeats<T: Eq + std::hash::Hash>(list: &[T]) -> bool {
    let mut seen = std::collections::HashSet::new();
    !list.iter().all(|one| seen.insert(one))
}

fn is_web_address(url: &str) -> bool {
    reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn read_file(
    text: &str,
    origin: &str,
    schema: &Table,
    wrong: &mut Vec<String>,
) -> Result<Table, String> {
    let syntax = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(text, &span));
        format!(
            "{origin}:{line}: this is not TOML: {}.",
            one_line(error.message())
        )
    };
    let spanned = DeTable::parse(text).map_err(syntax)?;
    check_table(spanned.get_ref(), schema, "", &mut |span, sentence| {
        wrong.push(format!("{origin}:{}: {sentence}", line_of(text, span)));
    });
    toml::from_str(text).map_err(syntax)
}

fn check_table(
    table: &DeTable<'_>,
    schema: &Table,
    prefix: &str,
    report: &mut dyn FnMut(&Range<usize>, String),
) {
    for (key, value) in table {
        let path = join(prefix, key.get_ref());
        match schema.get(key.get_ref().as_ref()) {
            None => report(&key.span(), unknown(&path)),
            Some(known) => check_value(value, known, &path, report),
        }
    }
}

fn check_value(
    value: &Spanned<DeValue<'_>>,
    known: &Value,
    path: &str,
    report: &mut dyn FnMut(&Range<usize>, String),
) {
    match (value.get_ref(), known) {
        (DeValue::Table(table), Value::Table(schema)) => check_table(table, schema, path, report),
        (DeValue::Integer(_), Value::Float(_)) => {}
        (value_ref, known) if value_ref.type_str() == known.type_str() => {}
        (other, known) => report(
            &value.span(),
            format!(
                "`{path}` is of type {} and must be of type {}.",
                other.type_str(),
                known.type_str()
            ),
        ),
    }
}

fn overlay(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => overlay(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Finds the key that a variable names and writes its value, read as the type that the key has.
fn override_by_env(
    name: &str,
    text: &str,
    schema: &mut Table,
    merged: &mut Table,
) -> Result<(), String> {
    let path: Vec<String> = name[ENV_PREFIX.len()..]
        .split("__")
        .map(str::to_ascii_lowercase)
        .collect();
    let refuse = || format!("{name}: {}", unknown(&path.join(".")));
    let known = find(schema, &path).ok_or_else(refuse)?;
    let value = match known {
        Value::Table(_) => return Err(refuse()),
        Value::String(_) => Value::String(text.to_owned()),
        // A list without brackets, as people write it in a shell.
        Value::Array(_) if !text.trim_start().starts_with('[') => list(text),
        known => typed(text, known)
            .ok_or_else(|| format!("{name}: \"{text}\" must be of type {}.", known.type_str()))?,
    };
    if let Some(place) = find(merged, &path) {
        *place = value;
    }
    Ok(())
}

fn find<'a>(table: &'a mut Table, path: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get_mut(first)?;
    match rest {
        [] => Some(value),
        rest => find(value.as_table_mut()?, rest),
    }
}

fn list(text: &str) -> Value {
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
}

fn typed(text: &str, known: &Value) -> Option<Value> {
    let value = Value::from_str(text.trim()).ok()?;
    match (value, known) {
        (Value::Integer(whole), Value::Float(_)) => Some(Value::Float(whole as f64)),
        (value, known) => value.same_type(known).then_some(value),
    }
}

fn unknown(path: &str) -> String {
    match nearest(path) {
        Some(known) => format!("unknown key `{path}`. Did you mean `{known}`?"),
        None => format!("unknown key `{path}`. agentphone.example.toml has every key."),
    }
}

fn nearest(path: &str) -> Option<String> {
    let mut known = Vec::new();
    collect_paths(&example(), "", &mut known);
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    known
        .into_iter()
        .map(|candidate| {
            let whole = strsim::normalized_damerau_levenshtein(path, &candidate);
            // A right name in the wrong section is as near as a slip of the pen.
            let tail = 0.9 * strsim::normalized_damerau_levenshtein(&last(path), &last(&candidate));
            (whole.max(tail), candidate)
        })
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn collect_paths(table: &Table, prefix: &str, paths: &mut Vec<String>) {
    for (key, value) in table {
        let path = join(prefix, key);
        if let Value::Table(inner) = value {
            collect_paths(inner, &path, paths);
        }
        paths.push(path);
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    1 + before.matches('\n').count()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
