//! Reads the grammar of phone conversations and draws sentences from it.
//!
//! The notation is described at the head of `fixtures/speech/phone.grammar`. What counts here is only which sentences
//! come how often; what is counted from them is decided in `ngram`.

use std::collections::{BTreeMap, HashMap};

/// A grammar whose every name is defined.
#[derive(Debug)]
pub(crate) struct Grammar {
    rules: Vec<Choice>,
    /// Sentences by what is asked for before them; those of every conversation are under the empty name.
    sentences: BTreeMap<String, Choice>,
}

/// Alternatives with their weights, and the sum of these.
#[derive(Debug, Default)]
struct Choice {
    ways: Vec<(f64, Sequence)>,
    total: f64,
}

type Sequence = Vec<Item>;

#[derive(Debug)]
enum Item {
    Word(String),
    Rule(usize),
    Choice(Choice),
    /// Said or left out, each half of the time.
    Maybe(Choice),
}

impl Grammar {
    /// Reads a grammar.
    ///
    /// # Errors
    /// A sentence with the number of the line that is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let lines = joined_lines(text);
        let mut names = HashMap::new();
        let mut bodies = Vec::new();
        let mut sayings = Vec::new();
        let mut weight = None;
        for (number, line) in &lines {
            if let Some(saying) = line.strip_prefix("say ").and_then(saying) {
                weight = Some(saying);
            } else if let Some((name, body)) = definition(line) {
                weight = None;
                if names.insert(name.to_owned(), bodies.len()).is_some() {
                    return Err(format!("line {number}: <{name}> is defined twice"));
                }
                bodies.push((*number, body.to_owned()));
            } else if let Some(weight) = &weight {
                sayings.push((*number, weight.clone(), line.clone()));
            } else {
                return Err(format!(
                    "line {number}: a sentence before any \"say\"; add a line \"say 1\" above it"
                ));
            }
        }
        let read = |number: usize, body: &str| {
            let mut tokens = Tokens::of(body);
            let choice = tokens.choice(&names).and_then(|choice| {
                let rest = tokens.next();
                rest.map_or(Ok(choice), |token| Err(format!("unexpected {token:?}")))
            });
            choice.map_err(|error| format!("line {number}: {error}"))
        };
        let rules = bodies
            .iter()
            .map(|(number, body)| read(*number, body))
            .collect::<Result<Vec<_>, _>>()?;
        let mut sentences: BTreeMap<String, Choice> = BTreeMap::new();
        for (number, (weight, asked), line) in &sayings {
            let way = vec![Item::Choice(read(*number, line)?)];
            let choice = sentences.entry(asked.clone()).or_default();
            choice.total += weight;
            choice.ways.push((*weight, way));
        }
        Ok(Self { rules, sentences })
    }

    /// Draws a sentence of any conversation: words separated by blanks.
    #[must_use]
    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> Vec<&str> {
        self.draw_answer("", random)
    }

    /// Draws a sentence that is said where this was asked for; none where the grammar has none.
    #[must_use]
    pub(crate) fn draw_answer(&self, asked: &str, random: &mut fastrand::Rng) -> Vec<&str> {
        let mut words = Vec::new();
        if let Some(choice) = self.sentences.get(asked) {
            self.say(pick(&choice.ways, choice.total, random), random, &mut words);
        }
        words
    }

    fn say<'a>(&'a self, items: &'a [Item], random: &mut fastrand::Rng, words: &mut Vec<&'a str>) {
        for item in items {
            let choice = match item {
                Item::Word(word) => {
                    words.push(word);
                    continue;
                }
                Item::Maybe(choice) if random.bool() => choice,
                Item::Maybe(_) => continue,
                Item::Rule(index) => &self.rules[*index],
                Item::Choice(choice) => choice,
            };
            self.say(pick(&choice.ways, choice.total, random), random, words);
        }
    }
}

fn pick<'a>(ways: &'a [(f64, Sequence)], total: f64, random: &mut fastrand::Rng) -> &'a [Item] {
    let mut at = random.f64() * total;
    for (weight, way) in ways {
        at -= weight;
        if at < 0.0 {
            return way;
        }
    }
    ways.last().map_or(&[], |(_, way)| way)
}

/// What follows "say": a weight, and perhaps "to" and what was asked for.
fn saying(rest: &str) -> Option<(f64, String)> {
    let (weight, asked) = rest.split_once(" to ").unwrap_or((rest, ""));
    Some((weight.parse().ok()?, asked.to_owned()))
}

/// Lines without comments and blank ones, with continuations joined to the line that they go on with.
fn joined_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with('|') => {
                last.push(' ');
                last.push_str(line);
            }
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}

/// `name: body`, where the name is one word of letters and underscores.
fn definition(line: &str) -> Option<(&str, &str)> {
    let (name, body) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_name.then_some((name, body))
}

/// The tokens of a line: words and the marks `< > ( ) [ ] |`.
struct Tokens<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
}

