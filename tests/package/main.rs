//! The Debian package, in a clean Debian that boots: its files, its service and sandbox, a call, upgrades, removal, and the
//! steps of the Dockerfile. Everything that is checked here is done by the system's own programs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::{collections::BTreeSet, fs, process::Command};

use machine::{Machine, package, project};
use serde_json::Value;

mod docker;
mod machine;

const INSTALL: &str =
    "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y -o Dpkg::Options::=--force-confold";
const CONFIG: &str = "/etc/agentphone/agentphone.toml";

/// A system on which the package was installed.
fn installed() -> Machine {
    let machine = Machine::boot();
    machine.copy(package(), "/tmp/agentphone.deb");
    machine.sh(&format!("{INSTALL} /tmp/agentphone.deb 2>&1"));
    machine
}

/// Makes a key as the package's own user.
fn key(machine: &Machine) -> String {
    machine.as_user(&format!("agentphone keys create --config {CONFIG}"))
}

/// One property of the service, as its manager knows it.
fn property(machine: &Machine, name: &str) -> String {
    machine.sh(&format!(
        "systemctl show --property {name} --value agentphone"
    ))
}

#[test]
fn it_serves_calls_as_a_user_of_its_own_in_a_sandbox() {
    let machine = installed();
    let states = "systemctl is-active agentphone && systemctl is-enabled agentphone";
    assert_eq!(machine.sh(states), "active\nenabled");
    assert_eq!(
        property(&machine, "StatusText"),
        "listening on http://127.0.0.1:8080"
    );
    let link = machine.sh("journalctl -u agentphone -g sign-in -n 1");
    assert!(
        link.contains("http://127.0.0.1:8080/sign-in#link="),
        "{link}"
    );
    let owners = format!(
        "stat -c '%U:%G %a %n' /etc/agentphone {CONFIG} /var/lib/agentphone /var/lib/agentphone/secret"
    );
    let expected = format!(
        "root:agentphone 750 /etc/agentphone\nroot:agentphone 640 {CONFIG}\n\
         agentphone:agentphone 700 /var/lib/agentphone\nagentphone:agentphone 600 /var/lib/agentphone/secret"
    );
    assert_eq!(machine.sh(&owners), expected);
    let stranger = machine.attempt(&format!(
        "setpriv --reuid nobody --clear-groups cat {CONFIG}"
    ));
    assert!(!stranger.status.success());

    // A whole call, over the address that the packaged configuration has.
    let key = key(&machine);
    let call = machine.start_as_user(&format!(
        "agentphone call +14155551234 --objective 'Ask for the opening hours' --scenario opening-hours \
         --key {key} --follow --json"
    ));
    check_sandbox(&machine);
    check_reload(&machine);
    let call: Value = serde_json::from_str(&call.end()).unwrap();
    let call = &call["data"];
    assert_eq!(call["status"], "completed", "{call}");
    assert_eq!(call["outcome"], "achieved", "{call}");
    let id = call["call_id"].as_str().unwrap();
    machine.sh(&format!(
        "test $(stat -c %s /var/lib/agentphone/recordings/{id}.wav) -gt 100000"
    ));

    // Stopping lets a call say goodbye, so it needs the workers that hear; a call that was cut off would be "failed". The
    // service manager would kill at once what it did not start itself, as a program that took over.
    let before = property(&machine, "MainPID");
    machine.as_user(&format!("agentphone upgrade --config {CONFIG}"));
    assert_ne!(property(&machine, "MainPID"), before);
    let http = format!("curl -sS -H 'x-api-key: {key}' http://127.0.0.1:8080/api/v1/calls");
    let created = machine.sh(&format!(
        "{http} --json '{{\"to_phone_number\": \"+14155551234\", \"objective\": \"Book a table for 2 at 7pm\"}}'"
    ));
    let created: Value = serde_json::from_str(&created).unwrap();
    let id = created["data"]["call_id"].as_str().unwrap();
    let answered = "until test \"$(status)\" = in_progress; do sleep 0.1; done";
    machine.sh(&format!(
        "status() {{ {http}/{id} | grep -o '\"status\":\"[a-z_]*\"' | cut -d'\"' -f4; }}; {answered}; \
         systemctl stop agentphone"
    ));
    assert_eq!(property(&machine, "Result"), "success");
    assert_eq!(property(&machine, "ExecMainStatus"), "0");
    machine.sh("systemctl start agentphone");
    let ended: Value = serde_json::from_str(&machine.sh(&format!("{http}/{id}"))).unwrap();
    assert_eq!(ended["data"]["status"], "canceled", "{ended}");
}

