//! Websites of callees, on a server of this machine that the operator allows: what is read, what is not, and that the call
//! is made all the same.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use agentphone::{
    context::{Reader, Settings},
    driver::clock,
    net::guard::Guard,
    provider::{
        LanguageModel, LlmEvent, LlmRequest,
        scripted::{ScriptedModel, ScriptedReply},
    },
    store::Cache,
};
use protocol::{control::Event, rest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::support::{Engine, Setup};

const PAGE: &str = r#"<title>Nopa</title><nav><a href="/menu">Menu</a></nav><h2>Hours</h2><p>Mon-Sun 5pm-10pm</p>
    <p>560 Divisadero St, San Francisco, CA 94117</p><a href="tel:+14158648643">Call</a>"#;
const MENU: &str = "<h1>Menu</h1><p>Flatbread $19</p><p>Pork chop $36</p>";

/// A site on 127.0.0.1, and how often it was asked.
struct Site {
    url: String,
    asked: Arc<AtomicUsize>,
}

fn html(body: &str) -> String {
    answer("200 OK", "content-type: text/html; charset=utf-8\r\n", body)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Serves what `page` says of a path; nothing at all, ever, when it says nothing.
async fn site(page: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("as the test set it up");
    let url = format!(
        "http://{}",
        listener.local_addr().expect("as the test set it up")
    );
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let page = Arc::new(page);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let page = page.clone();
            tokio::spawn(async move {
                let mut request = [0; 2048];
                let read = socket.read(&mut request).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                match page(request.split(' ').nth(1).unwrap_or_default()) {
                    Some(answer) => socket
                        .write_all(answer.as_bytes())
                        .await
                        .unwrap_or_default(),
                    None => std::future::pending().await,
                }
            });
        }
    });
    Site { url, asked }
}

async fn nopa() -> Site {
    site(|path| {
        Some(match path {
            "/" => html(PAGE),
            "/menu" => html(MENU),
            _ => answer("404 Not Found", "", ""),
        })
    })
    .await
}

fn reader(settings: Settings, cache: Cache) -> Reader {
    let allowed = Guard::new(["127.0.0.1/32".parse().expect("as the test set it up")]);
    Reader::new(allowed, cache, settings).expect("as the test set it up")
}

async fn read(url: &str) -> rest::Context {
    reader(Settings::default(), Cache::none()).read(url).await
}

#[tokio::test]
async fn the_facts_are_found_on_the_page_and_on_the_pages_that_it_names() {
    let site = nopa().await;
    let context = read(&site.url).await;
    assert_eq!(context.problem, None);
    assert_eq!(context.title.as_deref(), Some("Nopa"));
    assert_eq!(context.hours, ["Mon-Sun 5pm-10pm"]);
    assert_eq!(context.phone, ["+14158648643"]);
    assert_eq!(
        context.address,
        ["560 Divisadero St, San Francisco, CA 94117"]
    );
    assert_eq!(context.offers, ["Flatbread $19", "Pork chop $36"]);
    assert!(
        context.tokens > 20 && context.tokens <= 1500,
        "{}",
        context.tokens
    );
}

#[tokio::test]
async fn a_site_is_asked_once_in_a_while() {
    let site = nopa().await;
    let folder = tempfile::tempdir().expect("as the test set it up");
    let reader = reader(Settings::default(), Cache::open(folder.path(), 1 << 20));
    let mut before = reader.read(&site.url).await;
    // It is kept beside the reading, so a read or two may come too early for it.
    for _ in 0..100 {
        let asked = site.asked.load(Ordering::Relaxed);
        let again = reader.read(&site.url).await;
        if again == before && site.asked.load(Ordering::Relaxed) == asked {
            return;
        }
        before = again;
    }
    panic!("nothing was kept");
}

