//! Where a conversation stands, read from its lines: what was stated, offered, refused, agreed, confirmed.
//!
//! One pass over what was heard, used by the rule-based agent to decide what to say and by the rule-based judge to
//! decide what happened. It remembers in which line each thing was said, so that every claim can be shown. It keeps
//! no state between calls: the same lines always give the same reading, whoever spoke for the agent.

mod fit;
mod said;

use call::Speaker;

use fit::{Fit, chosen};
use said::{Said, name_in};

use super::{
    heard::{Act, Ask, Heard, Refusal},
    task::{Kind, Task},
    when::{Day, Time},
    words::any,
};

/// One line of a conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Who said it.
    pub(crate) speaker: Speaker,
    /// What was heard.
    pub(crate) text: &'a str,
}

/// A day and a time, as far as they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Slot {
    /// The day.
    pub(crate) day: Option<Day>,
    /// The time.
    pub(crate) time: Option<Time>,
}

/// The reading. Every `Option<usize>` is the index of the line where it was (last) said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dialogue {
    /// The agent first put its errand.
    pub(crate) stated: Option<usize>,
    /// How often it did.
    pub(crate) statements: u32,
    /// The callee refused, and why; cleared by nothing, see `stands_refused`.
    pub(crate) refused: Option<(usize, Refusal)>,
    /// The callee put other times forward and the agent has not answered.
    pub(crate) offered: Option<(usize, Vec<Slot>)>,
    /// The agent took an offer.
    pub(crate) accepted: Option<(usize, Slot)>,
    /// The agent turned an offer down.
    pub(crate) declined: Option<(usize, Slot)>,
    /// The callee said the wanted details itself.
    pub(crate) repeated: Option<usize>,
    /// The callee said yes to the errand.
    pub(crate) agreed: Option<usize>,
    /// The callee said that it is done, or yes to the agent's summary.
    pub(crate) confirmed: Option<usize>,
    /// The callee said details that differ from the wanted ones as if they were agreed.
    pub(crate) mismatched: Option<usize>,
    /// The callee refused since the agent spoke.
    pub(crate) refused_now: Option<Refusal>,
    /// The callee has asked for what a booking needs, as nobody does who will refuse it.
    pub(crate) engaged: bool,
    /// The callee's last line names wanted details and no others.
    pub(crate) echoed: bool,
    /// The callee offered to take a message.
    pub(crate) message_asked: Option<usize>,
    /// The callee answered the question.
    pub(crate) answered: Option<usize>,
    /// The name that the agent gave.
    pub(crate) named: Option<(usize, String)>,
    /// A voice mailbox spoke.
    pub(crate) voicemail: Option<usize>,
    /// How many menus were heard.
    pub(crate) menus: u32,
    /// The callee asked to wait, and nobody has spoken since.
    pub(crate) held: bool,
    /// The agent said goodbye.
    pub(crate) goodbye: Option<usize>,
    /// How often the agent asked whether it has it right since the details last changed.
    pub(crate) right_asked: u32,
    /// How often it asked for other times.
    pub(crate) other_asked: u32,
    /// How often in a row it said that it did not understand.
    pub(crate) unclear: u32,
    /// How many lines the agent spoke.
    pub(crate) agent_lines: u32,
    /// What the agent did last.
    pub(crate) last: Said,
}

