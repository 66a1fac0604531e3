//! Who of several services did what on one call: gathered as they say it, handed out turn by turn.
//!
//! A turn of the callee is credited to the recognisers that gave its words, one of the agent to the models and voices of
//! its reply. Decides nothing.

use call::{ClauseId, Generation, Speaker};
use protocol::{control::Role, rest};

use crate::provider::Served;

/// Replies of which it is remembered who made them; a turn ends long before so many others begin.
const REPLIES: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roster {
    recogniser: Option<&'static str>,
    heard: Vec<&'static str>,
    models: Vec<(Generation, &'static str)>,
    voices: Vec<(Generation, &'static str)>,
    /// The reply that sounded last.
    sounding: Option<Generation>,
    shown: [Option<&'static str>; 3],
}

impl Roster {
    /// A service serves from here on. Returns whether watchers should be told: when it is another one than before.
    pub(super) fn served(
        &mut self,
        role: Role,
        generation: Option<Generation>,
        served: &Served,
    ) -> bool {
        let (place, list) = match role {
            Role::Stt => (0, None),
            Role::Llm => (1, Some(&mut self.models)),
            Role::Tts => (2, Some(&mut self.voices)),
        };
        match (list, generation) {
            (Some(list), Some(generation)) => {
                if !list.contains(&(generation, served.by)) {
                    list.push((generation, served.by));
                }
                let surplus = list.len().saturating_sub(REPLIES);
                list.drain(..surplus);
            }
            _ => self.recogniser = Some(served.by),
        }
        self.shown[place].replace(served.by) != Some(served.by) || served.instead_of.is_some()
    }

    /// The recogniser gave words.
    pub(super) fn heard(&mut self) {
        if let Some(name) = self.recogniser
            && !self.heard.contains(&name)
        {
            self.heard.push(name);
        }
    }

    /// Sound of a clause went out.
    pub(super) fn sent(&mut self, clause: ClauseId) {
        self.sounding = Some(clause.generation);
    }

    /// Returns who served a turn that is complete.
    pub(super) fn of_turn(&mut self, speaker: Speaker) -> rest::ServedBy {
        if speaker == Speaker::Callee {
            let heard = std::mem::take(&mut self.heard);
            return rest::ServedBy {
                stt: heard.into_iter().map(str::to_owned).collect(),
                ..rest::ServedBy::default()
            };
        }
        let of = |list: &[(Generation, &str)]| {
            let list = list.iter().filter(|(g, _)| Some(*g) == self.sounding);
            list.map(|(_, name)| (*name).to_owned()).collect()
        };
        rest::ServedBy {
            stt: Vec::new(),
            llm: of(&self.models),
            tts: of(&self.voices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(by: &'static str) -> Served {
        Served {
            by,
            instead_of: None,
        }
    }

    #[test]
    fn each_turn_is_credited_to_who_made_it() {
        let mut roster = Roster::default();
        let (one, two) = (Some(Generation(1)), Some(Generation(2)));
        assert!(roster.served(Role::Stt, None, &served("ear")));
        assert!(roster.served(Role::Llm, one, &served("brain")));
        assert!(roster.served(Role::Tts, one, &served("mouth")));
        assert!(!roster.served(Role::Tts, one, &served("mouth")));
        assert!(roster.served(Role::Tts, one, &served("other")));
        assert!(
            !roster.served(Role::Llm, two, &served("brain")),
            "as before"
        );
        let clause = ClauseId {
            generation: Generation(1),
            index: 3,
        };
        roster.sent(clause);
        let agent = roster.of_turn(Speaker::Agent);
        assert_eq!(
            (agent.llm, agent.tts),
            (vec!["brain".into()], vec!["mouth".into(), "other".into()])
        );
        assert_eq!(roster.of_turn(Speaker::Callee), rest::ServedBy::default());
        roster.heard();
        roster.heard();
        assert_eq!(roster.of_turn(Speaker::Callee).stt, ["ear"]);
    }
}
