//! Tells cargo that the program holds the built pages, so that pages which were built again are embedded again.
//!
//! The folder is always there (it holds a committed `.gitignore`); building the pages is `make`'s business, not this
//! script's, so that a checkout without npm builds at once.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
