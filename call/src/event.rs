//! Everything that can happen to a call ([`Event`]) and everything a call can do ([`Action`]).
//!
//! The first file to read. Both enums are closed: what is not listed here cannot wake the call core
//! and the core cannot cause it. No event carries sound; sound flows beside the core, in the driver,
//! and the core sees only edges, words and how much of its speech was heard.

mod expected;
mod note;

use std::time::{Duration, Instant};

pub use expected::Expected;
pub use note::{Note, Status};

/// One reply of the agent, from the decision to answer until its last clause is heard or dropped.
///
/// Every event of a service carries the generation that it belongs to; events of dead generations are
/// dropped in one place. Numbers rise by one and are never reused within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// One piece of agent speech: the unit that is synthesised, queued, played and accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClauseId {
    /// The reply that the clause belongs to.
    pub generation: Generation,
    /// Position within the reply, from 0.
    pub index: u16,
}

/// Names one request to the recogniser for the final words of everything it was given so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlushMark(pub u32);

/// Something that happened. Handed to [`crate::Call::handle`] with the one clock reading of that wake-up.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The line changed its state or carried a signal.
    Line(LineEvent),
    /// Voice detection saw an edge, or a tone was recognised, in the callee's sound.
    Voice(VoiceEvent),
    /// The recogniser produced words, or failed.
    Words(WordsEvent),
    /// The language model produced a piece of the reply.
    Reply(Generation, ReplyEvent),
    /// The synthesiser made progress with a clause.
    Speech(ClauseId, SpeechEvent),
    /// Agent speech reached the callee's ear (a mark came back, or an estimate from the wire clock).
    Playout(PlayoutEvent),
    /// Somebody outside the call asked for something.
    Command(Command),
    /// The instant that [`crate::Call::deadline`] named has come.
    Deadline,
}

impl Event {
    /// Longer than anything that an event can report of one call.
    const LONGEST: Duration = Duration::from_secs(24 * 3600);

    /// Returns the event with every duration within a day, so that no arithmetic on it can overflow.
    pub(crate) fn sane(mut self) -> Self {
        let clamp = |duration: &mut Duration| *duration = (*duration).min(Self::LONGEST);
        match &mut self {
            Self::Voice(VoiceEvent::Started { voiced, .. } | VoiceEvent::Going { voiced, .. }) => {
                clamp(voiced)
            }
            Self::Voice(VoiceEvent::Ended {
                silence,
                voiced,
                prosody,
            }) => {
                clamp(silence);
                clamp(voiced);
                clamp(&mut prosody.last_voiced);
            }
            Self::Speech(_, SpeechEvent::Audio(length) | SpeechEvent::Done(length)) => {
                clamp(length)
            }
            Self::Playout(PlayoutEvent::Sent(_, at) | PlayoutEvent::Heard(_, at)) => clamp(at),
            _ => {}
        }
        self
    }
}

/// What a line reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// The far end is being alerted. May be repeated or absent.
    Ringing,
    /// Somebody or something picked up; sound flows both ways from here on.
    Answered,
    /// The callee pressed a key: `0`-`9`, `*`, `#`, `A`-`D`.
    Dtmf(char),
    /// The callee ended the call.
    HungUp,
    /// The call could not be set up, or broke.
    Failed(Failure),
    /// The carrier's own detection of who answered.
    AnsweredBy(AnsweredBy),
}

/// Why a call failed; the closed list of the HTTP interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The callee's line was engaged.
    Busy,
    /// It rang until the ring time was over.
    NoAnswer,
    /// The callee declined.
    Rejected,
    /// The number does not exist.
    InvalidNumber,
    /// A network on the way blocked the call (SIP 603+).
    NetworkBlocked,
    /// Our line could not be used (no trunk, no port, no credentials).
    LineUnavailable,
    /// The sound stopped arriving in mid-call.
    MediaLost,
    /// No recogniser could be kept running.
    SttFailed,
    /// No language model answered.
    LlmFailed,
    /// No synthesiser could speak.
    TtsFailed,
    /// A fault of this program.
    Internal,
}

/// Who or what picked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AnsweredBy {
    /// A person.
    Human,
    /// An answering machine or voice mailbox.
    Voicemail,
    /// A menu that wants keys or words.
    Ivr,
    /// Not decided (yet).
    #[default]
    Unknown,
}