/// Lets the service read its configuration again, as the head of the file says, while a call runs.
fn check_reload(machine: &Machine) {
    let pid = property(machine, "MainPID");
    machine.sh(&format!(
        "sed -i 's/^#max_concurrent = 50/max_concurrent = 7/; s/^#max_connections = .*/max_connections = 99/' {CONFIG}"
    ));
    machine.sh("systemctl reload agentphone");
    let told = |what: &str| {
        machine.sh(&format!(
            "timeout 20 bash -c \"until journalctl --unit agentphone --output cat | grep '{what}'; do sleep 0.1; done\""
        ))
    };
    assert!(told("these keys hold").contains("calls.max_concurrent"));
    assert!(told("needs a restart: these").contains("server.max_connections"));
    assert_eq!(property(machine, "MainPID"), pid);
}

/// Looks at the running service from outside, and at what its manager thinks of it.
fn check_sandbox(machine: &Machine) {
    let pid = property(machine, "MainPID");
    assert_eq!(
        machine.sh(&format!("stat -c %U:%G /proc/{pid}")),
        "agentphone:agentphone"
    );
    let status = machine.sh(&format!("cat /proc/{pid}/status"));
    for line in [
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
    // What the administrator cannot write there, it cannot either.
    for folder in ["/", "/etc/agentphone", "/usr/bin", "/var/lib", "/root"] {
        let written = machine.attempt(&format!("touch /proc/{pid}/root{folder}/try"));
        assert!(!written.status.success(), "{folder}");
    }
    machine.sh(&format!(
        "touch /proc/{pid}/root/var/lib/agentphone/try && rm /var/lib/agentphone/try"
    ));
    machine.sh("systemd-analyze verify agentphone.service");
    // Of 10; below 2 is what systemd calls "OK".
    machine.sh("systemd-analyze security --threshold 20 agentphone.service");
}

#[test]
fn upgrading_loses_nothing_and_only_purging_deletes() {
    let machine = Machine::boot();
    machine.copy(package(), "/tmp/agentphone.deb");
    machine.sh(
        "cd /tmp && dpkg-deb -R agentphone.deb older && \
         sed -i 's/^Version: .*/Version: 0.0.9-1/' older/DEBIAN/control && \
         sed -i 's/^#max_concurrent = .*/#max_concurrent = 3/' older/etc/agentphone/agentphone.toml && \
         dpkg-deb --root-owner-group -Znone -b older older.deb",
    );
    let install = |file: &str| machine.sh(&format!("{INSTALL} /tmp/{file}.deb 2>&1"));
    let version = || machine.sh("dpkg-query -W -f '${Version} ${db:Status-Status}' agentphone");
    install("older");
    assert_eq!(version(), "0.0.9-1 installed");
    let before = property(&machine, "MainPID");
    let first = key(&machine);
    // Their ids; when they were used last changes.
    let keys = || {
        machine.as_user(&format!(
            "agentphone keys list --config {CONFIG} | cut -d' ' -f1"
        ))
    };
    let known = keys();

    // A configuration that nobody touched is renewed, and the new program runs. Meanwhile no request is refused, and the call
    // that runs comes to its end.
    let call = machine.start_as_user(&format!(
        "agentphone call +14155551234 --objective 'Ask for the opening hours' --scenario opening-hours \
         --key {first} --follow --json"
    ));
    let clients = machine.start_as_user(
        "while [ ! -e /run/enough ]; do curl -sSf --max-time 60 http://127.0.0.1:8080/healthz >/dev/null; echo answered; done",
    );
    install("agentphone");
    let current = format!("{}-1 installed", env!("CARGO_PKG_VERSION"));
    assert_eq!(version(), current);
    assert_eq!(
        machine.sh(&format!("grep max_concurrent {CONFIG}")),
        "#max_concurrent = 50"
    );
    let call: Value = serde_json::from_str(&call.end()).unwrap();
    assert_eq!(call["data"]["outcome"], "achieved", "{call}");
    machine.sh(&format!(
        "timeout 30 bash -c 'until [ $(systemctl show --property MainPID --value agentphone) != {before} ] && \
         [[ $(systemctl show --property StatusText --value agentphone) == listening* ]]; do sleep 0.1; done'; touch /run/enough"
    ));
    let answers = clients.end();
    assert!(answers.lines().count() > 10, "{answers}");
    let pid = property(&machine, "MainPID");
    assert_eq!(
        machine.sh(&format!(
            "readlink /proc/{pid}/exe; systemctl is-active agentphone"
        )),
        "/usr/bin/agentphone\nactive"
    );
    assert_eq!(keys(), known);

    // One that was edited stays, with the permissions that it was given.
    machine.sh("apt-get -qq purge -y agentphone 2>&1");
    install("older");
    assert_ne!(key(&machine), first);
    let known = keys();
    machine.sh(&format!(
        "sed -i 's/^#max_concurrent = .*/max_concurrent = 7/' {CONFIG} && chown agentphone {CONFIG} && chmod 600 {CONFIG}"
    ));
    install("agentphone");
    assert_eq!(
        machine.sh(&format!(
            "grep max_concurrent {CONFIG} && stat -c '%U %a' {CONFIG}"
        )),
        "max_concurrent = 7\nagentphone 600"
    );
    assert_eq!(keys(), known);

    // Removed, it leaves what is the operator's; installed again, it goes on with that.
    machine.sh("apt-get -qq remove -y agentphone 2>&1");
    assert_eq!(
        version(),
        format!("{}-1 config-files", env!("CARGO_PKG_VERSION"))
    );
    machine.sh(&format!(
        "test ! -e /usr/bin/agentphone && test -s {CONFIG} && test -s /var/lib/agentphone/agentphone.redb"
    ));
    assert!(
        !machine
            .attempt("systemctl is-active agentphone")
            .status
            .success()
    );
    install("agentphone");
    assert_eq!(machine.sh("systemctl is-active agentphone"), "active");
    assert_eq!(keys(), known);

    machine.sh("apt-get -qq purge -y agentphone 2>&1");
    let left = "find / -xdev \\( -user agentphone -o -group agentphone -o -name '*agentphone*' \\) \
                -not -path '/tmp/*' -not -path '/var/log/*' -not -path '/run/*'";
    assert_eq!(machine.sh(left), "");
}

#[test]
fn man_pages_and_completions_say_what_help_says() {
    let machine = installed();
    let mut commands = vec![vec!["agentphone".to_owned()]];
    let mut pages = BTreeSet::new();
    while let Some(command) = commands.pop() {
        let help = machine.sh(&format!("{} --help", command.join(" ")));
        for name in listed(&help, "Commands:") {
            if name != "help" {
                commands.push([&command[..], &[name]].concat());
            }
        }
        let page = command.join("-");
        let manual = machine.sh(&format!("MANWIDTH=400 man -P cat {page}"));
        let options = listed(&help, "Options:");
        assert!(!options.is_empty(), "{help}");
        for option in options.iter().filter(|option| option.starts_with("--")) {
            assert!(manual.contains(option), "{page}: {option}");
        }
        pages.insert(format!("{page}.1.gz"));
    }
    let found: BTreeSet<_> = machine
        .sh("cd /usr/share/man/man1 && ls agentphone*")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(found, pages);
    assert!(pages.len() > 30, "{pages:?}");

    let bash = "source /usr/share/bash-completion/completions/agentphone; \
                COMP_WORDS=(agentphone acc); COMP_CWORD=1; _agentphone agentphone acc agentphone; \
                echo \"${COMPREPLY[@]}\"";
    assert_eq!(machine.sh(bash), "accounts");
    let fish = "fish -c 'complete -C \"agentphone serve --li\"' | cut -f1";
    assert_eq!(machine.sh(fish), "--listen");
    let zsh = "zsh -c 'autoload -U compinit && compinit -u && whence -w _agentphone && autoload +X _agentphone'";
    assert_eq!(machine.sh(zsh), "_agentphone: function");
}

/// The names in one section of a help text: commands, or long options.
fn listed(help: &str, section: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != section).skip(1);
    // Names are indented by two columns, or by six without a short form; what is told of them by more.
    lines
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter(|line| {
            let indent = line.len() - line.trim_start().len();
            indent == 2 || indent == 6 && line.trim_start().starts_with("--")
        })
        .filter_map(|line| {
            let words = line.split([' ', ',']);
            words
                .filter(|word| !word.is_empty())
                .find(|word| word.starts_with("--") || !word.starts_with('-'))
                .map(str::to_owned)
        })
        .collect()
}