#[tokio::test]
async fn what_is_no_page_is_not_read() {
    let big = format!(
        "<title>Big</title>{}<p>the end</p>",
        "<p>x</p>".repeat(400_000)
    );
    let site = site(move |path| {
        Some(match path {
            "/image" => answer("200 OK", "content-type: image/png\r\n", "PNG"),
            "/packed" => answer(
                "200 OK",
                "content-type: text/html\r\ncontent-encoding: gzip\r\n",
                "x",
            ),
            "/gone" => answer("410 Gone", "content-type: text/html\r\n", "gone"),
            "/inwards" => answer(
                "302 Found",
                "location: http://169.254.169.254/latest/\r\n",
                "",
            ),
            "/round" => answer("302 Found", "location: /round\r\n", ""),
            "/big" => html(&big),
            _ => html("<title>No</title>"),
        })
    })
    .await;
    for (path, why) in [
        ("/image", "no page of text"),
        ("/packed", "compressed"),
        ("/gone", "status 410"),
        ("/inwards", "no public address"),
        ("/round", "redirected more than 5 times"),
    ] {
        let context = read(&format!("{}{path}", site.url)).await;
        let problem = context.problem.expect(path);
        assert!(problem.contains(why), "{path}: {problem}");
        assert_eq!((context.title, context.tokens), (None, 0), "{path}");
    }
    let context = read(&format!("{}/big", site.url)).await;
    assert_eq!(context.title.as_deref(), Some("Big"));
    assert!(
        !context.text.unwrap_or_default().contains("the end"),
        "beyond what is read"
    );
}

#[tokio::test]
async fn without_the_operators_leave_this_machine_is_not_asked() {
    let site = nopa().await;
    let reader = Reader::new(Guard::default(), Cache::none(), Settings::default())
        .expect("as the test set it up");
    let local = site.url.replace("127.0.0.1", "localhost");
    for url in [&site.url, &local] {
        let context = reader.read(url).await;
        let problem = context.problem.expect("as the test set it up");
        assert!(problem.contains("net.allow"), "{problem}");
    }
    assert_eq!(site.asked.load(Ordering::Relaxed), 0);
}

/// A model that keeps what it was told of the website.
#[derive(Debug)]
struct Told(ScriptedModel, Arc<Mutex<Option<String>>>);

impl LanguageModel for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn reply(&self, request: LlmRequest) -> mpsc::Receiver<LlmEvent> {
        *self.1.lock().expect("nobody panicked with it") = request.brief.website_context.clone();
        self.0.reply(request)
    }
}

fn engine(told: &Arc<Mutex<Option<String>>>, settings: Settings) -> Engine {
    let model = ScriptedModel::new(vec![ScriptedReply::text("Hello, a table for two, please.")]);
    Setup {
        scenario: "ring: 10 s\n---\nsay \"Nopa.\"\nhang up\n",
        llm: Some(Arc::new(Told(model, told.clone()))),
        reader: Some(reader(settings, Cache::none())),
        ..Setup::default()
    }
    .start()
}

async fn dialed(engine: &Engine, url: &str) -> rest::Call {
    let request = rest::CreateCall {
        website: Some(url.to_owned()),
        ..engine.request()
    };
    let id = engine.create_with(request).await.data.call_id;
    let dialing = |event: &Event| matches!(event, Event::CallStatus { status } if *status == rest::Status::Dialing);
    engine.reached(&id, dialing).await;
    engine.stored(&id)
}

#[tokio::test]
async fn a_call_knows_what_was_read_and_its_record_has_it() {
    let (site, told) = (nopa().await, Arc::default());
    let engine = engine(&told, Settings::default());
    let call = dialed(&engine, &site.url).await;
    assert_eq!(
        call.context.expect("as the test set it up").hours,
        ["Mon-Sun 5pm-10pm"]
    );
    let canceled = engine
        .supervisor
        .cancel(&engine.caller.account, &call.call_id, true);
    canceled.await.expect("as the test set it up");
    engine.watch(&call.call_id).await;
    let told = told
        .lock()
        .expect("nobody panicked with it")
        .clone()
        .expect("the model was told");
    assert!(told.contains("Opening hours: Mon-Sun 5pm-10pm"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_site_that_never_answers_delays_the_dialing_by_five_seconds_at_most() {
    let (site, told) = (site(|_| None).await, Arc::default());
    let limit = Duration::from_secs(60);
    let engine = engine(
        &told,
        Settings {
            limit,
            ..Settings::default()
        },
    );
    let before = clock::now();
    let call = dialed(&engine, &site.url).await;
    let waited = clock::now() - before;
    assert!(waited <= Duration::from_millis(5_100), "{waited:?}");
    let problem = call
        .context
        .expect("as the test set it up")
        .problem
        .expect("as the test set it up");
    assert!(problem.contains("within 5 seconds"), "{problem}");
}
