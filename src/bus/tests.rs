use super::*;

fn ids() -> (CallId, AccountId) {
    (CallId::new(1, 2), AccountId::new(3))
}

fn text(seq: u64) -> String {
    format!("event {seq}")
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed() {
    let bus = Bus::default();
    let (call, account) = ids();
    let feed = bus.open(&call, &account);
    for _ in 0..5 {
        feed.append(text);
    }
    let first = feed.read(0, 2);
    assert_eq!(first.events, ["event 1".into(), "event 2".into()]);
    assert!(!first.ended);
    feed.append(text);
    feed.close();
    let rest = feed.read(2, 100);
    assert_eq!(rest.events.len(), 4);
    assert_eq!(*rest.events[3], *"event 6");
    assert!(rest.ended);
}

#[test]
fn what_is_no_longer_news_is_read_as_it_was() {
    let (call, account) = ids();
    let feed = Bus::default().open(&call, &account);
    let text = |seq: u64| match seq {
        // One that is longer than what is packed together, between two that say nothing.
        200 => String::new(),
        201 => "x".repeat(2 * PIECE),
        202 => String::new(),
        _ => format!("event {seq} {}", "again and ".repeat(20)),
    };
    let all: Vec<_> = (1..=400).map(text).collect();
    for _ in &all {
        feed.append(text);
    }
    assert!(lock(&feed.log).packed.len() > 5, "nothing was packed");
    assert!(lock(&feed.log).length <= PIECE);
    for (after, max) in [
        (0, 400),
        (0, 1),
        (37, 100),
        (199, 3),
        (201, 7),
        (398, 9),
        (400, 9),
    ] {
        let events = feed.read(after as u64, max).events;
        let texts: Vec<_> = events.iter().map(|event| &**event).collect();
        assert_eq!(texts, all[after..400.min(after + max)], "{after} {max}");
    }
}

#[test]
fn a_cursor_beyond_the_end_gets_nothing() {
    let (call, account) = ids();
    let feed = Bus::default().open(&call, &account);
    feed.append(text);
    assert!(feed.read(u64::MAX, usize::MAX).events.is_empty());
    assert!(feed.read(7, 0).events.is_empty());
}

#[test]
fn nothing_is_added_after_the_end() {
    let (call, account) = ids();
    let feed = Bus::default().open(&call, &account);
    feed.close();
    feed.append(text);
    assert_eq!(feed.last(), 0);
    assert!(feed.read(0, 1).ended);
}

#[tokio::test]
async fn watchers_are_woken_by_events_and_by_the_end() {
    let bus = Bus::default();
    let (call, account) = ids();
    let feed = bus.open(&call, &account);
    let mut changed = feed.subscribe();
    feed.append(text);
    changed.changed().await.unwrap();
    feed.close();
    changed.changed().await.unwrap();
}

#[tokio::test]
async fn an_account_sees_its_own_calls_and_no_others() {
    let bus = Bus::default();
    let (call, account) = ids();
    let (mine, mut activity) = bus.account(&account);
    assert!(mine.is_empty());
    let feed = bus.open(&call, &account);
    activity.changed().await.unwrap();
    assert_eq!(bus.account(&account).0.len(), 1);
    assert!(bus.account(&AccountId::new(9)).0.is_empty());
    feed.append(text);
    activity.changed().await.unwrap();
    bus.forget(&call);
    assert!(bus.feed(&call).is_none());
    // Who holds it reads on.
    assert_eq!(feed.read(0, 9).events.len(), 1);
}
