//! Links Flite and PocketSphinx from the system, and says in one sentence what to install when one is missing.
//!
//! Debian ships Flite without a pkg-config file, so the C compiler is asked where it would find each library: it
//! answers with a full path, or repeats the bare name when there is none.

use std::process::{Command, exit};

/// Each library in link order (users before what they use), with the Debian package that brings it.
const LIBRARIES: [(&str, &str); 10] = [
    ("flite_cmu_us_rms", "flite1-dev"),
    ("flite_cmu_us_slt", "flite1-dev"),
    ("flite_cmu_us_awb", "flite1-dev"),
    ("flite_cmu_us_kal16", "flite1-dev"),
    ("flite_usenglish", "flite1-dev"),
    ("flite_cmulex", "flite1-dev"),
    ("flite", "flite1-dev"),
    ("pocketsphinx", "libpocketsphinx-dev"),
    ("sphinxbase", "libsphinxbase-dev"),
    ("m", "libc6-dev"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CC");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut missing: Vec<&str> = Vec::new();
    for (library, package) in LIBRARIES {
        match directory(&compiler, library) {
            Ok(Some(directory)) => {
                println!("cargo::rustc-link-search=native={directory}");
                println!("cargo::rustc-link-lib=dylib={library}");
            }
            Ok(None) if missing.contains(&package) => {}
            Ok(None) => missing.push(package),
            Err(error) => fail(&format!(
                "the C compiler `{compiler}` could not be run ({error}); install build-essential, or set CC"
            )),
        }
    }
    if !missing.is_empty() {
        fail(&format!(
            "speech libraries are missing; on Debian or Ubuntu run: apt-get install {} pocketsphinx-en-us",
            missing.join(" ")
        ));
    }
}

/// Returns the directory in which the linker finds `library`, or `None` when it would not find it.
fn directory(compiler: &str, library: &str) -> std::io::Result<Option<String>> {
    let name = format!("lib{library}.so");
    let answer = Command::new(compiler)
        .arg(format!("-print-file-name={name}"))
        .output()?;
    let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Ok(path
        .strip_suffix(&name)
        .filter(|directory| !directory.is_empty())
        .map(str::to_owned))
}

fn fail(sentence: &str) -> ! {
    println!("cargo::error={sentence}");
    exit(1);
}
