//! A call's configuration as lines `set key=value`; only what differs from the defaults is written.

use super::{TextError, quote, read::Words, read_duration, write_duration};
use crate::{CallConfig, Voicemail};

/// Reads one setting (`patience=1.5`, `silence_prompt=7s`, `first_message="Hello."`) into a configuration.
///
/// # Errors
/// When there is no such key, or the value is of the wrong kind.
pub fn read_setting(setting: &str, config: &mut CallConfig) -> Result<(), TextError> {
    let (key, value) = setting.trim().split_once('=').ok_or_else(|| {
        TextError::new(format!(
            "'{setting}' is no setting; write it like patience=1.5"
        ))
    })?;
    let text = || Words::new(value)?.text();
    let number = || {
        value
            .parse::<f32>()
            .map_err(|_| TextError::new(format!("'{value}' is no number")))
    };
    match key {
        "first_message" => config.first_message = Some(text()?),
        "patience" => config.patience = number()?,
        "echo_threshold" => config.echo_threshold = number()?,
        "silence_prompts" => {
            config.silence_prompts = value
                .parse()
                .map_err(|_| TextError::new(format!("'{value}' is no count")))?;
        }
        "voicemail_message" => config.voicemail = Voicemail::LeaveMessage(text()?),
        "filler" => config.phrases.filler = text()?,
        "trouble" => config.phrases.trouble = text()?,
        "asking" => config.phrases.asking = text()?,
        "withheld" => config.phrases.withheld = text()?,
        "sorry" => config.phrases.sorry = text()?,
        "goodbye" => config.phrases.goodbye = text()?,
        "nobody" => config.phrases.nobody = text()?,
        _ => {
            let field = config
                .durations()
                .into_iter()
                .find(|(name, _)| *name == key);
            let (_, field) =
                field.ok_or_else(|| TextError::new(format!("there is no setting '{key}'")))?;
            *field = read_duration(value)?;
        }
    }
    Ok(())
}

/// Writes what differs from the defaults, one `set` line each.
#[must_use]
pub fn write_settings(config: &CallConfig) -> String {
    let (mut config, mut default) = (config.clone(), CallConfig::default());
    let mut lines = Vec::new();
    for ((key, value), (_, usual)) in config.durations().into_iter().zip(default.durations()) {
        if value != usual {
            lines.push(format!("{key}={}", write_duration(*value)));
        }
    }
    let mut other = |key: &str, value: String, usual: String| {
        if value != usual {
            lines.push(format!("{key}={value}"));
        }
    };
    other(
        "patience",
        config.patience.to_string(),
        default.patience.to_string(),
    );
    other(
        "echo_threshold",
        config.echo_threshold.to_string(),
        default.echo_threshold.to_string(),
    );
    other(
        "silence_prompts",
        config.silence_prompts.to_string(),
        default.silence_prompts.to_string(),
    );
    let (mine, usual) = (&config.phrases, &default.phrases);
    other("filler", quote(&mine.filler), quote(&usual.filler));
    other("trouble", quote(&mine.trouble), quote(&usual.trouble));
    other("asking", quote(&mine.asking), quote(&usual.asking));
    other("withheld", quote(&mine.withheld), quote(&usual.withheld));
    other("sorry", quote(&mine.sorry), quote(&usual.sorry));
    other("goodbye", quote(&mine.goodbye), quote(&usual.goodbye));
    other("nobody", quote(&mine.nobody), quote(&usual.nobody));
    if let Some(text) = &config.first_message {
        lines.push(format!("first_message={}", quote(text)));
    }
    if let Voicemail::LeaveMessage(text) = &config.voicemail {
        lines.push(format!("voicemail_message={}", quote(text)));
    }
    lines.iter().map(|line| format!("set {line}\n")).collect()
}
