use call::ClauseId;

use super::*;

/// A carrier that plays `delay` after it was sent something, and holds what it was sent until then.
struct Rig {
    ahead: Ahead,
    now: Instant,
    sent: u16,
    marks: Vec<(PlayoutMark, u64)>,
    frames: u64,
    heard: Vec<PlayoutEvent>,
}

const CLAUSE: ClauseId = ClauseId {
    generation: Generation(1),
    index: 0,
};

impl Rig {
    fn new() -> Self {
        let mut ahead = Ahead::new(Duration::from_millis(100));
        ahead.release();
        Self {
            ahead,
            now: crate::driver::clock::now(),
            sent: 0,
            marks: Vec::new(),
            frames: 0,
            heard: Vec::new(),
        }
    }

    /// Lets 20 ms pass and sends what there is room for.
    fn tick(&mut self, more: bool) {
        self.now += FRAME_TIME;
        while self.ahead.has_room(self.now) {
            let frame = match self.ahead.again() {
                Some(frame) => frame,
                None if more && !self.ahead.is_held() => {
                    self.sent += 1;
                    let position = FRAME_TIME * u32::from(self.sent);
                    Sounding {
                        samples: [self.sent.cast_signed(); FRAME],
                        heard: vec![PlayoutEvent::Heard(CLAUSE, position)],
                        key: false,
                    }
                }
                None => break,
            };
            self.frames += 1;
            if let (_, Some(mark)) = self.ahead.send(frame, self.now) {
                self.marks.push((mark, self.frames));
            }
        }
        self.ahead.heard(self.now, &mut self.heard);
    }

    /// Sends back every mark at or before a frame.
    fn play(&mut self, until: u64) {
        let now = self.now;
        let ahead = &mut self.ahead;
        self.marks.retain(|(mark, end)| {
            let due = *end <= until;
            if due {
                ahead.on_mark(*mark, now);
            }
            !due
        });
    }

    fn position(&self) -> u128 {
        match self.heard.last() {
            Some(PlayoutEvent::Heard(_, position)) => position.as_millis() / 20,
            _ => 0,
        }
    }
}

#[test]
fn nothing_is_heard_before_a_mark_says_so() {
    let mut rig = Rig::new();
    for _ in 0..50 {
        rig.tick(true);
    }
    assert_eq!(rig.frames, 60 - 1);
    assert_eq!(rig.position(), 0);
    rig.play(1);
    rig.tick(true);
    // From the first mark the clock runs, up to the mark that is out.
    assert_eq!(rig.position(), 2);
    for _ in 0..50 {
        rig.tick(true);
    }
    assert_eq!(rig.position(), 5);
    rig.play(40);
    rig.tick(true);
    assert!((36..=41).contains(&rig.position()), "{}", rig.position());
}

#[test]
fn marks_are_never_more_than_100_ms_apart() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.tick(true);
    }
    let ends: Vec<_> = rig.marks.iter().map(|(_, end)| *end).collect();
    assert!(
        ends.windows(2)
            .all(|pair| pair[1] - pair[0] <= FRAMES_PER_MARK),
        "{ends:?}"
    );
}

#[test]
fn what_a_clear_gives_back_confirms_nothing_and_is_sent_again() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.tick(true);
    }
    rig.play(60);
    rig.tick(false);
    let heard = rig.position();
    assert!(rig.ahead.hold());
    let out = std::mem::take(&mut rig.marks);
    for (mark, _) in &out {
        rig.ahead.on_mark(*mark, rig.now);
    }
    rig.tick(true);
    assert_eq!(
        rig.position(),
        heard,
        "a mark that a clear gave back was believed"
    );
    assert_eq!(rig.ahead.void_marks, out.len() as u64);
    assert!(!rig.ahead.hold(), "nothing was sent since");

    rig.ahead.release();
    let first = rig.ahead.again().expect("a frame to repeat");
    // It goes on up to 40 ms before where it was heard to stop.
    let again = u128::try_from(first.samples[0]).expect("a number");
    assert!(again <= heard + 1 && again + 2 > heard, "{again} {heard}");
    // And nothing is skipped.
    let mut next = again + 1;
    while let Some(frame) = rig.ahead.again() {
        assert_eq!(u128::try_from(frame.samples[0]).expect("a number"), next);
        next += 1;
    }
    assert_eq!(next, u128::from(rig.sent) + 1);
}

#[test]
fn a_carrier_that_holds_everything_is_not_sent_more_than_it_may() {
    let mut rig = Rig::new();
    for _ in 0..2_000 {
        rig.tick(true);
        // One mark shows that it knows them.
        rig.play(1);
    }
    assert!(rig.frames <= MOST_UNHEARD + 6, "{}", rig.frames);
    rig.play(100);
    rig.tick(true);
    rig.tick(true);
    assert!(rig.frames > MOST_UNHEARD + 6);
}

#[test]
fn a_carrier_without_marks_is_believed_after_a_while() {
    let mut rig = Rig::new();
    for _ in 0..50 {
        rig.tick(true);
    }
    assert_eq!(rig.position(), 0);
    for _ in 0..200 {
        rig.tick(true);
    }
    // By the clock, less the way to the ear.
    let expected = 250 - 5;
    assert!(rig.position().abs_diff(expected) <= 2, "{}", rig.position());
}

#[test]
fn keys_are_never_taken_back() {
    let mut rig = Rig::new();
    let key = Sounding {
        samples: [7; FRAME],
        heard: Vec::new(),
        key: true,
    };
    rig.ahead.send(key, rig.now);
    assert!(!rig.ahead.hold());
    assert!(rig.ahead.again().is_none());
}

#[test]
fn only_the_dropped_generation_is_forgotten() {
    let mut rig = Rig::new();
    for _ in 0..10 {
        rig.tick(true);
    }
    let other = Sounding {
        samples: [9; FRAME],
        heard: vec![PlayoutEvent::Heard(
            ClauseId {
                generation: Generation(2),
                index: 0,
            },
            FRAME_TIME,
        )],
        key: false,
    };
    rig.ahead.send(other, rig.now);
    assert!(rig.ahead.drop_generation(Generation(1)));
    let kept = rig.ahead.again().expect("the other generation");
    assert_eq!(kept.samples[0], 9);
    assert!(rig.ahead.again().is_none());
    assert!(
        !rig.ahead.drop_generation(Generation(2)),
        "nothing of it is out"
    );
}

#[test]
fn the_callee_clears_what_was_believed_to_be_heard() {
    let mut rig = Rig::new();
    for _ in 0..10 {
        rig.tick(true);
    }
    assert!(
        !rig.ahead.callee_speaks(rig.now),
        "the call core decides as long as it is on time"
    );
    for _ in 0..100 {
        rig.tick(false);
    }
    assert!(rig.ahead.callee_speaks(rig.now));
    assert!(!rig.ahead.callee_speaks(rig.now));
    assert!(rig.ahead.again().is_none());
}
