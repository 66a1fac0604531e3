//! `agentphone watch`: shows a call while it happens. What `call --follow` and `demo` show is this, too.

use std::{
    cell::RefCell,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use protocol::{ids::CallId, rest::Call};

use super::{
    Failure,
    client::{Client, News, Target, call_id},
    complain,
    exit::Exit,
    may_colour,
    render::{Renderer, Style},
    say,
    terminal::{Output, width_of},
};
use crate::driver::clock;

/// How often the timer on a terminal goes on.
const TICK: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(super) struct Command {
    /// The call's id: cl_…
    #[arg(value_name = "CALL", value_parser = call_id)]
    id: CallId,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    target: Target,
}

/// Where a call is shown, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// For people, on standard output.
    Here,
    /// For people, on standard error: standard output is for JSON.
    Aside,
    /// For programs: every event as a line of JSON on standard output.
    Events,
}

/// How watching a call ended.
pub(super) enum Watched {
    /// With the call.
    Ended(Box<Call>),
    /// Before the call: it goes on.
    Left,
}

impl Watched {
    /// Returns how the program ends then.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Ended(call) => Exit::of(call),
            Self::Left => Exit::Left,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<ExitCode, Failure> {
    let client = command.target.client()?;
    let id = command.id.as_str();
    // Whether there is such a server and such a call is said at once, and not after many tries.
    client.call(id).await?;
    let show = match command.output.json {
        true => Show::Events,
        false => Show::Here,
    };
    let watched = watch(&client, id, show).await?;
    Ok(watched.exit().into())
}

/// Shows a call until it ends or the person who watches has enough.
pub(super) async fn watch(client: &Client, id: &str, show: Show) -> Result<Watched, Failure> {
    let screen = RefCell::new(Screen::new(show));
    let shown = client.follow(id, |news| screen.borrow_mut().show(&news));
    let ticking = async {
        let mut ticker = clock::ticker(TICK);
        loop {
            ticker.tick().await;
            screen.borrow_mut().tick();
        }
    };
    let watched = tokio::select! {
        ended = shown => ended.map(|call| Watched::Ended(Box::new(call))),
        _ = tokio::signal::ctrl_c() => Ok(Watched::Left),
        () = ticking => Ok(Watched::Left),
    };
    screen.borrow_mut().leave();
    if let Ok(Watched::Left) = watched {
        complain(&format!(
            "The call goes on. Watch it again with `agentphone watch {id}`, end it with `agentphone calls cancel {id}`."
        ));
    }
    watched
}

/// Draws on a stream.
struct Screen {
    show: Show,
    renderer: Renderer,
    terminal: bool,
    /// When the screen was opened, and the call's time then, as far as events tell it.
    opened: Instant,
    lead_ms: u64,
}

impl Screen {
    fn new(show: Show) -> Self {
        let terminal = match show {
            Show::Here => io::stdout().is_terminal(),
            Show::Aside => io::stderr().is_terminal(),
            Show::Events => false,
        };
        let style = Style {
            terminal: terminal.then(|| width(show)),
            colour: may_colour(terminal),
        };
        Self {
            show,
            renderer: Renderer::new(style),
            terminal,
            opened: clock::now(),
            lead_ms: 0,
        }
    }

    fn show(&mut self, news: &News<'_>) {
        let event = match news {
            News::Message(text, _) if self.show == Show::Events => return say(text),
            News::Message(_, Some(event)) => event,
            News::Message(_, None) => return,
            News::Lost if self.show == Show::Events => return,
            News::Lost => {
                let drawn = self.renderer.lost(self.lead_ms + self.elapsed());
                return self.write(&drawn);
            }
        };
        self.lead_ms = self.lead_ms.max(event.t_ms.saturating_sub(self.elapsed()));
        self.resize();
        let drawn = self.renderer.event(event);
        self.write(&drawn);
    }

    fn tick(&mut self) {
        if self.terminal {
            self.resize();
            let drawn = self.renderer.tick(self.lead_ms + self.elapsed());
            self.write(&drawn);
        }
    }

    fn leave(&mut self) {
        let drawn = self.renderer.leave();
        self.write(&drawn);
    }

    fn elapsed(&self) -> u64 {
        let elapsed = clock::now().saturating_duration_since(self.opened);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn resize(&mut self) {
        if self.terminal {
            self.renderer.resize(width(self.show));
        }
    }

    /// Nobody reading any more is no reason to stop waiting for the end.
    fn write(&self, drawn: &str) {
        let mut out: Box<dyn Write> = match self.show {
            Show::Aside => Box::new(io::stderr()),
            _ => Box::new(io::stdout()),
        };
        let _ = out.write_all(drawn.as_bytes()).and_then(|()| out.flush());
    }
}

fn width(show: Show) -> usize {
    match show {
        Show::Aside => width_of(io::stderr()),
        _ => width_of(io::stdout()),
    }
}
