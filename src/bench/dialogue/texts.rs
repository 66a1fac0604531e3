//! The sentences of dialogues, read from the two lists beside this file.
//!
//! Which part a sentence belongs to follows from its text, as that of a recording from its name.

use crate::bench::library::Part;

/// An answer and the question before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// What the agent asks.
    pub(super) question: &'static str,
    /// What the callee says; `|` marks hesitations.
    pub(super) text: &'static str,
}

/// What a line of a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A whole turn.
    Whole,
    /// A short one.
    Short,
    /// Hesitates where the words want more.
    Incomplete,
    /// Hesitates where the words could be all.
    LooksComplete,
}

impl Shape {
    fn mark(self) -> char {
        match self {
            Self::Whole => '.',
            Self::Short => '!',
            Self::Incomplete => '<',
            Self::LooksComplete => '>',
        }
    }
}

/// Returns the answers of a shape that belong to a part.
pub(super) fn answers(shape: Shape, part: Part) -> Vec<Answer> {
    let mut question = "";
    let mut found = Vec::new();
    for (mark, text) in lines(include_str!("texts.txt")) {
        if mark == '?' {
            question = text;
        } else if mark == shape.mark() && Part::of(text) == part {
            found.push(Answer { question, text });
        }
    }
    found
}

/// What the barge-in dialogues are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The agent, at length.
    Speech,
    /// The agent, when it was interrupted.
    Reaction,
    /// The callee takes the floor.
    Interruption,
    /// The callee listens.
    Backchannel,
}

/// Returns the sentences of a role. The agent's and the listener's belong to every part, there being few.
pub(super) fn barge_in(role: Role, part: Part) -> Vec<&'static str> {
    let (wanted, split) = match role {
        Role::Speech => ('=', false),
        Role::Reaction => ('-', false),
        Role::Interruption => ('!', true),
        Role::Backchannel => ('~', false),
    };
    lines(include_str!("barge_in.txt"))
        .filter(|(mark, text)| *mark == wanted && (!split || Part::of(text) == part))
        .map(|(_, text)| text)
        .collect()
}

fn lines(list: &'static str) -> impl Iterator<Item = (char, &'static str)> {
    list.lines().filter_map(|line| {
        let (mark, text) = line.split_once(' ')?;
        let mark = mark
            .chars()
            .next()
            .filter(|mark| "?.!<>=-~".contains(*mark))?;
        Some((mark, text.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_and_role_has_sentences_in_both_parts() {
        for part in [Part::Tuning, Part::HeldOut] {
            for shape in [
                Shape::Whole,
                Shape::Short,
                Shape::Incomplete,
                Shape::LooksComplete,
            ] {
                let found = answers(shape, part);
                assert!(found.len() >= 8, "{shape:?} {part:?}: {}", found.len());
                let hesitates = matches!(shape, Shape::Incomplete | Shape::LooksComplete);
                for answer in found {
                    assert!(!answer.question.is_empty());
                    assert_eq!(answer.text.contains(" | "), hesitates, "{}", answer.text);
                }
            }
            for role in [
                Role::Speech,
                Role::Reaction,
                Role::Interruption,
                Role::Backchannel,
            ] {
                assert!(barge_in(role, part).len() >= 4, "{role:?} {part:?}");
            }
        }
    }
}
