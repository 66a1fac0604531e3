//! Text that a running call keeps in memory, packed: lines that say nearly the same again and again, and that hardly anybody
//! reads before the call is over. Packs and unpacks; what the lines mean is for others.

use lz4_flex::block;

/// Text is packed in pieces of about so many bytes: enough that what is said again is found, and few enough that what waits to
/// be packed is little.
pub(crate) const PIECE: usize = 4 << 10;

/// A piece of text, packed.
#[derive(Debug)]
pub(crate) struct Piece {
    length: usize,
    bytes: Box<[u8]>,
}

impl Piece {
    pub(crate) fn pack(text: &str) -> Self {
        Self {
            length: text.len(),
            bytes: block::compress(text.as_bytes()).into_boxed_slice(),
        }
    }

    pub(crate) fn unpack(&self) -> String {
        let bytes = block::decompress(&self.bytes, self.length);
        let bytes = bytes.expect("it was packed here and is changed by nobody");
        String::from_utf8(bytes).expect("what was packed was text")
    }
}

/// A text that grows at its end.
#[derive(Debug, Default)]
pub(crate) struct Text {
    packed: Vec<Piece>,
    /// What was written last.
    open: String,
    length: usize,
}

impl Text {
    /// Returns how many bytes it has, unpacked.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn push_line(&mut self, line: &str) {
        if !self.open.is_empty() && self.open.len() + line.len() >= PIECE {
            self.packed.push(Piece::pack(&self.open));
            self.open.clear();
            // One long line leaves no memory behind.
            self.open.shrink_to(PIECE);
        }
        if self.open.capacity() == 0 {
            self.open.reserve_exact(PIECE);
        }
        self.open.push_str(line);
        self.open.push('\n');
        self.length += line.len() + 1;
    }

    /// Writes all of it at the end of `to`.
    pub(crate) fn write(&self, to: &mut String) {
        to.reserve(self.length);
        for piece in &self.packed {
            to.push_str(&piece.unpack());
        }
        to.push_str(&self.open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_was_written_and_takes_less_room() {
        let mut text = Text::default();
        let mut written = String::new();
        let long = "é".repeat(PIECE);
        for index in 0..3000 {
            let line = match index {
                7 | 8 => long.clone(),
                9 => String::new(),
                _ => format!("{index}.5ms note agent-speech g2.1 {index}/0/0 \"Good evening.\""),
            };
            text.push_line(&line);
            written += &line;
            written.push('\n');
        }
        assert_eq!(text.len(), written.len());
        let mut read = "before ".to_owned();
        text.write(&mut read);
        assert_eq!(read, format!("before {written}"));
        let packed: usize = text.packed.iter().map(|piece| piece.bytes.len()).sum();
        assert!(text.packed.len() > 10 && text.open.capacity() < 3 * PIECE);
        assert!(packed * 4 < written.len(), "{packed} of {}", written.len());
    }
}
