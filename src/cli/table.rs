//! Rows in columns, cut to the terminal's width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::{plain, say, width};

/// What stands between two columns.
const GAP: usize = 2;
/// No column is cut to less than this; the last one is left out instead.
const NARROWEST: usize = 10;

/// Prints rows; the first is the heading. On a terminal they are cut to its width, elsewhere nothing is.
pub(super) fn print<const N: usize>(rows: &[[String; N]]) {
    for line in columns(rows, width()) {
        say(&line);
    }
}

/// Lays rows out in columns. Where they are wider than `room`, the widest columns are cut, but never the first: it names
/// what the row is about, and is copied.
fn columns<const N: usize>(rows: &[[String; N]], room: Option<usize>) -> Vec<String> {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| plain(cell)))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(room) = room {
        fit(&mut widths, room);
    }
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
            let cell = cut(cell, width);
            let blank = width - cell.width() + GAP;
            line += &cell;
            line.extend(std::iter::repeat_n(' ', blank));
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn fit(widths: &mut [usize], room: usize) {
    loop {
        let shown = widths.iter().filter(|width| **width > 0);
        let whole = shown.map(|width| width + GAP).sum::<usize>();
        let over = whole.saturating_sub(GAP).saturating_sub(room);
        let widest = (1..widths.len()).max_by_key(|at| widths[*at]);
        let Some(widest) = widest.filter(|_| over > 0) else {
            return;
        };
        if widths[widest] > NARROWEST {
            widths[widest] = widths[widest].saturating_sub(over).max(NARROWEST);
        } else if let Some(last) = (1..widths.len()).rfind(|at| widths[*at] > 0) {
            widths[last] = 0;
        } else {
            return;
        }
    }
}

/// Cuts a text to so many cells of the terminal; `…` tells that there was more.
pub(super) fn cut(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = cells.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        out.push(c);
    }
    if cells > 0 {
        out.push('…');
    }
    out
}

/// Returns the end of a text that fits into so many cells.
pub(super) fn tail(text: &str, cells: usize) -> &str {
    let mut left = cells;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        from = at;
    }
    &text[from..]
}

/// Breaks a text into lines of at most so many cells, between words where that is possible.
pub(super) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = vec![String::new()];
    let push = |lines: &mut Vec<String>, word: &str| {
        let line = lines.last_mut().expect("there is always a line");
        let joined = line.width() + usize::from(!line.is_empty()) + word.width();
        if line.is_empty() || joined <= cells {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    };
    for word in text.split_whitespace() {
        let mut rest = word;
        while rest.width() > cells {
            let mut at = rest.len() - tail_after(rest, cells).len();
            if at == 0 {
                at = rest.chars().next().map_or(rest.len(), char::len_utf8);
            }
            push(&mut lines, &rest[..at]);
            rest = &rest[at..];
        }
        if !rest.is_empty() {
            push(&mut lines, rest);
        }
    }
    lines
}

/// Returns what is left of a text behind its first cells.
fn tail_after(text: &str, cells: usize) -> &str {
    let mut left = cells;
    for (at, c) in text.char_indices() {
        let width = c.width().unwrap_or(0);
        if width > left {
            return &text[at..];
        }
        left -= width;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> [[String; 4]; 3] {
        [
            ["ID", "WHO", "STATE", "ABOUT"],
            [
                "cl_1234567890",
                "Nopa",
                "completed",
                "Book a table for two at seven",
            ],
            ["cl_2", "東京の寿司屋さん", "in\x1b[2Jprogress", ""],
        ]
        .map(|row| row.map(str::to_owned))
    }

    #[test]
    fn a_table_is_whole_where_there_is_room() {
        let lines = columns(&rows(), None);
        assert_eq!(
            lines[0],
            "ID             WHO               STATE           ABOUT"
        );
        assert_eq!(
            lines[1],
            "cl_1234567890  Nopa              completed       Book a table for two at seven"
        );
        assert_eq!(lines[2], "cl_2           東京の寿司屋さん  in [2Jprogress");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_the_first_column_is_never_cut() {
        for room in 20..100 {
            for line in columns(&rows(), Some(room)) {
                assert!(line.width() <= room, "{room}: {line}");
            }
            assert!(columns(&rows(), Some(room))[1].starts_with("cl_1234567890"));
        }
        let lines = columns(&rows(), Some(60));
        assert_eq!(
            lines[1],
            "cl_1234567890  Nopa              completed       Book a tab…"
        );
        assert!(columns(&rows(), Some(5))[1].starts_with("cl_1234567890"));
    }

    #[test]
    fn texts_are_cut_and_wrapped_by_cells() {
        assert_eq!(cut("東京の寿司", 6), "東京…");
        assert_eq!(tail("東京の寿司", 5), "寿司");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("東京の寿司", 1), ["東", "京", "の", "寿", "司"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