impl Dialogue {
    /// Reads `lines`, oldest first.
    pub(crate) fn read(task: &Task, lines: &[Line<'_>]) -> Self {
        let mut dialogue = Self::default();
        for (at, line) in lines.iter().enumerate() {
            match line.speaker {
                Speaker::Agent if !line.text.trim().is_empty() => {
                    dialogue.agent(task, at, line.text)
                }
                Speaker::Callee if !line.text.trim().is_empty() => {
                    dialogue.callee(task, at, line.text)
                }
                _ => {}
            }
        }
        dialogue
    }

    /// Returns the day and time that are on the table: the accepted offer, or what the requester wants.
    pub(crate) fn target(&self, task: &Task) -> Slot {
        self.accepted.map_or(
            Slot {
                day: task.day,
                time: task.time,
            },
            |(_, slot)| slot,
        )
    }

    /// Returns the refusal, unless something was accepted or confirmed after it.
    pub(crate) fn stands_refused(&self) -> Option<(usize, Refusal)> {
        self.refused.filter(|(at, _)| {
            let after = |other: Option<usize>| other.is_some_and(|other| other > *at);
            !after(self.confirmed) && !after(self.accepted.map(|(at, _)| at)) && !after(self.agreed)
        })
    }

    fn agent(&mut self, task: &Task, at: usize, text: &str) {
        let said = Said::read(text, task);
        self.agent_lines += 1;
        self.held = false;
        if said.request {
            self.stated.get_or_insert(at);
            self.statements += 1;
        }
        if let Some(name) = name_in(text) {
            self.named = Some((at, name));
        }
        self.answer_offer(task, at, text, said);
        self.right_asked += u32::from(said.asks_right);
        self.other_asked += u32::from(said.asks_other && !said.asks_right);
        self.unclear = if said.unclear { self.unclear + 1 } else { 0 };
        if said.goodbye {
            self.goodbye = Some(at);
        }
        self.mismatched = None;
        self.echoed = false;
        self.refused_now = None;
        self.last = said;
    }

    /// Notes whether the agent took or declined an offer. One that it did neither with stays open.
    fn answer_offer(&mut self, task: &Task, at: usize, text: &str, said: Said) {
        if !(said.accepts || said.declines) {
            return;
        }
        let Some((_, slots)) = self.offered.take() else {
            return;
        };
        let chosen = chosen(&slots, text, self.target(task));
        if said.accepts {
            self.accepted = Some((at, chosen));
            self.repeated = Some(at);
            self.confirmed = None;
            self.right_asked = 0;
        } else {
            self.declined = Some((at, chosen));
        }
    }

    fn callee(&mut self, task: &Task, at: usize, text: &str) {
        let heard = Heard::read(text, self.last.asks_other);
        if heard.does(Act::Voicemail) {
            self.voicemail.get_or_insert(at);
            return;
        }
        if heard.does(Act::Menu) {
            self.menus += 1;
            return;
        }
        if heard.does(Act::Orders) {
            return;
        }
        self.held = heard.holds();
        if heard.asks().contains(&Ask::Message) {
            self.message_asked = Some(at);
        }
        if self.stated.is_none() {
            if let Some(why @ (Refusal::WrongNumber | Refusal::Unwelcome | Refusal::Closed)) =
                heard.refusal()
            {
                self.refuse(at, why);
            }
            return;
        }
        if task.kind.is_question() {
            self.answer(task, at, &heard);
            return;
        }
        self.outcome(task, at, &heard);
    }

    /// What a callee's line does to a booking or another errand that needs a yes.
    fn outcome(&mut self, task: &Task, at: usize, heard: &Heard) {
        let fit = Fit::of(heard, task, self.target(task));
        self.engaged |= heard.asks().iter().any(Ask::is_for_a_booking);
        if let Some(why) = heard.refusal()
            && (!heard.is_overruled() || fit.offers(true).is_some())
        {
            // `I do not know, I will get my boss`: somebody else may.
            if why == Refusal::CannotHelp && self.held {
                return;
            }
            self.refuse(at, why);
            // `Call back tomorrow after four` and `we are closed on Tuesdays` offer nothing.
            let offers = fit.offers(true).filter(|_| match why {
                Refusal::CannotHelp => false,
                Refusal::Closed => !heard.times.is_empty(),
                _ => true,
            });
            self.offered = offers.map(|slots| (at, slots));
            return;
        }
        let agrees = heard.does(Act::Agrees);
        let yes = heard.does(Act::Yes) || agrees;
        let confirms = heard.does(Act::Confirms);
        let no = heard.does(Act::No) && !yes && !confirms;
        if fit.differs() {
            let put_forward = heard.does(Act::Offers)
                || agrees
                || no
                || self.last.asks_other
                || self.stands_refused().is_some();
            if put_forward && !fit.other_party && (!confirms || self.refused.is_some()) {
                self.offered = fit.offers(false).map(|slots| (at, slots));
            } else {
                self.mismatched = Some(at);
            }
            return;
        }
        self.echoed = fit.echoes();
        // A recogniser loses words, and one lost `not` makes a yes of a no. So one line of the callee never settles it:
        // another one before it, the agent's question, or a yes with the details has to point the same way, and regret
        // points the other way.
        let regrets = (heard.does(Act::Regrets) || heard.does(Act::No)) && !heard.does(Act::Yes);
        let pointed = self.agreed.or(self.confirmed).or(self.repeated).is_some()
            || self.accepted.is_some()
            || self.engaged
            || (heard.does(Act::Yes) && fit.matches);
        let overrules = self.refused.is_none() || self.accepted.is_some();
        if fit.matches {
            self.repeated = Some(at);
        }
        if self.last.asks_right && !regrets && (yes || (overrules && confirms)) {
            self.confirmed = Some(at);
            self.repeated = Some(at);
        } else if (confirms && pointed && overrules && !regrets)
            || (self.last.affirms && self.repeated.is_some() && yes && !regrets)
        {
            // After the callee's own summary and the agent's yes, an `okay` closes it.
            self.confirmed = Some(at);
        } else if (agrees
            || (confirms && overrules)
            || (self.last.asks_right && fit.matches)
            || (fit.matches && heard.asks().contains(&Ask::Right))
            || (yes && task.kind == Kind::Message))
            && !self.held
        {
            // A bare `sure` may only mean that somebody listens.
            self.agreed = Some(at);
        } else if (no || (regrets && self.last.asks_right))
            && heard.asks().is_empty()
            && (self.last.asks_right || self.last.asks_other || self.last.request)
        {
            self.refuse(at, Refusal::Full);
        }
    }

    fn refuse(&mut self, at: usize, why: Refusal) {
        self.refused_now = Some(why);
        self.refused = Some((at, why));
        self.confirmed = None;
        self.agreed = None;
        self.repeated = None;
        self.engaged = false;
    }

    /// Whether a callee's line answers the question that was put.
    fn answer(&mut self, task: &Task, at: usize, heard: &Heard) {
        if let Some(why) = heard.refusal()
            && (matches!(
                why,
                Refusal::WrongNumber | Refusal::Unwelcome | Refusal::CannotHelp
            ))
        {
            self.refuse(at, why);
            return;
        }
        let turned_round = heard
            .asks()
            .iter()
            .any(|ask| !matches!(ask, Ask::Else | Ask::Unknown));
        if turned_round || heard.holds() || self.goodbye.is_some() {
            return;
        }
        let right = match task.kind {
            Kind::Hours => {
                !heard.times.is_empty()
                    || any(
                        &heard.words,
                        &[
                            "closed|open|twenty four|24|noon|midnight|always",
                            "every day",
                        ],
                    )
            }
            Kind::Price => names_a_price(&heard.words),
            _ => {
                let decided = heard.does(Act::Yes)
                    || heard.does(Act::No)
                    || heard.does(Act::Agrees)
                    || heard.refusal().is_some();
                let told = heard.words.len() >= 3 && !heard.does(Act::Greets);
                if task.yes_no { decided } else { told }
            }
        };
        if right {
            self.answered = Some(at);
        }
    }
}

/// Whether an amount of money is named.
pub(crate) fn names_a_price(heard: &[String]) -> bool {
    let amount = (0..heard.len()).any(|at| {
        super::numbers::read(heard, at).is_some_and(|(n, took)| {
            n >= 5
                || heard.get(at + took).is_some_and(|w| {
                    matches!(
                        w.as_str(),
                        "dollars" | "dollar" | "bucks" | "euros" | "pounds" | "cents"
                    )
                })
        })
    });
    let written = heard.iter().any(|w| {
        w.starts_with(['$', '\u{20ac}', '\u{a3}']) || w.parse::<f64>().is_ok_and(|n| n >= 1.0)
    });
    amount
        || written
        || any(
            heard,
            &[
                "free",
                "no charge",
                "complimentary",
                "does not cost",
                "included",
            ],
        )
}
