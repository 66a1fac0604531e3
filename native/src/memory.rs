//! How the C library's allocator, which Rust's programs use too, deals with many threads and large pieces of text.

#[cfg(target_env = "gnu")]
use libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, c_int, mallopt};

/// Pieces of memory from this size on are asked of the system and given back to it, each by itself.
#[cfg(target_env = "gnu")]
const LARGE: c_int = 128 << 10;

/// Lets the allocator have at most so many arenas, and give large pieces back to the system. Call it before threads start.
///
/// glibc has eight arenas for each processor and gives a thread its own. Memory that one thread frees is then of no use to the
/// others, and what calls came and went left holes in all of them. It also takes pieces of up to 32 MB from the arenas once such a
/// piece was freed, and the log of a call that ends is one. Elsewhere than with glibc this does nothing.
pub fn set_up(arenas: usize) {
    #[cfg(target_env = "gnu")]
    {
        let arenas = c_int::try_from(arenas.max(1)).unwrap_or(c_int::MAX);
        // SAFETY: the function takes two numbers and may be called at any time; one that it does not know it refuses, and then
        // all is as it was.
        unsafe {
            mallopt(M_ARENA_MAX, arenas);
            mallopt(M_MMAP_THRESHOLD, LARGE);
        }
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = arenas;
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn the_library_takes_what_it_is_told() {
        // SAFETY: as above.
        let taken = unsafe { [mallopt(M_ARENA_MAX, 2), mallopt(M_MMAP_THRESHOLD, LARGE)] };
        assert_eq!(taken, [1, 1]);
        set_up(0);
        set_up(usize::MAX);
        let threads: Vec<_> = (0..4)
            .map(|n| std::thread::spawn(move || vec![n; LARGE as usize].len()))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().ok(), Some(LARGE as usize));
        }
    }
}
