use serde_json::Value as Json;

use super::*;

const NO_ENV: [(String, String); 0] = [];

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "my.toml", NO_ENV).map_err(|error| error.to_string())
}

fn with_env(name: &str, value: &str) -> Result<Config, String> {
    Config::parse("", "my.toml", [(name.to_owned(), value.to_owned())])
        .map_err(|error| error.to_string())
}

fn paths(value: &Json, prefix: &str, into: &mut Vec<String>) {
    if let Json::Object(fields) = value {
        for (key, value) in fields {
            paths(value, &format!("{prefix}.{key}"), into);
        }
    } else {
        into.push(prefix.to_owned());
    }
}

#[test]
fn the_example_is_exactly_the_list_of_keys_and_defaults() {
    let example = include_str!("../../agentphone.example.toml");
    let as_written: Json =
        serde_json::to_value(toml::from_str::<toml::Table>(example).unwrap()).unwrap();
    let as_read = serde_json::to_value(Config::default()).unwrap();
    let (mut written, mut read) = (Vec::new(), Vec::new());
    paths(&as_written, "", &mut written);
    paths(&as_read, "", &mut read);
    written.sort();
    read.sort();
    assert_eq!(written, read);
    assert_eq!(parse(example).unwrap(), Config::default());
}

#[test]
fn every_key_of_the_example_is_explained_by_a_comment_above_it() {
    let example = include_str!("../../agentphone.example.toml");
    let lines: Vec<&str> = example.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(lines[number - 1].starts_with("# "), "{line}");
        }
    }
}

#[test]
fn unknown_keys_are_refused_with_their_line_and_the_nearest_key() {
    assert_eq!(
        parse("[server]\nlisten = \"127.0.0.1:1\"\npublic_ulr = \"\"\n\n[sever]\n").unwrap_err(),
        "my.toml:3: unknown key `server.public_ulr`. Did you mean `server.public_url`?\n\
         my.toml:5: unknown key `sever`. Did you mean `server`?"
    );
    assert_eq!(
        parse("listen = \"127.0.0.1:1\"").unwrap_err(),
        "my.toml:1: unknown key `listen`. Did you mean `server.listen`?"
    );
    assert_eq!(
        parse("[zzzz]").unwrap_err(),
        "my.toml:1: unknown key `zzzz`. agentphone.example.toml has every key."
    );
}

#[test]
fn wrong_types_and_ranges_name_the_key() {
    assert_eq!(
        parse("[calls]\nmax_concurrent = \"many\"").unwrap_err(),
        "my.toml:2: `calls.max_concurrent` is of type string and must be of type integer."
    );
    assert_eq!(
        parse("[calls]\nring_timeout_seconds = 3").unwrap_err(),
        "my.toml: `calls.ring_timeout_seconds` is 3 and must be 5 to 300."
    );
    for (text, key) in [
        ("[calls]\nmax_concurrent = -1", "calls.max_concurrent"),
        ("[calls]\npatience = 9", "calls.patience"),
        ("[server]\nlisten = \"here\"", "server.listen"),
        ("[log]\nformat = \"xml\"", "log.format"),
        (
            "[server]\npublic_url = \"phone.example\"",
            "server.public_url",
        ),
        ("[log]\nlevel = \"a=b=c\"", "log.level"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            error.starts_with("my.toml") && error.contains(key),
            "{error}"
        );
    }
    assert!(
        parse("[server")
            .unwrap_err()
            .starts_with("my.toml:1: this is not TOML")
    );
}

#[test]
fn the_environment_wins_and_is_typed() {
    let text = "[calls]\nmax_concurrent = 7\n";
    let env = [(
        "AGENTPHONE__CALLS__MAX_CONCURRENT".to_owned(),
        "9".to_owned(),
    )];
    assert_eq!(
        Config::parse(text, "my.toml", env)
            .unwrap()
            .calls
            .max_concurrent,
        9
    );
    assert_eq!(
        with_env("AGENTPHONE__LLM__OPENAI__API_KEY", "123")
            .unwrap()
            .llm
            .openai
            .api_key
            .0,
        "123"
    );
    assert!(
        with_env("AGENTPHONE__LOG__REVEAL", "true")
            .unwrap()
            .log
            .reveal
    );
    assert_eq!(
        with_env("AGENTPHONE__CALLS__MAX_CONCURRENT", "many").unwrap_err(),
        "AGENTPHONE__CALLS__MAX_CONCURRENT: \"many\" must be of type integer."
    );
    assert_eq!(
        with_env("AGENTPHONE__CALL__MAX_CONCURENT", "1").unwrap_err(),
        "AGENTPHONE__CALL__MAX_CONCURENT: unknown key `call.max_concurent`. Did you mean \
         `calls.max_concurrent`?"
    );
    assert!(
        with_env("AGENTPHONE__CALLS", "1")
            .unwrap_err()
            .contains("unknown key `calls`")
    );
    assert_eq!(with_env("AGENTPHONE_KEY", "x").unwrap(), Config::default());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Some(std::path::Path::new("/no/such/file.toml")), NO_ENV).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/no/such/file.toml: cannot be read: "),
        "{error}"
    );
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let config = with_env("AGENTPHONE__LLM__OPENAI__API_KEY", "sk-secret").unwrap();
    assert!(!format!("{config:?}").contains("sk-secret"));
}

