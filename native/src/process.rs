//! What a worker process asks of the kernel for itself: to run behind everybody else, and to end with its parent.

use std::io;

/// Lowers the scheduling priority of the calling process by `steps` (1 to 19; more is lower).
///
/// # Errors
/// When the kernel refuses.
pub fn lower_priority(steps: u8) -> io::Result<()> {
    // SAFETY: `setpriority` takes three integers and touches no memory of ours; process 0 is the caller.
    let answer =
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, libc::c_int::from(steps.clamp(1, 19))) };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the kernel kill the calling process when the thread that started it is gone.
///
/// A parent that died before this call is not noticed here: a worker also ends when its standard input closes.
/// On other systems than Linux this does nothing.
///
/// # Errors
/// When the kernel refuses.
pub fn die_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: PR_SET_PDEATHSIG takes one signal number and touches no memory of ours.
        let answer = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
