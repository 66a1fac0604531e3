//! The documents: every example in them is run, loaded or read, every link leads somewhere, and what machines are told about the
//! interface is there.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is missing here fails the test that asked for it"
)]

mod blocks;
#[allow(
    dead_code,
    reason = "each test program uses its own part of the support"
)]
#[path = "../process/mod.rs"]
mod process;
mod shell;

use std::{collections::BTreeMap, path::Path};

use agentphone::config::Config;
use serde_json::{Value, json};

use self::{
    blocks::{Block, blocks, documents},
    process::Process,
};

/// How many examples cannot run here. Each says why. Whoever adds one that cannot, changes this number, and is asked.
const NO_RUN: usize = 27;

/// What the interface is, as `/openapi.json` says it.
fn described() -> Value {
    serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap()
}

fn all() -> Vec<(String, Vec<Block>)> {
    let documents = documents().into_iter();
    documents
        .map(|(path, text)| (path.clone(), blocks(&path, &text)))
        .collect()
}

#[test]
fn every_command_runs_as_it_stands() {
    let mut ran = 0;
    std::thread::scope(|scope| {
        for (path, mut blocks) in all() {
            blocks.retain(|block| {
                let shell = ["sh", "console", "scenario"].contains(&block.language.as_str());
                shell && block.no_run().is_none()
            });
            if !blocks.is_empty() {
                ran += blocks.len();
                scope.spawn(move || shell::run(&path, &blocks));
            }
        }
    });
    assert!(ran >= 12, "only {ran} blocks of commands were found");
}

/// What `make demo` runs when it has built: with a callee who is busy, so that nobody waits for a conversation.
#[test]
fn the_demo_makes_a_call_and_tells_programs_what_came_of_it() {
    let home = tempfile::tempdir().unwrap();
    let demo = process::program(home.path(), &[])
        .args(["demo", "--scenario", "busy", "--json"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&demo.stderr);
    assert_eq!(demo.status.code(), Some(4), "{told}");
    let ended: Value = serde_json::from_slice(&demo.stdout).unwrap();
    assert_eq!(ended["data"]["failure"]["reason"], "busy");
    assert!(
        told.contains("POST http://") && told.contains("served by:"),
        "{told}"
    );
}

#[test]
fn what_does_not_run_says_why_and_is_counted() {
    let blocks: Vec<Block> = all().into_iter().flat_map(|(_, blocks)| blocks).collect();
    let mut reasons = BTreeMap::new();
    for block in &blocks {
        match block.no_run() {
            Some(reason) => {
                assert!(reason.len() > 10, "{}: why can it not run?", block.place);
                reasons.insert(block.place.clone(), reason.to_owned());
            }
            None => {
                let known = ["sh", "console", "scenario", "toml", "json"];
                let language = block.language.as_str();
                assert!(
                    known.contains(&language),
                    "{}: nothing checks `{language}`; say why, behind no-run:",
                    block.place
                );
            }
        }
    }
    assert_eq!(reasons.len(), NO_RUN, "{reasons:#?}");
    assert!(blocks.len() > 2 * NO_RUN, "most examples run");
}

#[test]
fn every_piece_of_configuration_loads() {
    let mut loaded = 0;
    for (_, mut blocks) in all() {
        blocks.retain(|block| block.language == "toml" && block.no_run().is_none());
        for block in &blocks {
            // What adds to the first piece of a document may need it.
            let more = format!("{}\n{}", blocks[0].text, block.text);
            if let Err(error) = load(&block.text).or_else(|error| load(&more).map_err(|_| error)) {
                panic!("{}: {error}", block.place);
            }
            loaded += 1;
        }
    }
    assert!(loaded >= 8, "only {loaded}");
}

/// Loads a configuration, with what the documents tell to give by the environment.
fn load(text: &str) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let given = [
        (
            "AGENTPHONE__LINE__TWILIO__ACCOUNT_SID",
            format!("AC{:032}", 0),
        ),
        ("AGENTPHONE__LINE__TWILIO__AUTH_TOKEN", "secret".to_owned()),
    ];
    let env = given.map(|(name, value)| (name.to_owned(), value));
    let env = env.into_iter().filter(|_| text.contains("[line.twilio"));
    let loaded = Config::load(Some(file.path()), env);
    loaded.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn every_piece_of_json_is_json_and_as_the_interface_describes_it() {
    let described = described();
    let (mut read, mut agreed) = (0, 0);
    for block in all().iter().flat_map(|(_, blocks)| blocks) {
        if block.language != "json" || block.no_run().is_some() {
            continue;
        }
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&block.text)
            .into_iter()
            .collect();
        let values = values.unwrap_or_else(|error| panic!("{}: {error}", block.place));
        assert!(!values.is_empty(), "{}", block.place);
        read += values.len();
        if block.rest.is_empty() {
            continue;
        }
        let schema = &block.rest;
        assert!(
            described["components"]["schemas"][schema].is_object(),
            "{}: {schema}",
            block.place
        );
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": described["components"] });
        let schema = jsonschema::validator_for(&schema).unwrap();
        for value in &values {
            let errors: Vec<_> = schema
                .iter_errors(value)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", block.place);
            agreed += 1;
        }
    }
    assert!(read >= 8 && agreed >= 5, "{read}, {agreed}");
}