/// An edge in the callee's sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VoiceEvent {
    /// Speech began.
    Started {
        /// How long it has been voiced already when the edge was decided (detection delay).
        voiced: Duration,
        /// Likelihood that this is the agent's own voice coming back, 0.0 (surely not) to 1.0 (surely).
        echo: f32,
    },
    /// Speech goes on; sent about every 100 ms while it does, so that a barge-in can be judged.
    Going {
        /// Voiced time since the start edge.
        voiced: Duration,
        /// As in [`VoiceEvent::Started`], over the whole stretch so far.
        echo: f32,
    },
    /// Speech ended.
    Ended {
        /// How long it has been silent already when the edge was decided (hang-over).
        silence: Duration,
        /// Length of the stretch that ended, silence not counted.
        voiced: Duration,
        /// How the voice ended, for the decision whether the turn is over.
        prosody: Prosody,
    },
    /// A tone that is not speech.
    Tone(Tone),
    /// Music began (`true`) or stopped (`false`): usually a hold queue.
    Music(bool),
}

/// The shape of the last syllables before a silence. Zero where it could not be measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prosody {
    /// Pitch movement over the last 300 ms of voice, in semitones (negative: falling).
    pub pitch_slope: f32,
    /// Pitch of the last 160 ms of voice above the callee's usual one, in semitones (negative: low).
    pub pitch_level: f32,
    /// Energy of the last 200 ms relative to the stretch, in dB (negative: fading).
    pub energy_drop: f32,
    /// Length of the last voiced run, lengthened before a pause that ends nothing.
    pub last_voiced: Duration,
}

/// A tone recognised in the callee's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// One steady tone of 0.1 to 1 s: a voice mailbox starts recording.
    Beep,
    /// Ringback heard in-band.
    Ringback,
    /// Busy or reorder.
    Busy,
    /// Special information tone before an announcement.
    Sit,
    /// Fax or modem answer tone.
    Fax,
}

/// What the recogniser reports.
#[derive(Debug, Clone, PartialEq)]
pub enum WordsEvent {
    /// The words of the utterance under way as they look now; replaces the previous partial.
    Partial(String),
    /// Words that will not change. Empty text is a valid result (it was noise).
    Final {
        /// The words, lower or mixed case, without guarantees of punctuation.
        text: String,
        /// Set when this answers an [`Action::Flush`]: everything given before it is now transcribed.
        mark: Option<FlushMark>,
    },
    /// A recogniser with an ear of its own for turns says what it makes of this one. Evidence, not a decision.
    Hint(TurnHint),
    /// The recogniser failed and no replacement could be started.
    Failed,
}

/// What a recogniser makes of the callee's turn, from what it hears in the sound beside words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnHint {
    /// The turn is over, with this confidence in percent, 0 to 100.
    Over(u8),
    /// It was said to be over, and is not.
    GoesOn,
}

/// What the language model reports for one generation.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyEvent {
    /// The next piece of text, of any length, to be spoken.
    Text(String),
    /// The model uses a tool.
    Tool(Tool),
    /// Words of the reply must not be said and were taken out; nothing more of its text will come.
    Withheld,
    /// The reply is complete.
    Done,
    /// The reply broke off; what was received so far stands.
    Failed,
}

/// What an agent can do besides speaking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// End the call once everything said has been heard.
    HangUp,
    /// Press keys: `0`-`9`, `*`, `#`, `A`-`D`, `w` (half a second).
    PressKeys(String),
    /// Stay silent and wait (the callee asked to hold); silence timers rest until somebody speaks.
    Wait,
    /// Connect the callee to another number.
    Transfer(String),
    /// Ask the requester something that only they can decide or know.
    Ask(String),
    /// Keep a fact that the callee told.
    Note(String),
}

/// What the synthesiser reports for one clause.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeechEvent {
    /// Sound is available up to this length, counted from the start of the clause.
    Audio(Duration),
    /// When each word of the clause ends, from the clause's start, in the order of its words.
    Words(Vec<Duration>),
    /// The clause is complete; its full length.
    Done(Duration),
    /// The clause could not be spoken.
    Failed,
}

