//! Which UDP ports sound comes to: an even one for each call, out of a range.
//!
//! A port that a call has left rests for a while, so that what is still on its way to the old call does not reach a
//! new one. The odd port above belongs to the same call, for reports of peers who do not send them to the first.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::driver::clock;

/// How long a port rests after a call.
pub const DRAIN: Duration = Duration::from_secs(30);

/// See the module's documentation.
#[derive(Debug)]
pub struct Ports {
    bind: IpAddr,
    range: RangeInclusive<u16>,
    slots: Mutex<Slots>,
}

#[derive(Debug)]
struct Slots {
    /// State of each pair, from the lowest even port on.
    pairs: Vec<Slot>,
    /// Where to look next, so that ports are used in turn.
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    Taken,
    RestsUntil(Instant),
}

/// Why no port could be had: a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoPort(String);

impl NoPort {
    pub(super) fn of(error: &io::Error) -> Self {
        Self(format!(
            "The socket of a call cannot be watched ({error}); allow this program more open files."
        ))
    }
}

impl Ports {
    /// Makes ports of `range` on the address `bind`. Pairs begin at even numbers.
    #[must_use]
    pub fn new(bind: IpAddr, range: RangeInclusive<u16>) -> Arc<Self> {
        let ports = Self {
            bind,
            slots: Mutex::new(Slots {
                pairs: Vec::new(),
                next: 0,
            }),
            range,
        };
        let count = (u32::from(*ports.range.end()) + 1).saturating_sub(ports.first()) / 2;
        {
            let mut slots = ports.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.pairs = vec![Slot::Free; count as usize];
            // Ports that cannot be foretold are harder to shoot at.
            slots.next = fastrand::usize(..slots.pairs.len().max(1));
        }
        Arc::new(ports)
    }

    /// How many calls there are ports for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots().pairs.len()
    }

    fn first(&self) -> u32 {
        let start = u32::from(*self.range.start());
        start + start % 2
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a port and opens its socket.
    ///
    /// # Errors
    /// When all ports are in use, or the address is none of this machine's.
    pub fn take(self: &Arc<Self>) -> Result<(Port, UdpSocket), NoPort> {
        let count = self.capacity();
        for _ in 0..count {
            let Some(index) = self.reserve(clock::now()) else {
                break;
            };
            let number = (self.first() + 2 * index as u32) as u16;
            let port = Port {
                ports: self.clone(),
                index,
                number,
            };
            match open(SocketAddr::new(self.bind, number)) {
                Ok(socket) => return Ok((port, socket)),
                // Somebody else on this machine has it; dropping it lets it rest.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    drop(port);
                    self.slots().pairs[index] = Slot::Free;
                    return Err(NoPort(format!(
                        "No UDP port can be opened on {} ({error}); check the address to bind to.",
                        self.bind
                    )));
                }
            }
        }
        Err(NoPort(format!(
            "All UDP ports from {} to {} are in use, or rest for {} s after a call; widen the range of RTP ports or \
             allow fewer calls at once.",
            self.range.start(),
            self.range.end(),
            DRAIN.as_secs()
        )))
    }

    fn reserve(&self, now: Instant) -> Option<usize> {
        let mut slots = self.slots();
        let count = slots.pairs.len();
        let free = |slot: &Slot| match slot {
            Slot::Free => true,
            Slot::Taken => false,
            Slot::RestsUntil(until) => *until <= now,
        };
        let next = slots.next;
        let index = (0..count)
            .map(|step| (next + step) % count)
            .find(|index| free(&slots.pairs[*index]))?;
        slots.pairs[index] = Slot::Taken;
        slots.next = (index + 1) % count;
        Some(index)
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A port that belongs to a call until it is dropped, and then rests.
#[derive(Debug)]
pub struct Port {
    ports: Arc<Ports>,
    index: usize,
    number: u16,
}

impl Port {
    /// Returns the number of the port for sound.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Opens the socket for reports, one number above.
    pub(super) fn open_rtcp(&self) -> io::Result<UdpSocket> {
        let above = self
            .number
            .checked_add(1)
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        open(SocketAddr::new(self.ports.bind, above))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ports.slots().pairs[self.index] = Slot::RestsUntil(clock::now() + DRAIN);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Ports of which the only one is taken; whatever else runs on this machine, some pair is free.
    fn taken() -> (Arc<Ports>, Port, UdpSocket) {
        let of = |even: u16| {
            let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), even - 1..=even + 2);
            assert_eq!(ports.capacity(), 1);
            let (port, socket) = ports.take().ok()?;
            assert_eq!(port.number(), even);
            Some((ports, port, socket))
        };
        (20_500..21_500)
            .filter(|n| n % 2 == 0)
            .find_map(of)
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_rests_before_it_is_used_again() {
        let (ports, port, socket) = taken();
        let number = port.number();
        assert!(ports.take().is_err());
        drop((port, socket));
        let error = ports.take().unwrap_err();
        assert!(error.to_string().contains("widen"), "{error}");
        clock::sleep(DRAIN).await;
        assert_eq!(ports.take().unwrap().0.number(), number);
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_of_somebody_else_is_passed_over() {
        let (_, port, socket) = taken();
        let first = port.number();
        let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), first..=first + 199);
        for _ in 0..50 {
            let (other, _socket) = ports.take().unwrap();
            assert_ne!(other.number(), first);
        }
        drop(socket);
    }

    #[test]
    fn an_address_of_no_card_is_named() {
        let ports = Ports::new(Ipv4Addr::new(192, 0, 2, 1).into(), 21_110..=21_119);
        let error = ports.take().unwrap_err();
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
        assert!(ports.take().is_err(), "and the pair is not lost");
    }
}
