//! The carrier whose streams the calls of the rig come over: the telephones (`callee`), and the program that takes their calls
//! (`engine`).

pub(super) mod callee;
pub mod engine;