/// How far playout has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayoutEvent {
    /// Sent to the line up to this position of the clause.
    Sent(ClauseId, Duration),
    /// Heard by the callee up to this position of the clause.
    Heard(ClauseId, Duration),
    /// The clause was heard to its end.
    Finished(ClauseId),
}

/// A wish from outside: the live socket, the HTTP interface, or the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Speak this text next, in the agent's voice.
    Say(String),
    /// Guidance for the model that the callee does not hear.
    Instruct(String),
    /// The requester's answer to a question of the agent ([`Note::Question`]).
    Answer {
        /// Which question, as it was numbered.
        question: u32,
        /// The answer.
        text: String,
    },
    /// Stop speaking now.
    Interrupt,
    /// Press keys now.
    PressKeys(String),
    /// Connect the callee to another number.
    Transfer(String),
    /// Stop (`true`) or allow (`false`) the agent's voice; listening goes on.
    Mute(bool),
    /// Say goodbye, then hang up.
    HangUp,
    /// End the call: politely (`false`) or at once (`true`).
    Cancel {
        /// Whether to hang up without a word.
        now: bool,
    },
    /// The program is shutting down: end politely, soon.
    Drain,
}

/// Something the call wants done. Carried out by the driver, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ask the recogniser for the final words of everything heard so far.
    Flush(FlushMark),
    /// Tell the recogniser what the callee is likely to say from here on.
    Expect(Expected),
    /// Ask the language model for the next reply.
    Think {
        /// The generation that its answer must carry.
        generation: Generation,
        /// The conversation as the callee heard it.
        history: Vec<Message>,
    },
    /// Synthesise a clause and queue its sound for playout.
    Speak {
        /// Which clause this is.
        clause: ClauseId,
        /// What to say.
        text: String,
    },
    /// Stop the model and the synthesiser of this generation and drop its unplayed sound.
    Cancel(Generation),
    /// Stop the agent's sound at once and keep what was not played.
    Pause,
    /// Let the agent's sound go on, from a little before where it stopped; never from after.
    Resume,
    /// Send keys on the line.
    PressKeys(String),
    /// Connect the callee elsewhere.
    Transfer(String),
    /// Put the phone down.
    HangUp,
    /// Tell whoever watches.
    Publish(Note),
    /// A turn is complete and goes into the transcript.
    Turn(Turn),
    /// The call is over. The last action of a call, exactly once.
    End(End),
}

/// One entry of the conversation as a language model needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub speaker: Speaker,
    /// The words; of the agent, only those that were heard.
    pub text: String,
    /// Whether the callee cut it off.
    pub interrupted: bool,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// Our side.
    Agent,
    /// The person or machine that was called.
    Callee,
    /// The requester, by [`Command::Instruct`]; never heard on the line.
    Requester,
    /// A result that the program reports to the model (keys were pressed, silence lasts).
    Note,
}

/// One turn of the transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Agent or callee.
    pub speaker: Speaker,
    /// What was said; of the agent, what was really heard, with `—` where it was cut off.
    pub text: String,
    /// First sound of the turn.
    pub started: Instant,
    /// Last sound of the turn.
    pub ended: Instant,
    /// Whether the other side cut it off.
    pub interrupted: bool,
    /// For agent turns that answer something: where the time went.
    pub latency: Option<Latency>,
}

/// Where the time between the callee's last sound and the agent's first went. Each part follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// From the callee's last sound to the decision that the turn is over.
    pub end_of_turn: Duration,
    /// From that decision to the final words (zero if they were there).
    pub words: Duration,
    /// From the final words to the model's first text.
    pub first_token: Duration,
    /// From the first text to the first sound of the synthesiser.
    pub first_sound: Duration,
    /// From that sound to the first frame on the line.
    pub wire: Duration,
    /// From the callee's last sound to the agent's first on the line: what the callee felt.
    pub felt_silence: Duration,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The agent said goodbye.
    AgentHungUp,
    /// The callee put the phone down.
    CalleeHungUp,
    /// A voice mailbox answered, and it was dealt with.
    Voicemail,
    /// The longest allowed duration was reached.
    MaxDuration,
    /// Nobody said anything any more.
    Silence,
    /// It was canceled.
    Canceled,
    /// The callee was connected to somebody else.
    Transferred,
    /// It failed.
    Failed(Failure),
}
