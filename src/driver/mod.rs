//! The one task that carries out a call: wait for the next thing, read the clock once, ask the core, carry out its
//! actions, repeat. The only place where decisions become effects.
//!
//! Waiting happens in [`run`] and nowhere else. What must not wait (sound) goes through `sound`; what may be slow
//! (disk, clients) is handed to `scribe` and never waited for.

mod ahead;
pub mod clock;
mod convert;
mod keeper;
mod log;
mod parts;
mod progress;
pub mod pulse;
mod recorder;
mod roster;
mod scribe;
mod services;
mod sound;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use call::{Action, Call, Command, End, Event, Failure, LineEvent, SpeechEvent};
use protocol::control::Role;
use tokio::sync::mpsc::{self, error::TryRecvError};

pub(crate) use self::convert::{answered_by, live_json};
pub use self::{
    parts::{CallParts, Finished},
    recorder::mend_recording,
    scribe::{Record, Scribe, ScribeParts},
    services::Providers,
};
use self::{
    progress::Progress,
    services::{Replied, Services},
    sound::Sound,
};
use crate::{
    line::{DialRequest, Keys, Leg, LegCommand, LegEvent, Line, signalled},
    provider::{SttEvent, SttInput, TtsEvent},
    watch,
};

/// One frame of sound.
const FRAME: Duration = Duration::from_millis(20);
/// Packets and signals handled per wake-up, so that a flood cannot delay a deadline.
const EVENTS_PER_WAKE: usize = 64;
/// How much longer than its ring time a line may take to say that nobody answered.
const RING_GRACE: Duration = Duration::from_secs(15);

/// Carries out one call from dialing to its end.
pub fn run(parts: CallParts) -> impl Future<Output = Finished> + Send {
    // A future has room for what it is given beside what it makes of it, as long as it lives: so it is given a pointer.
    carry(Box::new(parts))
}

async fn carry(parts: Box<CallParts>) -> Finished {
    let (mut driver, line, dial) = Driver::start(*parts);
    match line.dial(dial).await {
        Ok(leg) => driver.connect(leg),
        Err(error) => {
            driver.detail = Some(error.to_string());
            driver.event(
                Event::Line(LineEvent::Failed(Failure::LineUnavailable)),
                clock::now(),
            );
        }
    }
    let mut ticker = clock::ticker(FRAME);
    let mut alarm = clock::Alarm::new();
    while driver.end.is_none() {
        driver.turn(&mut ticker, &mut alarm).await;
    }
    driver.finish().await
}

/// The state of one running call.
struct Driver {
    core: Call,
    services: Services,
    leg: Option<Leg>,
    sound: Option<Box<Sound>>,
    scribe: Scribe,
    commands: Option<mpsc::Receiver<Command>>,
    progress: Progress,
    /// Reused between wake-ups.
    actions: Vec<Action>,
    /// Events that came up while others were handled.
    pending: VecDeque<Event>,
    scratch: Vec<Event>,
    give_up_ringing: Option<Instant>,
    answered: Option<Instant>,
    detail: Option<String>,
    carrier_at_fault: bool,
    /// Likelihood of echo from which on a voice is not the callee's.
    echo_threshold: f32,
    end: Option<End>,
}

/// What woke the driver.
enum Wake {
    /// A frame is due since then.
    Tick(Instant),
    /// The line has something to say.
    Leg,
    Words(SttEvent),
    Replied(call::Generation, Replied),
    Spoken(TtsEvent),
    Command(Option<Command>),
    Deadline,
}

impl Driver {
    /// Makes the core and lets it begin; returns what is to be dialed, too.
    fn start(parts: CallParts) -> (Box<Self>, Arc<dyn Line>, DialRequest) {
        let CallParts {
            line,
            dial,
            providers,
            brief,
            config,
            commands,
            mut scribe,
        } = parts;
        let now = clock::now();
        scribe.start_log(&config, now);
        let dialing = Action::Publish(call::Note::Status(call::Status::Dialing));
        scribe.show(&dialing, now);
        let give_up_ringing = now + dial.ring_timeout + RING_GRACE;
        let echo_threshold = config.echo_threshold;
        let mut driver = Box::new(Self {
            core: Call::new(config, now),
            services: Services::open(providers, brief),
            leg: None,
            sound: None,
            scribe,
            commands: Some(commands),
            progress: Progress::default(),
            actions: Vec::new(),
            pending: VecDeque::new(),
            scratch: Vec::new(),
            give_up_ringing: Some(give_up_ringing),
            answered: None,
            detail: None,
            carrier_at_fault: false,
            echo_threshold,
            end: None,
        });
        driver.core.start(now, &mut driver.actions);
        driver.carry_out(now);
        (driver, line, dial)
    }

