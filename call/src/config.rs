//! Everything about a call's manners that can be set. Plain numbers and sentences; decides nothing.

use std::time::Duration;

/// How a call behaves. [`CallConfig::default`] holds the values that the documentation states.
#[derive(Debug, Clone, PartialEq)]
pub struct CallConfig {
    /// What to say first, word for word, instead of asking the model for an opening.
    pub first_message: Option<String>,
    /// Scales every silence that is needed before a turn is taken: 0.5 (hasty) to 3.0 (very patient).
    /// Values outside are clamped. Defaults to 1.0.
    pub patience: f32,
    /// How long the phone may ring. A safety net behind the line's own limit. Defaults to 120 s.
    pub ring_limit: Duration,
    /// How long to wait, after the answer, for the callee's "hello". Defaults to 1.2 s.
    pub greeting_wait: Duration,
    /// The silence after which the recogniser is asked for final words. Defaults to 200 ms.
    pub flush_after: Duration,
    /// How long the recogniser may take to answer a flush before the partial words must do. Defaults to 1.5 s.
    pub words_limit: Duration,
    /// Likelihood of echo from which on a voice is taken for the agent's own coming back. Defaults to 0.6.
    pub echo_threshold: f32,
    /// How long the agent stays paused before a barge-in is judged with what is known. Defaults to 500 ms.
    pub barge_in_decide: Duration,
    /// Voiced time that counts as an interruption even when no words were recognised. Defaults to 2 s: a
    /// laugh is shorter, and the agent is silent meanwhile.
    pub barge_in_voiced: Duration,
    /// Silence after the agent's last heard word before it asks whether anybody is there. Defaults to 7 s.
    pub silence_prompt: Duration,
    /// How many such questions are asked before the agent says goodbye. Defaults to 2.
    pub silence_prompts: u8,
    /// How long the agent waits on hold before it asks. Defaults to 5 minutes.
    pub hold_limit: Duration,
    /// How long the model may be silent before the agent says that it needs a moment. Defaults to 1.8 s.
    pub think_filler: Duration,
    /// How long after that the agent says so once more. Defaults to 5 s.
    pub think_filler_again: Duration,
    /// How long the model may be silent before its reply is given up; half of it when it is asked again after a
    /// failure. Defaults to 10 s.
    pub think_limit: Duration,
    /// How long the requester may take to answer a question of the agent. Defaults to 30 s.
    pub answer_limit: Duration,
    /// Longest duration from the answer to the end. Defaults to 600 s.
    pub max_duration: Duration,
    /// How long before [`CallConfig::max_duration`] the goodbye begins. Defaults to 10 s, and is at most half of it.
    pub goodbye_lead: Duration,
    /// How long the line stays open after the goodbye was heard. Defaults to 500 ms.
    pub goodbye_linger: Duration,
    /// How long the synthesiser may take for the first sound of a clause. Defaults to 5 s.
    pub speech_limit: Duration,
    /// How much later than estimated the line may confirm playout before it is believed without. Defaults to 2 s.
    pub playout_slack: Duration,
    /// What to do when a voice mailbox answers. Defaults to hanging up.
    pub voicemail: Voicemail,
    /// The sentences that the agent says without asking a model.
    pub phrases: Phrases,
}

/// What to do when a voice mailbox answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Voicemail {
    /// Hang up without a word.
    #[default]
    HangUp,
    /// Speak this message after the beep, then hang up.
    LeaveMessage(String),
}

/// Sentences for the moments in which no model can be asked. In the language of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrases {
    /// While the model is slow.
    pub filler: String,
    /// When the model is slower still, or failed and is asked again.
    pub trouble: String,
    /// While the requester is asked, when the model did not say so itself.
    pub asking: String,
    /// In place of words that must not be said.
    pub withheld: String,
    /// When a service failed for good and the call must end.
    pub sorry: String,
    /// Before an end that was asked for from outside, or at the longest duration.
    pub goodbye: String,
    /// Before hanging up on somebody who says nothing any more.
    pub nobody: String,
}

impl Default for Phrases {
    fn default() -> Self {
        Self {
            filler: "One moment, please.".into(),
            trouble: "I'm sorry, this takes a moment longer.".into(),
            asking: "Let me check that with the customer. One moment, please.".into(),
            withheld: "I'm sorry, I can't talk about that.".into(),
            sorry: "I'm sorry, I have to call back later. Goodbye.".into(),
            goodbye: "I have to go now. Thank you for your time. Goodbye.".into(),
            nobody: "I can't hear anyone, so I'll hang up now. Goodbye.".into(),
        }
    }
}

impl Default for CallConfig {
    fn default() -> Self {
        Self {
            first_message: None,
            patience: 1.0,
            ring_limit: Duration::from_secs(120),
            greeting_wait: Duration::from_millis(1200),
            flush_after: Duration::from_millis(200),
            words_limit: Duration::from_millis(1500),
            echo_threshold: 0.6,
            barge_in_decide: Duration::from_millis(500),
            barge_in_voiced: Duration::from_secs(2),
            silence_prompt: Duration::from_secs(7),
            silence_prompts: 2,
            hold_limit: Duration::from_secs(300),
            think_filler: Duration::from_millis(1800),
            think_filler_again: Duration::from_secs(5),
            think_limit: Duration::from_secs(10),
            answer_limit: Duration::from_secs(30),
            max_duration: Duration::from_secs(600),
            goodbye_lead: Duration::from_secs(10),
            goodbye_linger: Duration::from_millis(500),
            speech_limit: Duration::from_secs(5),
            playout_slack: Duration::from_secs(2),
            voicemail: Voicemail::HangUp,
            phrases: Phrases::default(),
        }
    }
}

impl CallConfig {
    /// A limit for every duration, far beyond any call, so that adding one to an instant cannot overflow.
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

    /// Returns the configuration with every value within its documented range.
    pub(crate) fn clamped(mut self) -> Self {
        for (_, duration) in self.durations() {
            *duration = (*duration).min(Self::LONGEST);
        }
        self
    }

    /// The settings that are durations, by name.
    pub(crate) fn durations(&mut self) -> [(&'static str, &mut Duration); 17] {
        [
            ("ring_limit", &mut self.ring_limit),
            ("greeting_wait", &mut self.greeting_wait),
            ("flush_after", &mut self.flush_after),
            ("words_limit", &mut self.words_limit),
            ("barge_in_decide", &mut self.barge_in_decide),
            ("barge_in_voiced", &mut self.barge_in_voiced),
            ("silence_prompt", &mut self.silence_prompt),
            ("hold_limit", &mut self.hold_limit),
            ("think_filler", &mut self.think_filler),
            ("think_filler_again", &mut self.think_filler_again),
            ("think_limit", &mut self.think_limit),
            ("answer_limit", &mut self.answer_limit),
            ("max_duration", &mut self.max_duration),
            ("goodbye_lead", &mut self.goodbye_lead),
            ("goodbye_linger", &mut self.goodbye_linger),
            ("speech_limit", &mut self.speech_limit),
            ("playout_slack", &mut self.playout_slack),
        ]
    }
}
