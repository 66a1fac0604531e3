//! The worker's side: orders from standard input, answers to standard output, until the input closes.

use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
    process::ExitCode,
};

use native::pocketsphinx::Error;

use super::{
    recogniser::{Recogniser, Settings},
    wire::{Answer, Order},
};

/// How far a worker steps back behind the threads that carry sound.
const NICE: u8 = 10;

/// Runs a worker on this process's standard input and output.
pub(super) fn run(models: &Path) -> ExitCode {
    // Without these two a worker still works: it competes for the processor, and outlives a killed parent until
    // its input closes, which is at once.
    let _ = native::process::lower_priority(NICE);
    let _ = native::process::die_with_parent();
    let input = BufReader::with_capacity(64 * 1024, io::stdin().lock());
    match serve(models, input, io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(models: &Path, mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut recogniser = match Recogniser::load(models, &Settings::default()) {
        Ok(recogniser) => recogniser,
        Err(error) => return Answer::Failed(error.to_string()).write(&mut output),
    };
    Answer::Done.write(&mut output)?;
    while let Some(order) = Order::read(&mut input)? {
        match carry_out(order, &mut recogniser) {
            Ok(answer) => answer.write(&mut output)?,
            Err(error) => return Answer::Failed(error.to_string()).write(&mut output),
        }
    }
    Ok(())
}

pub(super) fn carry_out(order: Order, recogniser: &mut Recogniser) -> Result<Answer, Error> {
    match order {
        Order::Call { narrowband, .. } => {
            recogniser.set_narrowband(narrowband);
            Ok(Answer::Done)
        }
        Order::Begin(expected) => recogniser.begin(expected).map(|()| Answer::Done),
        Order::Audio(samples) => recogniser
            .hear(&samples)
            .map(|words| words.map_or(Answer::Done, Answer::Partial)),
        Order::End => recogniser.end().map(Answer::Final),
    }
}