    fn connect(&mut self, leg: Leg) {
        self.sound = Some(Box::new(Sound::new(&leg)));
        self.leg = Some(leg);
    }

    /// Waits for one thing and deals with it.
    async fn turn(&mut self, ticker: &mut clock::Ticker, alarm: &mut clock::Alarm) {
        let wake = self.wait(ticker, alarm).await;
        let now = clock::now();
        match wake {
            Wake::Tick(due) => {
                self.leg_events(now);
                self.tick(due, now);
            }
            Wake::Leg => self.leg_events(now),
            Wake::Words(event) => self.words(event, now),
            Wake::Replied(generation, event) => self.replied(generation, event, now),
            Wake::Spoken(event) => self.spoken(event, now),
            Wake::Command(Some(command)) => self.event(Event::Command(command), now),
            Wake::Command(None) => self.commands = None,
            Wake::Deadline => self.event(Event::Deadline, now),
        }
    }

    async fn wait(&mut self, ticker: &mut clock::Ticker, alarm: &mut clock::Alarm) -> Wake {
        let deadline = self.core.deadline().map(|(at, _)| at);
        let room = self.sound.as_ref().is_none_or(|sound| sound.has_room());
        let leg = self.leg.as_ref().map(|leg| &leg.events);
        let commands = self.commands.as_mut();
        // In this order when several are ready: the frame that is due, then what the callee did.
        tokio::select! {
            biased;
            due = ticker.tick() => Wake::Tick(due),
            () = signalled(leg) => Wake::Leg,
            () = alarm.wait(deadline) => Wake::Deadline,
            Some(event) = self.services.words.recv() => Wake::Words(event),
            Some((generation, event)) = self.services.replied.recv() => Wake::Replied(generation, event),
            Some(event) = self.services.spoken.recv(), if room => Wake::Spoken(event),
            command = recv(commands) => Wake::Command(command),
        }
    }

    /// Gives the core one event, unless it is progress that can wait; then all that waited comes before it.
    fn event(&mut self, event: Event, now: Instant) {
        if let Event::Playout(event) = event
            && !self.progress.is_due(event, now)
        {
            return;
        }
        for (at, event) in self.progress.take() {
            self.give(Event::Playout(event), at);
        }
        self.give(event, now);
    }

    /// Gives the core one event, and then whatever came up by carrying out its actions.
    fn give(&mut self, event: Event, now: Instant) {
        self.pending.push_back(event);
        while let Some(event) = self.pending.pop_front() {
            if self.end.is_some() {
                self.pending.clear();
                return;
            }
            self.scribe.event(&event, now);
            self.core.handle(event, now, &mut self.actions);
            self.carry_out(now);
        }
    }

    fn tick(&mut self, due: Instant, now: Instant) {
        for clause in self.services.pump() {
            self.event(Event::Speech(clause, SpeechEvent::Failed), now);
        }
        if self.give_up_ringing.is_some_and(|at| now >= at) {
            self.give_up_ringing = None;
            self.event(Event::Line(LineEvent::Failed(Failure::NoAnswer)), now);
        }
        if self.answered.is_none() {
            return;
        }
        let Some(sound) = &mut self.sound else { return };
        let mut events = std::mem::take(&mut self.scratch);
        let heard = sound.hear(now, &mut events);
        self.services.hear_frame(heard.wide, heard.voice);
        self.happened(&mut events, now);
        if let Some(sound) = &mut self.sound {
            let agent = sound.say(now, &mut events);
            pulse::frame(now.saturating_duration_since(due));
            self.scribe.frame(agent, heard.wire);
            self.happened(&mut events, now);
        }
        self.scratch = events;
    }

