//! Says whether a component can be served, and has it compiled by a process of its own for
//! that: a stranger's may take for ever, or all memory. The process is this program again.

use std::env::args_os;
use std::process::ExitCode;

use anyhow::{Context, Result};
use picohttp_host::{
    Cache, CompileLimits, Compiler, Component, Engine, EngineOptions, Sandbox, compile_stdin,
};

fn main() -> Result<ExitCode> {
    let argument = args_os().nth(1).context("which component?")?;
    if argument == "--compile-stdin" {
        return Ok(compile_stdin());
    }
    let limits = CompileLimits::default();
    let compiler = Compiler::command("/proc/self/exe", ["--compile-stdin"], limits);
    let engine = Engine::new(&EngineOptions::default())?.compiler(compiler);
    let handler = Component::from_file(&engine, argument, Sandbox::default(), &Cache::none())?;
    println!("{} can be served; it imports {:?}", handler.name(), handler.imports());
    Ok(ExitCode::SUCCESS)
}
