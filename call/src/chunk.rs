//! Cuts the text that a model is still writing into clauses that can be spoken.
//!
//! Decides where a clause ends: at the end of a sentence and, for the first clause of a reply, already at a comma
//! or dash, so that the first sound comes soon. Never inside a number ("7.30", "1,000", "$4.50") or after an
//! abbreviation ("Dr.", "p.m."). A mark at the very end of the text so far is undecided until the next character
//! is known. Decides nothing about when a clause is spoken.

/// Shortest first clause, in characters, that may end at a comma.
const FIRST_CLAUSE_MIN: usize = 10;
/// A clause longer than this many characters is cut at its last comma, or else at its last space.
const CLAUSE_MAX: usize = 220;
/// Text of one reply beyond this many bytes is not spoken: a model that never stops must not talk for ever.
const REPLY_MAX: usize = 8_000;

/// Abbreviations whose full stop does not end a sentence, lower case, without the last stop.
const ABBREVIATIONS: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "st", "ave", "blvd", "rd", "apt", "vs", "e.g", "i.e",
    "approx", "dept", "est", "ext", "inc", "jr", "sr", "mt", "ste", "tel", "sra", "srta", "bzw",
    "z.b", "ca",
];
/// Abbreviations that may also close a sentence: they do when a capital letter follows.
const CLOSING_ABBREVIATIONS: &[&str] = &["a.m", "p.m", "etc", "co", "u.s"];
/// Abbreviations only before a digit ("No. 5"); else ordinary words ("He said no.").
const NUMBER_ABBREVIATIONS: &[&str] = &["no", "nr", "nos"];

/// Collects streamed text and gives it back clause by clause.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunker {
    buffer: String,
    taken: usize,
    first_given: bool,
}

impl Chunker {
    /// Adds a piece of text; returns whether it was within the limit of one reply.
    pub(crate) fn push(&mut self, text: &str) -> bool {
        if self.taken + text.len() > REPLY_MAX {
            return false;
        }
        self.taken += text.len();
        self.buffer.push_str(text);
        true
    }

    /// Returns the next clause that is certainly complete.
    pub(crate) fn next(&mut self) -> Option<String> {
        loop {
            let end = self.boundary()?;
            let clause = self.take(end);
            if is_speakable(&clause) {
                self.first_given = true;
                return Some(clause);
            }
        }
    }

    /// What is not a clause yet.
    pub(crate) fn pending(&self) -> &str {
        &self.buffer
    }

    /// Returns what is left, once the model has finished. Ask [`Chunker::next`] first.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let clause = self.take(self.buffer.len());
        is_speakable(&clause).then_some(clause)
    }

    /// Returns what is left if it ends like a sentence, when nothing more came for a while.
    pub(crate) fn whole_sentence(&mut self) -> Option<String> {
        let end = self.buffer.trim_end().len();
        let probe = Self {
            buffer: format!("{} A", &self.buffer[..end]),
            ..Self::default()
        };
        if end == 0 || probe.boundary() != Some(end) {
            return None;
        }
        let clause = self.take(end);
        is_speakable(&clause).then(|| {
            self.first_given = true;
            clause
        })
    }

    fn take(&mut self, end: usize) -> String {
        let rest = self.buffer.split_off(end);
        let clause = std::mem::replace(&mut self.buffer, rest);
        // Models lay text out in lines; a voice has none.
        clause.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Byte offset behind the first clause, when one is complete.
    fn boundary(&self) -> Option<usize> {
        let text = &self.buffer;
        let mut chars = text.char_indices().peekable();
        let mut length = 0;
        let mut last_soft = None;
        while let Some((at, mark)) = chars.next() {
            length += 1;
            let end = at + mark.len_utf8();
            let next = chars.peek().map(|&(_, c)| c);
            match mark {
                '\n' if is_speakable(&text[..at]) => return Some(end),
                '。' | '！' | '？' => return Some(end),
                '.' | '!' | '?' | '…' => {
                    if let Some(end) = sentence_end(text, at, end) {
                        return Some(end);
                    }
                }
                ',' | ';' | ':' | '–' | '—' | '，' | '、'
                    if next.is_some_and(char::is_whitespace) || mark == '，' =>
                {
                    last_soft = Some(end);
                    if !self.first_given && length >= FIRST_CLAUSE_MIN {
                        return Some(end);
                    }
                }
                c if c.is_whitespace() && length > CLAUSE_MAX => {
                    return Some(last_soft.unwrap_or(end));
                }
                _ => {}
            }
        }
        None
    }
}

/// Whether a clause holds anything that a voice can say.
fn is_speakable(clause: &str) -> bool {
    clause.chars().any(char::is_alphanumeric)
}