    /// Gives the core what came up in the sound.
    fn happened(&mut self, events: &mut Vec<Event>, now: Instant) {
        for event in events.drain(..) {
            let voice = match event {
                Event::Voice(call::VoiceEvent::Started { echo, .. }) => Some(echo),
                _ => None,
            };
            if voice.is_some() {
                self.services.hear(SttInput::SpeechStarted);
            }
            self.event(event, now);
            if voice.is_some_and(|echo| echo < self.echo_threshold) {
                self.with_sound(|sound| sound.callee_speaks(now));
            }
        }
    }

    /// Takes what the line has put into its queue.
    fn leg_events(&mut self, now: Instant) {
        for _ in 0..EVENTS_PER_WAKE {
            let Some(leg) = &mut self.leg else { return };
            match leg.events.try_next() {
                Ok((at, LegEvent::Packet(packet))) => {
                    // Sound before the answer is never taken for the callee.
                    if let (Some(sound), Some(_)) = (&mut self.sound, self.answered) {
                        sound.packet(&packet, at);
                    }
                }
                Ok((_, event)) => self.signal(event, now),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.leg = None;
                    self.event(Event::Line(LineEvent::Failed(Failure::MediaLost)), now);
                    return;
                }
            }
        }
    }

    fn signal(&mut self, event: LegEvent, now: Instant) {
        let event = match event {
            LegEvent::Played(mark) => {
                self.with_sound(|sound| sound.played(mark, now));
                return;
            }
            LegEvent::Sound { codec, keys } => {
                self.with_sound(|sound| sound.set_codec(codec));
                if let Some(leg) = &mut self.leg {
                    leg.keys = keys;
                }
                return;
            }
            // Signalled or by music, it means the same: nobody listens, and it may last.
            LegEvent::Held(held) => {
                self.event(Event::Voice(call::VoiceEvent::Music(held)), now);
                return;
            }
            LegEvent::Because(cause) => {
                self.detail = Some(cause.sentence);
                self.carrier_at_fault = cause.carrier;
                return;
            }
            LegEvent::AnsweredBy(who) => LineEvent::AnsweredBy(who),
            LegEvent::Ringing => LineEvent::Ringing,
            LegEvent::Answered => {
                self.answered = Some(now);
                self.give_up_ringing = None;
                LineEvent::Answered
            }
            LegEvent::Dtmf(key) => LineEvent::Dtmf(key),
            LegEvent::HungUp => LineEvent::HungUp,
            LegEvent::Failed(failure) => LineEvent::Failed(failure),
            LegEvent::Packet(_) => return,
        };
        self.event(Event::Line(event), now);
    }

    fn words(&mut self, event: SttEvent, now: Instant) {
        if matches!(&event, SttEvent::Final { text, .. } if !text.is_empty()) {
            self.scribe.heard();
        }
        let event = match event {
            SttEvent::Served(served) => {
                return self.scribe.served(Role::Stt, None, served, now);
            }
            SttEvent::Partial(text) => call::WordsEvent::Partial(text),
            SttEvent::Final { text, mark } => call::WordsEvent::Final {
                text,
                mark: mark.map(call::FlushMark),
            },
            SttEvent::Hint(hint) => call::WordsEvent::Hint(hint),
            SttEvent::Failed(error) => {
                watch::provider_failed("stt");
                self.detail = Some(error.to_string());
                call::WordsEvent::Failed
            }
        };
        self.event(Event::Words(event), now);
    }

    fn replied(&mut self, generation: call::Generation, event: Replied, now: Instant) {
        let event = match event {
            Replied::Served(served) => {
                return self.scribe.served(Role::Llm, Some(generation), served, now);
            }
            Replied::Event(event) => event,
            Replied::Failed(error) => {
                watch::provider_failed("llm");
                tracing::warn!(call = %self.scribe.call(), %error, "the language model failed");
                self.detail = Some(error.to_string());
                call::ReplyEvent::Failed
            }
        };
        self.event(Event::Reply(generation, event), now);
    }

    fn spoken(&mut self, event: TtsEvent, now: Instant) {
        let Some(sound) = &mut self.sound else { return };
        let (clause, event) = match event {
            TtsEvent::Served { clause, served } => {
                return self
                    .scribe
                    .served(Role::Tts, Some(clause.generation), served, now);
            }
            TtsEvent::Audio {
                clause,
                samples,
                rate,
            } if self.services.is_live(clause) => (clause, sound.speech(clause, samples, rate)),
            TtsEvent::Done(clause) if self.services.is_live(clause) => {
                (clause, sound.speech_done(clause))
            }
            TtsEvent::Words { clause, ends } => (clause, SpeechEvent::Words(ends)),
            TtsEvent::Failed { clause, error } => {
                watch::provider_failed("tts");
                tracing::warn!(call = %self.scribe.call(), %error, "a clause could not be spoken");
                self.detail = Some(error.to_string());
                // What was made of it is played to its end, so that nothing waits for more.
                let _ = sound.speech_done(clause);
                (clause, SpeechEvent::Failed)
            }
            // Of a generation that was cancelled.
            TtsEvent::Audio { .. } | TtsEvent::Done(_) => return,
        };
        self.event(Event::Speech(clause, event), now);
        let mut events = std::mem::take(&mut self.scratch);
        self.with_sound(|sound| sound.send_early(now, &mut events));
        for event in events.drain(..) {
            self.event(event, now);
        }
        self.scratch = events;
    }

    fn carry_out(&mut self, now: Instant) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.scribe.action(&action, now);
            match action {
                Action::Flush(mark) => self.services.hear(SttInput::Flush(mark.0)),
                Action::Expect(expected) => self.services.hear(SttInput::Expect(expected)),
                Action::Think {
                    generation,
                    history,
                } => self.services.think(generation, history),
                Action::Speak { clause, text } => self.services.speak(clause, text),
                Action::Cancel(generation) => {
                    self.services.cancel(generation);
                    self.with_sound(|sound| sound.drop_generation(generation));
                }
                Action::Pause => self.with_sound(Sound::pause),
                Action::Resume => self.with_sound(Sound::resume),
                Action::PressKeys(keys) => self.press_keys(keys),
                Action::Transfer(number) => self.command(LegCommand::Transfer(number)),
                Action::HangUp => self.command(LegCommand::HangUp),
                Action::Publish(_) | Action::Turn(_) => {}
                Action::End(end) => self.end = Some(end),
            }
        }
        self.actions = actions;
    }

    fn press_keys(&mut self, keys: String) {
        let in_band = self
            .leg
            .as_ref()
            .is_some_and(|leg| leg.keys == Keys::InBand);
        match &mut self.sound {
            Some(sound) if in_band => {
                if !sound.press_keys(&keys) {
                    tracing::warn!(call = %self.scribe.call(), "too many keys at once; some were not pressed");
                }
            }
            _ => self.command(LegCommand::PressKeys(keys)),
        }
    }

    fn with_sound(&mut self, act: impl FnOnce(&mut Sound)) {
        if let Some(sound) = &mut self.sound {
            act(sound);
        }
    }

    fn command(&mut self, command: LegCommand) {
        if let Some(leg) = &self.leg
            && leg.commands.try_send(command).is_err()
        {
            // Packets fill this queue only when the line stands still; dropping the leg ends it all the same.
            tracing::warn!(call = %self.scribe.call(), "the line took no command");
        }
    }

    async fn finish(self: Box<Self>) -> Finished {
        let ended = clock::now();
        let dropped = (
            self.services.frames_dropped,
            self.sound.as_ref().map_or(0, |sound| sound.packets_dropped),
        );
        watch::frames_dropped(dropped.0, dropped.1);
        pulse::dropped(dropped.0 + dropped.1);
        if dropped != (0, 0) {
            tracing::warn!(
                call = %self.scribe.call(),
                recogniser = dropped.0,
                line = dropped.1,
                "frames were dropped because somebody did not keep up"
            );
        }
        self.scribe.close().await;
        Finished {
            end: self.end.unwrap_or(End::Failed(Failure::Internal)),
            detail: self.detail,
            carrier_at_fault: self.carrier_at_fault,
            answered: self.answered,
            ended,
        }
    }
}

async fn recv<T>(receiver: Option<&mut mpsc::Receiver<T>>) -> Option<T> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
