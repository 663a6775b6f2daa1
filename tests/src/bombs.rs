//! Components of some tens of kilobytes that would take a compiler very long, or very much
//! memory. They are guests in good health, with a module in them that nobody runs.

use anyhow::Result;
use wasm_encoder::{
    BlockType, CodeSection, ComponentSection, Function, FunctionSection, InstructionSink, Module,
    ModuleSection, TypeSection, ValType,
};

use crate::text;

/// A bomb, and what it is made of.
pub struct Bomb {
    pub name: &'static str,
    pub component: fn() -> Result<Vec<u8>>,
}

/// One of each kind.
pub const BOMBS: [Bomb; 3] = [
    Bomb { name: "a huge function", component: huge },
    Bomb { name: "many functions", component: many },
    Bomb { name: "deep nesting", component: deep },
];

/// A loop of thousands of branches, through each of which thousands of variables go.
pub fn huge() -> Result<Vec<u8>> {
    const VARIABLES: u32 = 2000;
    let function = function(VARIABLES, |code| {
        code.loop_(BlockType::Empty);
        for step in 0..5000 {
            let (from, to) = (step * 7 % VARIABLES, step * 13 % VARIABLES);
            code.local_get(from).if_(BlockType::Empty);
            code.local_get(from).local_get(to).i32_add().local_set(to);
            code.else_().local_get(to).br_if(1).end();
        }
        code.end();
    });
    with_module(&[function])
}

/// Functions that do nothing, each with nearly as many variables as there can be.
pub fn many() -> Result<Vec<u8>> {
    with_module(&vec![function(49_000, |_| {}); 10_000])
}

/// Blocks in blocks, and jumps to the end of each of them.
pub fn deep() -> Result<Vec<u8>> {
    const DEPTH: u32 = 3000;
    const VARIABLES: u32 = 300;
    let function = function(VARIABLES, |code| {
        for _ in 0..DEPTH {
            code.block(BlockType::Empty);
        }
        for jump in 0..10 {
            code.local_get(0).if_(BlockType::Empty).i32_const(7).local_set(jump);
            code.local_get(0).br_table(0..DEPTH, DEPTH).end();
        }
        for level in 0..DEPTH {
            code.end().local_get(level * 7 % VARIABLES).local_set(level % VARIABLES);
        }
    });
    with_module(&[function])
}

fn function(variables: u32, write: impl FnOnce(&mut InstructionSink<'_>)) -> Function {
    let mut function = Function::new([(variables, ValType::I32)]);
    let mut code = function.instructions();
    write(&mut code);
    code.end();
    function
}

/// A guest in good health, with a module of these functions.
fn with_module(functions: &[Function]) -> Result<Vec<u8>> {
    let (mut types, mut declared, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for function in functions {
        declared.function(0);
        code.function(function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    let mut component = text::guest("answer")?;
    ModuleSection(&module).append_to_component(&mut component);
    Ok(component)
}
