//! db-tasks: backs up, verifies, restores and resets the databases of a project repo.
//!
//! Data flows one way: arguments, project, facts, plan, gate, run, report. A plan is a value; a dry
//! run prints the very value that the runner executes, and only `gate` makes the `Cleared` that
//! `run` accepts.

pub mod app;
pub mod audit;
pub mod bundle;
pub mod bytes;
pub mod cli;
pub mod cmd;
pub mod command;
pub mod config;
pub mod disk;
pub mod door;
pub mod engine;
pub mod facts;
pub mod gate;
pub mod glob;
pub mod human;
pub mod options;
pub mod place;
pub mod plan;
pub mod planning;
pub mod problem;
pub mod run;
pub mod session;
pub mod stream;
pub mod tasks;
pub mod ui;
pub mod value;
pub mod view;

pub use self::app::main;

/// The README's code, which `cargo test` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
