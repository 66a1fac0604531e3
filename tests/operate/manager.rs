//! What the program tells the service manager that started it.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::process::Process;

#[test]
fn a_service_manager_is_told_when_requests_are_answered_and_how_long_stopping_takes() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let told = || {
        let mut message = [0; 4096];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let env = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("AGENTPHONE__CALLS__DRAIN_SECONDS", "600"),
    ];
    let server = Process::start(home.path(), &env);
    let ready = told();
    assert!(
        ready.contains("READY=1\n") && ready.contains(&server.url),
        "{ready}"
    );
    server.signal(Signal::TERM);
    let stopping = told();
    // The drain that was configured, and a margin.
    assert!(
        stopping.contains("STOPPING=1\n") && stopping.contains("EXTEND_TIMEOUT_USEC=620000000\n"),
        "{stopping}"
    );
    assert!(server.end().0.success());

    // A manager that is gone, or none: the program runs all the same.
    drop(manager);
    let server = Process::start(home.path(), &env);
    server.signal(Signal::TERM);
    assert!(server.end().0.success());
}