#[test]
fn the_packaged_configuration_is_the_example_with_its_defaults_as_comments() {
    let unpacked = tempfile::tempdir().unwrap();
    let done = Command::new("dpkg-deb")
        .arg("-x")
        .args([package(), unpacked.path()])
        .status();
    assert!(done.unwrap().success());
    let packaged =
        fs::read_to_string(unpacked.path().join("etc/agentphone/agentphone.toml")).unwrap();
    let example = fs::read_to_string(project().join("agentphone.example.toml")).unwrap();
    let read = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
    let set = read(&packaged);
    let own = &set["data"]["dir"];
    assert_eq!(own.as_str(), Some("/var/lib/agentphone"));
    let decided = set.values().map(values).sum::<usize>();
    assert_eq!(decided, 1, "nothing else is decided: {set:?}");

    let uncommented: Vec<_> = packaged
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(default) if default.starts_with(|c: char| c.is_ascii_lowercase()) => default,
            _ => line,
        })
        .collect();
    let mut whole = read(&uncommented.join("\n"));
    whole["data"]["dir"] = "".into();
    assert_eq!(whole, read(&example));
    assert!(packaged.starts_with("# The configuration of the service"));
}

/// How many values are set in a table and those below it.
fn values(value: &toml::Value) -> usize {
    match value {
        toml::Value::Table(table) => table.values().map(values).sum(),
        _ => 1,
    }
}

#[test]
fn it_follows_the_rules_of_debian() {
    let lintian = Command::new("lintian")
        .args([
            "--allow-root",
            "--fail-on",
            "error,warning",
            "--tag-display-limit",
            "0",
        ])
        .arg(package())
        .output()
        .expect("lintian is there; `scripts/setup test` installs it");
    let said = String::from_utf8_lossy(&lintian.stdout);
    assert!(lintian.status.success() && said.is_empty(), "{said}");
    let control = Command::new("dpkg-deb")
        .arg("-f")
        .arg(package())
        .output()
        .unwrap();
    let control = String::from_utf8(control.stdout).unwrap();
    for needed in [
        "libflite1",
        "libpocketsphinx3",
        "libopus0",
        "libc6 (>= ",
        "pocketsphinx-en-us",
        "adduser",
    ] {
        assert!(control.contains(needed), "{needed}: {control}");
    }
    let changes = fs::read_to_string(project().join("packaging/debian/changelog")).unwrap();
    let newest = format!("agentphone ({}-1)", env!("CARGO_PKG_VERSION"));
    assert!(
        changes.starts_with(&newest),
        "the changelog begins with {newest}"
    );
}