#[test]
fn addresses_can_be_extended_by_paths() {
    let config = parse("[server]\npublic_url = \"https://phone.example/\"").unwrap();
    let bound = "127.0.0.1:5".parse().unwrap();
    assert_eq!(config.public_url(bound), "https://phone.example");
    assert_eq!(Config::default().public_url(bound), "http://127.0.0.1:5");
    assert_eq!(
        config.buy_credits_url(&config.public_url(bound)),
        "https://phone.example/billing"
    );
}

#[test]
fn a_model_is_used_as_soon_as_one_is_configured() {
    assert_eq!(Config::default().llm.chosen(), [LlmProvider::Rules]);
    let configured = with_env(
        "AGENTPHONE__LLM__OPENAI__BASE_URL",
        "http://127.0.0.1:1/v1/",
    )
    .unwrap();
    assert_eq!(configured.llm.chosen(), [LlmProvider::OpenAi]);
    assert_eq!(configured.llm.openai.base_url, "http://127.0.0.1:1/v1");
    let both = [LlmProvider::OpenAi, LlmProvider::Rules];
    for list in ["openai, rules", r#"["openai", "rules"]"#] {
        let forced = with_env("AGENTPHONE__LLM__PROVIDERS", list).unwrap();
        assert_eq!(forced.llm.chosen(), both, "{list}");
    }
}

#[test]
fn a_list_of_services_names_each_once() {
    let file = parse("[tts]\nproviders = [\"espeak\", \"flite\"]").unwrap();
    assert_eq!(
        file.tts.providers,
        [TtsProvider::Espeak, TtsProvider::Flite]
    );
    for (text, error) in [
        ("[tts]\nproviders = []", "`tts.providers` is empty"),
        (
            "[tts]\nproviders = [\"flite\", \"flite\"]",
            "names a service twice",
        ),
        ("[stt]\nproviders = [\"ears\"]", "ears"),
        ("[failover]\nwords_ms = 1", "`failover.words_ms` is 1"),
    ] {
        let refused = parse(text).unwrap_err();
        assert!(refused.contains(error), "{refused}");
    }
}

#[test]
fn the_data_folder_follows_the_users_own_places() {
    let folder = |dir: &str, pairs: &[(&str, &str)]| {
        let data = Data {
            dir: dir.into(),
            min_free_mib: 0,
        };
        data.folder(|name| {
            pairs
                .iter()
                .find(|pair| pair.0 == name)
                .map(|pair| pair.1.to_owned())
        })
    };
    assert_eq!(folder("/x", &[("HOME", "/h")]), PathBuf::from("/x"));
    assert_eq!(
        folder("", &[("HOME", "/h")]),
        PathBuf::from("/h/.local/share/agentphone")
    );
    assert_eq!(
        folder("", &[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]),
        PathBuf::from("/d/agentphone")
    );
    assert_eq!(folder("", &[]), PathBuf::from("./agentphone"));
}

#[test]
fn files_may_be_named_only_where_strangers_cannot_ask() {
    for (listen, public_url, files, allowed) in [
        ("127.0.0.1:8080", "", "auto", true),
        ("127.0.0.1:8080", "http://localhost:8080", "auto", true),
        ("[::1]:8080", "http://[::1]:8080", "auto", true),
        ("127.0.0.1:8080", "https://phone.example.com", "auto", false),
        (
            "127.0.0.1:8080",
            "http://localhost.example.com",
            "auto",
            false,
        ),
        ("0.0.0.0:8080", "", "auto", false),
        ("0.0.0.0:8080", "http://127.0.0.1:8080", "auto", false),
        ("[::]:8080", "", "auto", false),
        ("0.0.0.0:8080", "https://phone.example.com", "always", true),
        ("127.0.0.1:8080", "", "never", false),
    ] {
        let text = format!(
            "[server]\nlisten = \"{listen}\"\npublic_url = \"{public_url}\"\n[line.simulated]\nfiles = \"{files}\""
        );
        let config = parse(&text).unwrap();
        assert_eq!(config.files_allowed(), allowed, "{text}");
    }
    assert!(Config::default().files_allowed());
}
