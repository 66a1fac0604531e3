//! What is written to standard output and standard error, and how: lines, JSON, colours, the terminal's width.

use std::{
    io::{self, IsTerminal, Write},
    sync::OnceLock,
};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

/// What `--color` says; nothing when a test runs no command line.
static COLOUR: OnceLock<Colour> = OnceLock::new();
/// The width that is assumed where a terminal does not tell it.
const USUAL_WIDTH: usize = 80;

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set; elsewhere only if CLICOLOR_FORCE is
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Makes this the choice of the process. The first one stays.
    pub(super) fn choose(self) {
        let _ = COLOUR.set(self);
    }

    fn holds(self, terminal: bool, no_color: bool, forced: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => !no_color && (terminal || forced),
        }
    }
}

/// Returns whether colours may be used on a stream: `--color`, <https://no-color.org>, <https://bixense.com/clicolors>.
pub(super) fn may_colour(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced = set("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE") != Some("0".into());
    let choice = COLOUR.get().copied().unwrap_or(Colour::Auto);
    choice.holds(terminal, set("NO_COLOR"), forced)
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Output {
    /// Print JSON to standard output; docs/cli.md says which
    #[arg(long, global = true, display_order = 800)]
    pub(super) json: bool,
}

/// Prints a result as JSON: `{"data": …}` in one line.
pub(super) fn data(value: impl Serialize) {
    say(&json!({ "data": value }).to_string());
}

/// Prints a failure as JSON.
pub(super) fn error(body: &Value) {
    say(&body.to_string());
}

/// Writes a line to standard output. Nobody reading it any more is no reason to fail.
pub(super) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Returns the width of standard output, when that is a terminal.
pub(super) fn width() -> Option<usize> {
    io::stdout().is_terminal().then(|| width_of(io::stdout()))
}

/// Returns the width of a terminal.
pub(super) fn width_of(stream: impl std::os::fd::AsFd) -> usize {
    terminal_size::terminal_size_of(stream).map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
}

/// Takes from a text what could move the cursor or change the terminal: it came over the network. That is control
/// characters, and those that turn the direction of writing.
pub(super) fn plain(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| if c.is_control() || hidden(c) { ' ' } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        for (colour, terminal, no_color, forced, expected) in [
            (Colour::Auto, true, false, false, true),
            (Colour::Auto, false, false, false, false),
            (Colour::Auto, true, true, false, false),
            (Colour::Auto, false, false, true, true),
            (Colour::Auto, true, true, true, false),
            (Colour::Always, false, true, false, true),
            (Colour::Never, true, false, true, false),
        ] {
            let holds = colour.holds(terminal, no_color, forced);
            assert_eq!(holds, expected, "{colour:?} {terminal} {no_color} {forced}");
        }
    }
}
