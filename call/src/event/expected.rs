//! What the callee is likely to say next, as far as it helps a recogniser to hear it.

/// What the agent has just asked for, where it is dictated: digits, letters and addresses are short sounds that a telephone
/// makes alike, and whoever knows that one of them comes hears it better. Callees may say something else all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Expected {
    /// Anything.
    #[default]
    Anything,
    /// Digits: a telephone, card or confirmation number.
    Number,
    /// An e-mail address.
    Email,
    /// Letters one by one.
    Spelling,
}

impl Expected {
    /// All of them, each at its [`Expected::place`].
    pub const ALL: [Self; 4] = [Self::Anything, Self::Number, Self::Email, Self::Spelling];

    /// Returns its name, as it stands in call scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Number => "number",
            Self::Email => "email",
            Self::Spelling => "spelling",
        }
    }

    /// Returns its place in [`Expected::ALL`].
    #[must_use]
    pub const fn place(self) -> usize {
        self as usize
    }

    /// Returns the one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_its_place_and_has_its_name() {
        for (place, one) in Expected::ALL.into_iter().enumerate() {
            assert_eq!(one.place(), place);
            assert_eq!(Expected::from_name(one.name()), Some(one));
        }
    }
}