/// Returns where the sentence whose mark stands at `at` ends, closing quotes included, or `None` when the mark
/// does not end a sentence or the text after it is not known yet.
fn sentence_end(text: &str, at: usize, mut end: usize) -> Option<usize> {
    let mut rest = text[end..].chars();
    let mut next = rest.next()?;
    while matches!(next, '"' | '\'' | '”' | '’' | ')' | '.' | '!' | '?') {
        end += next.len_utf8();
        next = rest.next()?;
    }
    if !next.is_whitespace() {
        return None;
    }
    if !text[at..].starts_with('.') {
        return Some(end);
    }
    let word = text[..at]
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    let word = word
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .to_lowercase();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i";
    if initial || ABBREVIATIONS.contains(&word.as_str()) {
        return None;
    }
    if CLOSING_ABBREVIATIONS.contains(&word.as_str()) {
        let following = rest.find(|c| !c.is_whitespace())?;
        return following.is_uppercase().then_some(end);
    }
    if NUMBER_ABBREVIATIONS.contains(&word.as_str()) {
        let following = rest.find(|c| !c.is_whitespace())?;
        return (!following.is_numeric()).then_some(end);
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text whole, and again character by character; both must give the same clauses.
    fn clauses(text: &str) -> Vec<String> {
        let run = |pieces: Vec<String>| {
            let mut chunker = Chunker::default();
            let mut out = Vec::new();
            for piece in pieces {
                assert!(chunker.push(&piece));
                out.extend(std::iter::from_fn(|| chunker.next()));
            }
            out.extend(chunker.rest());
            out
        };
        let whole = run(vec![text.to_owned()]);
        assert_eq!(
            whole,
            run(text.chars().map(String::from).collect()),
            "{text}"
        );
        whole
    }

    #[test]
    fn sentences_end_at_marks_and_the_first_clause_at_a_comma() {
        assert_eq!(
            clauses("Good evening, I'd like to book a table, if I may. Is that possible? Thanks"),
            [
                "Good evening,",
                "I'd like to book a table, if I may.",
                "Is that possible?",
                "Thanks"
            ]
        );
    }

    #[test]
    fn a_comma_too_early_does_not_split() {
        assert_eq!(clauses("Hi, it's Ana."), ["Hi, it's Ana."]);
    }

    #[test]
    fn numbers_and_abbreviations_stay_whole() {
        assert_eq!(
            clauses("It costs $4.50 at 7.30 p.m. today."),
            ["It costs $4.50 at 7.30 p.m. today."]
        );
        assert_eq!(
            clauses("Come at 7 p.m. Bring 1,000 forms."),
            ["Come at 7 p.m.", "Bring 1,000 forms."]
        );
        assert_eq!(
            clauses("Ask Dr. Who or J. Smith. Bye"),
            ["Ask Dr. Who or J. Smith.", "Bye"]
        );
    }

    #[test]
    fn a_whole_sentence_need_not_wait_for_the_next() {
        let mut chunker = Chunker::default();
        assert!(chunker.push("Sure, at 7"));
        assert_eq!(chunker.whole_sentence(), None);
        assert!(chunker.push(" p.m."));
        assert_eq!(chunker.whole_sentence().as_deref(), Some("Sure, at 7 p.m."));
        assert!(chunker.push(" Ask Dr."));
        assert_eq!(chunker.whole_sentence(), None);
        assert!(chunker.push(" Who."));
        assert_eq!(chunker.rest().as_deref(), Some("Ask Dr. Who."));
    }

    #[test]
    fn quotes_belong_to_the_sentence_before() {
        assert_eq!(
            clauses("He said \"no.\" Then left."),
            ["He said \"no.\"", "Then left."]
        );
    }

    #[test]
    fn other_scripts_split_at_their_own_marks() {
        assert_eq!(clauses("您好。我想订位。"), ["您好。", "我想订位。"]);
        assert_eq!(
            clauses("¿Tienen mesa? ¡Gracias!"),
            ["¿Tienen mesa?", "¡Gracias!"]
        );
    }

    #[test]
    fn layout_and_bare_marks_are_not_spoken() {
        assert_eq!(
            clauses("Hello there\n\n- * -\nSecond   line."),
            ["Hello there", "- * - Second line."]
        );
        assert_eq!(clauses("... !"), Vec::<String>::new());
    }

    #[test]
    fn a_sentence_without_end_is_cut_and_a_reply_is_bounded() {
        let long = "word ".repeat(100);
        assert!(
            clauses(&long)
                .iter()
                .all(|c| c.chars().count() <= CLAUSE_MAX + 5)
        );
        let mut chunker = Chunker::default();
        assert!(chunker.push(&"a".repeat(REPLY_MAX)));
        assert!(!chunker.push("b"));
    }
}