impl<'a> Tokens<'a> {
    fn of(body: &'a str) -> Self {
        let mut tokens = Vec::new();
        for word in body.split_whitespace() {
            let mut rest = word;
            while let Some(at) = rest.find(['(', ')', '[', ']', '|']) {
                let (before, from) = rest.split_at(at);
                let (mark, after) = from.split_at(1);
                tokens.extend([before, mark]);
                rest = after;
            }
            tokens.push(rest);
        }
        tokens.retain(|token| !token.is_empty());
        Self {
            tokens: tokens.into_iter().peekable(),
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.tokens.next()
    }

    /// Alternatives up to a closing mark or the end.
    fn choice(&mut self, names: &HashMap<String, usize>) -> Result<Choice, String> {
        let mut choice = Choice::default();
        loop {
            let weight = self.weight();
            let way = self.sequence(names)?;
            choice.total += weight;
            choice.ways.push((weight, way));
            if self.tokens.next_if_eq(&"|").is_none() {
                return Ok(choice);
            }
        }
    }

    /// `3*` before an alternative.
    fn weight(&mut self) -> f64 {
        let number = self.tokens.peek().and_then(|token| token.strip_suffix('*'));
        let Some(weight) = number.and_then(|number| number.parse().ok()) else {
            return 1.0;
        };
        self.tokens.next();
        weight
    }

    fn sequence(&mut self, names: &HashMap<String, usize>) -> Result<Sequence, String> {
        let mut items = Vec::new();
        while let Some(token) = self
            .tokens
            .next_if(|token| !matches!(*token, "|" | ")" | "]"))
        {
            let item = match token {
                "(" => Item::Choice(self.closed_choice(names, ")")?),
                "[" => Item::Maybe(self.closed_choice(names, "]")?),
                _ => match token.strip_prefix('<') {
                    Some(name) => {
                        let name = name
                            .strip_suffix('>')
                            .ok_or_else(|| format!("{token} has no closing >"))?;
                        let rule = names.get(name);
                        Item::Rule(*rule.ok_or_else(|| format!("<{name}> is not defined"))?)
                    }
                    None => Item::Word(token.to_owned()),
                },
            };
            items.push(item);
        }
        Ok(items)
    }

    fn closed_choice(
        &mut self,
        names: &HashMap<String, usize>,
        close: &str,
    ) -> Result<Choice, String> {
        let choice = self.choice(names)?;
        match self.tokens.next() {
            Some(token) if token == close => Ok(choice),
            _ => Err(format!("a {close} is missing")),
        }
    }
}

#[cfg(test)]
mod says;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shares(grammar: &str) -> BTreeMap<String, f64> {
        let grammar = Grammar::parse(grammar).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let mut shares = BTreeMap::new();
        for _ in 0..10_000 {
            *shares
                .entry(grammar.draw(&mut random).join(" "))
                .or_default() += 1e-4;
        }
        shares
    }

    fn assert_shares(grammar: &str, expected: &[(&str, f64)]) {
        let shares = shares(grammar);
        assert_eq!(shares.len(), expected.len(), "{shares:?}");
        for (sentence, share) in expected {
            let found = shares.get(*sentence).copied().unwrap_or_default();
            assert!((found - share).abs() < 0.02, "{sentence}: {found}");
        }
    }

    #[test]
    fn every_mark_of_the_notation_works() {
        assert_shares("say 1\na (b | c) d", &[("a b d", 0.5), ("a c d", 0.5)]);
        assert_shares(
            "say 2\na [b|c]",
            &[("a", 0.5), ("a b", 0.25), ("a c", 0.25)],
        );
        assert_shares(
            "x: 3* one two | three\n# comment\n| <y>\ny: four\n\nsay 3\n<x>\nsay 1\nfive",
            &[
                ("one two", 0.45),
                ("three", 0.15),
                ("four", 0.15),
                ("five", 0.25),
            ],
        );
        let asked = Grammar::parse("say 1\na\nsay 2 to thing\nb\nsay 1 to thing\nb").unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        assert_eq!(asked.draw(&mut random), ["a"]);
        assert_eq!(asked.draw_answer("thing", &mut random), ["b"]);
        assert_eq!(asked.draw_answer("other", &mut random), Vec::<&str>::new());
    }

    #[test]
    fn a_grammar_says_exactly_what_can_be_drawn() {
        let text = "x: 3* one two | three\nsay 1\n<x> (b | c) [d]\nyes";
        let grammar = Grammar::parse(text).unwrap();
        for sentence in ["one two b", "one two c d", "three c", "yes"] {
            assert!(grammar.says(sentence), "{sentence}");
        }
        for sentence in ["one b", "three", "three c d d", "no", ""] {
            assert!(!grammar.says(sentence), "{sentence}");
        }
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (grammar, error) in [
            ("a b c", "line 1: a sentence before any \"say\""),
            ("say x", "line 1: a sentence before any \"say\""),
            ("say 1\na <b>", "line 2: <b> is not defined"),
            ("say 1\n\na (b", "line 3: a ) is missing"),
            ("say 1\na b)", "line 2: unexpected \")\""),
            ("say 1\na <b", "line 2: <b has no closing >"),
            ("b: c\nb: d", "line 2: <b> is defined twice"),
        ] {
            let found = Grammar::parse(grammar).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
    }
}