/// The targets of Markdown's links in a text.
fn links(text: &str) -> Vec<String> {
    let ends = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
    let target = |rest: &str| rest[..rest.find(')').unwrap()].to_owned();
    ends.map(target).collect()
}

#[test]
fn every_link_between_documents_leads_to_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut followed = 0;
    for (path, text) in documents() {
        for link in links(&text) {
            if link.contains("://") || path.ends_with(".txt") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let here = root.join(&path);
            let target = if file.is_empty() {
                here
            } else {
                here.parent().unwrap().join(file)
            };
            assert!(target.exists(), "{path}: {link} leads nowhere");
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|line| {
                    let title = line.trim_start_matches('#').trim().to_lowercase();
                    let kept = title
                        .chars()
                        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                    kept.collect::<String>().replace(' ', "-")
                });
                assert!(
                    anchors.any(|there| there == anchor),
                    "{path}: {link} has no such heading"
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed}");
}

/// The paths of the interface that a text names.
fn paths(text: &str) -> Vec<String> {
    let pieces = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/_{}-.".contains(c)));
    let path = |piece: &str| {
        piece
            .find("/api/v1")
            .map(|at| piece[at..].trim_end_matches('.').to_owned())
    };
    pieces.filter_map(path).collect()
}

#[tokio::test]
async fn what_programs_are_told_to_read_is_served_and_what_it_names_is_there() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = tempfile::tempdir().unwrap();
    let server = Process::start(home.path(), &[]);
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{}{path}", server.url)).await.unwrap();
        let kind = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(answer.status(), 200, "{path}");
        (kind, answer.text().await.unwrap())
    };
    let (kind, llms) = get("/llms.txt").await;
    assert_eq!(kind, "text/plain; charset=utf-8");
    assert!(llms.starts_with("# agentphone\n\n> "), "{llms}");
    let links = links(&llms);
    assert!(links.len() >= 8, "{links:?}");
    for link in &links {
        let (_, text) = get(link).await;
        assert!(text.len() > 200, "{link}");
    }
    let (kind, skill) = get("/docs/skill/SKILL.md").await;
    assert_eq!(kind, "text/markdown; charset=utf-8");
    let mut known: Vec<String> = described()["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    known.push("/api/v1".into());
    let named: Vec<_> = [&llms, &skill]
        .into_iter()
        .flat_map(|text| paths(text))
        .collect();
    assert!(named.len() >= 8, "{named:?}");
    for path in named {
        assert!(
            known.contains(&path) || path == "/api/v1/calls/",
            "{path} does not exist"
        );
    }
    // What else is named in them.
    for path in ["/openapi.json", "/mcp", "/metrics"] {
        assert!(llms.contains(path), "{path}");
    }
    let missing = reqwest::get(format!("{}/docs/none.md", server.url))
        .await
        .unwrap();
    assert_eq!(missing.status(), 404);
}

#[test]
fn the_skill_says_what_it_is_for_where_agents_look() {
    let skill = include_str!("../../docs/skill/SKILL.md");
    let front = skill
        .strip_prefix("---\n")
        .unwrap()
        .split_once("\n---\n")
        .unwrap()
        .0;
    let fields: BTreeMap<_, _> = front
        .lines()
        .map(|line| line.split_once(": ").unwrap())
        .collect();
    assert_eq!(fields["name"], "agentphone");
    let description = fields["description"];
    assert!(
        (100..=1024).contains(&description.len()),
        "{}",
        description.len()
    );
    assert!(description.contains("Use it when") && description.contains("Do not use it"));
    // Every error that it explains is one.
    let api = include_str!("../../docs/api.md");
    let table = skill.split_once("| code | what to do |").unwrap().1;
    let codes = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let mut explained = 0;
    for code in codes.flat_map(|codes| codes.split(['`', ',', ' '])) {
        if !code.is_empty() {
            assert!(api.contains(&format!("| `{code}` |")), "{code} is no code");
            explained += 1;
        }
    }
    assert!(explained >= 10, "{explained}");
}
