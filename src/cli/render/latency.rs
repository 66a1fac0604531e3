//! Where the time before an answer went, as a bar against the budget on a terminal, in numbers elsewhere.

use protocol::rest::TurnLatency;
use unicode_width::UnicodeWidthStr;

use super::{Renderer, clock};

/// Callees feel a longer silence than this; the web pages show the same budget.
const BUDGET_MS: u64 = 800;
/// What one cell of a bar stands for.
const CELL_MS: u64 = 50;
/// Cells of a bar: 1.2 s.
const CELLS: u64 = 24;
/// The parts: their names, how they look, and their colours.
const PARTS: [(&str, char, &str); 5] = [
    ("end of turn", '█', "34"),
    ("words", '▓', "36"),
    ("first token", '▒', "35"),
    ("first sound", '░', "33"),
    ("wire", '▪', "32"),
];

fn parts(latency: &TurnLatency) -> [u64; 5] {
    [
        latency.end_of_turn_ms,
        latency.words_ms,
        latency.first_token_ms,
        latency.first_sound_ms,
        latency.wire_ms,
    ]
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02}", ms / 1000, ms % 1000 / 10)
}

impl Renderer {
    pub(super) fn latency(&mut self, t_ms: u64, latency: &TurnLatency) -> String {
        let total = latency.felt_silence_ms;
        let named = PARTS.iter().zip(parts(latency));
        let named: Vec<_> = named
            .map(|((name, _, _), ms)| format!("{name} {}", seconds(ms)))
            .collect();
        let named = named.join(", ");
        let over = total > BUDGET_MS;
        let Some(width) = self.style.terminal else {
            let over = if over { ", over the budget" } else { "" };
            let text = format!("answered after {} s{over}: {named}", seconds(total));
            return self.note(t_ms, &text);
        };
        let mut out = String::new();
        if !std::mem::replace(&mut self.explained, true) {
            out = self.legend();
        }
        let margin = format!("{:>8}  ", clock(t_ms));
        let said = format!("{} s", seconds(total));
        let said = if over { self.paint("31", &said) } else { said };
        out += &format!("{}{} {said}", self.paint("2", &margin), self.bar(latency));
        let taken = margin.width() + CELLS as usize + 1 + " 99.99 s  ".len();
        if taken + named.width() < width {
            out += &self.paint("2", &format!("  {named}"));
        }
        out + "\n"
    }

    /// What the parts of a bar are; fits where everything else does.
    fn legend(&self) -> String {
        let parts = PARTS.map(|(name, look, colour)| {
            let look = self.paint(colour, &look.to_string());
            format!("{look} {name}")
        });
        format!(
            "  {}  | budget {} s\n",
            parts.join("  "),
            seconds(BUDGET_MS)
        )
    }

    /// The parts behind one another, to scale, with a mark where the budget ends.
    fn bar(&self, latency: &TurnLatency) -> String {
        let mut cells = Vec::new();
        let mut until = 0;
        for ((_, look, colour), ms) in PARTS.iter().zip(parts(latency)) {
            until += ms;
            // Rounded where a part ends, so that no error adds up.
            let end = ((until + CELL_MS / 2) / CELL_MS).min(CELLS) as usize;
            while cells.len() < end {
                cells.push((*look, *colour));
            }
        }
        cells.resize(CELLS as usize, ('·', "2"));
        let mark = (BUDGET_MS / CELL_MS) as usize;
        let (before, after) = cells.split_at(mark);
        let mark = if latency.felt_silence_ms > BUDGET_MS {
            "31"
        } else {
            "0"
        };
        format!(
            "{}{}{}",
            self.run(before),
            self.paint(mark, "|"),
            self.run(after)
        )
    }

    /// Cells of the same look are painted together.
    fn run(&self, cells: &[(char, &str)]) -> String {
        let runs = cells.chunk_by(|one, other| one == other);
        runs.map(|run| {
            let look: String = run.iter().map(|(look, _)| look).collect();
            self.paint(run[0].1, &look)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Style, *};

    fn drawn(latency: TurnLatency, width: Option<usize>) -> String {
        let style = Style {
            terminal: width,
            colour: false,
        };
        Renderer::new(style).latency(61_400, &latency)
    }

    #[test]
    fn the_budget_is_that_of_the_pages() {
        let page = include_str!("../../../web/src/parts/latency.tsx");
        assert!(page.contains(&format!("BUDGET_MS = {BUDGET_MS};")));
        for (name, _, _) in PARTS {
            assert!(page.contains(&format!("label: \"{name}\"")), "{name}");
        }
    }

    #[test]
    fn a_bar_is_to_scale_and_marks_the_budget() {
        let latency = TurnLatency {
            end_of_turn_ms: 300,
            words_ms: 100,
            first_token_ms: 200,
            first_sound_ms: 310,
            wire_ms: 90,
            felt_silence_ms: 1000,
        };
        let lines = drawn(latency, Some(121));
        let (legend, bar) = lines.trim_end().split_once('\n').unwrap();
        assert_eq!(
            legend,
            "  █ end of turn  ▓ words  ▒ first token  ░ first sound  ▪ wire  | budget 0.80 s"
        );
        assert_eq!(
            bar,
            "  1:01.4  ██████▓▓▒▒▒▒░░░░|░░▪▪···· 1.00 s  end of turn 0.30, words 0.10, first token 0.20, \
             first sound 0.31, wire 0.09"
        );
        assert!(drawn(latency, None).contains("1.00 s, over the budget: end of turn 0.30"));
        for width in [60, 80, 200] {
            for line in drawn(latency, Some(width)).lines().skip(1) {
                assert!(line.width() < width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_bar_has_an_end_however_long_it_took() {
        let latency = TurnLatency {
            end_of_turn_ms: u64::from(u32::MAX),
            felt_silence_ms: u64::from(u32::MAX),
            ..TurnLatency::default()
        };
        assert!(drawn(latency, Some(80)).contains("████████████████|████████ 4294967.29 s"));
        assert!(
            drawn(TurnLatency::default(), Some(80)).contains("················|········ 0.00 s")
        );
    }
}
