//! Whom the program may call, and when: the do-not-call list of the operator, and the hours that are decent where the
//! callee is. An account's own list is in the records.

use std::{collections::HashSet, path::Path, sync::Arc};

use protocol::phone::{PhoneNumber, PhoneRules};

mod hours;
mod zones;

pub use self::hours::{Hours, Later};

/// What is done with a call that comes at a bad time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// It is refused, with the time at which it may be made.
    Refuse,
    /// It waits for that time.
    Schedule,
}

/// Numbers that are never called, from a file.
#[derive(Debug, Clone, Default)]
pub struct NeverCall(Arc<HashSet<String>>);

impl NeverCall {
    /// Reads a file with a number a line, E.164; empty lines and what follows a `#` do not count.
    ///
    /// # Errors
    /// A sentence when the file cannot be read, or a line is no number.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
        let mut numbers = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let number = line.split('#').next().unwrap_or_default().trim();
            if number.is_empty() {
                continue;
            }
            let read = parse(number).ok_or_else(|| {
                format!(
                    "{}:{}: this is no US or Canadian number like +14155550100.",
                    path.display(),
                    index + 1
                )
            })?;
            numbers.insert(read);
        }
        Ok(Self(Arc::new(numbers)))
    }

    /// Returns whether a number, E.164, is in it.
    #[must_use]
    pub fn holds(&self, number: &str) -> bool {
        self.0.contains(number)
    }
}

/// Reads a number that somebody does not want to be called at.
#[must_use]
pub fn parse(text: &str) -> Option<String> {
    let rules = PhoneRules {
        allow_premium: true,
    };
    PhoneNumber::parse("phone_number", text, rules)
        .ok()
        .map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_what_is_wrong_is_told_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("never.txt");
        std::fs::write(
            &path,
            "# asked us\n+14155551234  # 2026-02-20\n\n+19005551234\n",
        )
        .unwrap();
        let list = NeverCall::read(&path).unwrap();
        assert!(list.holds("+14155551234") && list.holds("+19005551234"));
        assert!(!list.holds("+14155551235"));
        std::fs::write(&path, "+14155551234\n415 555\n").unwrap();
        assert!(NeverCall::read(&path).unwrap_err().contains("never.txt:2"));
        assert!(NeverCall::read(&dir.path().join("none")).is_err());
    }
}
