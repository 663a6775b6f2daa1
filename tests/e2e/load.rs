//! What cannot be a handler is refused, with a word on what is wrong.

use std::fs::File;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use picohttp_host::{Allocation, Cache, Component, EngineOptions, Fault, LoadError, Sandbox};
use picohttp_tests::guests::root;
use picohttp_tests::sandbox::{bytes, engine, get, load_into, new_engine};
use picohttp_tests::text::answer_with;

/// Loads a component that must be refused.
fn refusal(bytes: &[u8]) -> Result<LoadError> {
    let loaded =
        Component::from_bytes(engine()?, "guest", bytes, Sandbox::default(), &Cache::none());
    match loaded {
        Err(error) => Ok(error),
        Ok(_) => bail!("{} was loaded", String::from_utf8_lossy(bytes)),
    }
}

/// Loads a component in text that must be refused.
fn refusal_of(component: &str) -> Result<LoadError> {
    refusal(&wat::parse_str(format!("(component {component})"))?)
}

#[test]
fn files_that_are_not_components() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let large = folder.path().join("large");
    File::create(&large)?.set_len((256 << 20) + 1)?;
    let too_large = "over the limit of 268435456 bytes";
    for (path, told) in [
        (folder.path().join("missing"), "cannot read"),
        (folder.path().to_owned(), "cannot read"),
        (root().join("Cargo.toml"), "this is not WebAssembly"),
        (root().join("tests/guests/answer.wat"), "this is WebAssembly text"),
        ("/dev/zero".into(), "not a regular file"),
        (large, too_large),
    ] {
        let loaded = Component::from_file(engine()?, &path, Sandbox::default(), &Cache::none());
        let Err(error) = loaded else { bail!("{} was loaded", path.display()) };
        let error = error.to_string();
        ensure!(error.contains(told) && error.contains(&*path.to_string_lossy()), "{error}");
    }
    Ok(())
}

#[test]
fn bytes_that_are_not_components() -> Result<()> {
    assert!(matches!(refusal(b"")?, LoadError::Empty));
    for nothing in [&b"\0"[..], b"\0as", b"\x7fELF", b"<html>", b"\xff"] {
        assert!(matches!(refusal(nothing)?, LoadError::NotWasm));
    }
    for text in [" \n(component)", ";; a comment\n(module)", "(; a comment ;)"] {
        assert!(matches!(refusal(text.as_bytes())?, LoadError::Text));
    }
    assert!(matches!(refusal(&wat::parse_str("(module)")?)?, LoadError::CoreModule));
    assert!(matches!(refusal(b"\0asm\x01\0\0\0")?, LoadError::CoreModule));
    assert!(matches!(refusal(b"\0asm")?, LoadError::Invalid(_)));
    assert!(matches!(refusal(b"\0asm\xff\0\x01\0")?, LoadError::Invalid(_)));
    Ok(())
}

#[test]
fn a_damaged_component_is_refused_or_harmless() -> Result<()> {
    let answer = bytes("answer")?;
    let cut = (8..answer.len()).map(|length| answer[..length].to_vec());
    let flipped = (0..answer.len()).map(|position| {
        let mut bytes = answer.clone();
        bytes[position] ^= 1 << (position % 8);
        bytes
    });
    for damaged in cut.chain(flipped) {
        let sandbox = Sandbox { timeout: Duration::from_millis(20), ..Sandbox::default() };
        let loaded = Component::from_bytes(engine()?, "x", &damaged, sandbox, &Cache::none());
        // It may well answer: what was damaged can be a name that nobody reads.
        let _ = loaded.map(|component| get(&component, "/"));
    }
    Ok(())
}

#[test]
fn without_a_handle_the_exports_are_told() -> Result<()> {
    let parts = r#"
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $none)"#;
    let error = refusal_of(&format!(
        r#"{parts} (export "greet" (func $f)) (export "wasi:http/incoming-handler@0.2.0" (instance $none))"#
    ))?;
    let told = "it exports `greet`, `wasi:http/incoming-handler@0.2.0`; expected is `handle: func";
    ensure!(error.to_string().contains(told), "{error}");
    ensure!(refusal_of("")?.to_string().contains("it exports nothing"));
    let not_a_function = refusal_of(&format!(r#"{parts} (export "handle" (instance $none))"#))?;
    ensure!(not_a_function.to_string().contains("its `handle` is no function"), "{not_a_function}");
    Ok(())
}

#[test]
fn a_handle_of_another_type_is_refused() -> Result<()> {
    let another = |types: &str, lifted: &str| {
        refusal_of(&format!(
            r#"(core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
                (func (export "f") {types} (unreachable)))
            (core instance $i (instantiate $m))
            (func $f {lifted} (canon lift (core func $i "f")
                (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (export "handle" (func $f))"#
        ))
    };
    for (types, lifted) in [
        ("", ""),
        ("(result i32)", "(result string)"),
        ("(param i32 i32)", r#"(param "request" string)"#),
        (
            "(param i32 i32 i32 i32) (result i32)",
            r#"(param "request" string) (param "args" (list string)) (result string)"#,
        ),
    ] {
        let error = another(types, lifted)?;
        ensure!(matches!(error, LoadError::Mismatch(_)), "{error}");
        ensure!(error.to_string().contains("expected is `handle: func("), "{error}");
    }
    Ok(())
}

#[test]
fn all_imports_that_are_not_there_are_told() -> Result<()> {
    let imports = r#"
        (import "wasi:http/types@0.2.0" (instance (export "f" (func))))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64)))))
        (import "acme:queue/push@1.2.3" (instance (export "f" (func))))
        (import "wasi:clocks/wall-clock@0.3.0" (instance (export "f" (func))))
        (import "log" (func (param "line" string)))"#;
    let error = refusal(&answer_with(imports)?)?;
    let LoadError::UnknownImports(names) = &error else { bail!("{error}") };
    let unknown =
        ["wasi:http/types@0.2.0", "acme:queue/push@1.2.3", "wasi:clocks/wall-clock@0.3.0", "log"];
    assert_eq!(names, &unknown);

    let missing = r#"(import "wasi:clocks/monotonic-clock@0.2.0" (instance
        (export "stop-time" (func))))"#;
    let error = refusal(&answer_with(missing)?)?;
    ensure!(matches!(&error, LoadError::WrongImport(_)), "{error}");
    ensure!(error.to_string().contains("stop-time"), "{error}");
    Ok(())
}

#[test]
fn what_a_message_quotes_is_escaped_and_short() -> Result<()> {
    let long = "x".repeat(100_000);
    for name in ["\\1b[31m", "\\u{202e}", "line\\0aline", &long] {
        let module = format!(
            r#"(core module $m (import "{name}" "f" (func))) (core instance (instantiate $m))"#
        );
        let import = format!(r#"(import "url=<{name}>" (func))"#);
        for text in [module, import] {
            let error = refusal(&answer_with(&text)?)?.to_string();
            ensure!(error.contains("line\\nline") || !name.contains("line"), "{error}");
            ensure!(error.len() < 2000, "{} bytes", error.len());
            ensure!(!error.contains(|c: char| c.is_control() || c == '\u{202e}'), "{error:?}");
        }
    }
    Ok(())
}

#[test]
fn features_that_are_off_are_refused() -> Result<()> {
    for (feature, module) in [
        ("threads", "(memory 1 1 shared)"),
        ("atomics", "(memory 1) (func (drop (i32.atomic.load (i32.const 0))))"),
        ("memory64", "(memory i64 1)"),
        ("table64", "(table i64 1 funcref)"),
        ("page sizes", "(memory 1 (pagesize 1))"),
        ("gc", "(type (struct (field i32)))"),
        ("function references", "(type $f (func)) (func (param (ref $f)))"),
        ("exceptions", "(tag (param i32))"),
        ("legacy exceptions", "(func try catch_all end)"),
        (
            "relaxed simd",
            "(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
        ),
        (
            "wide arithmetic",
            "(func (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0)))",
        ),
        ("stack switching", "(type $f (func)) (type (cont $f))"),
    ] {
        let error = refusal(&answer_with(&format!("(core module {module})"))?)?;
        ensure!(matches!(error, LoadError::Invalid(_)), "{feature}: {error}");
    }
    for (feature, text) in [
        ("async", "(core func (canon backpressure.inc))"),
        ("threads", "(core func (canon thread.index))"),
        ("error contexts", "(core func (canon error-context.drop))"),
    ] {
        let error = refusal(&answer_with(text)?)?;
        ensure!(matches!(error, LoadError::Invalid(_)), "{feature}: {error}");
    }
    Ok(())
}

#[test]
fn a_component_may_be_made_of_components() -> Result<()> {
    // A text goes from one memory to another.
    let bytes = answer_with(
        r#"(component $measure
             (core module $measure
               (memory (export "memory") 1)
               (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
               (func (export "measure") (param i32 i32) (result i32) (local.get 1)))
             (core instance $measure (instantiate $measure))
             (func (export "measure") (param "text" string) (result u32)
               (canon lift (core func $measure "measure")
                 (memory (core memory $measure "memory"))
                 (realloc (core func $measure "realloc")))))
           (instance $measure (instantiate $measure))
           (core module $text (memory (export "memory") 1))
           (core instance $text (instantiate $text))
           (core func $measure
             (canon lower (func $measure "measure") (memory (core memory $text "memory"))))
           (core module $caller (import "" "measure" (func (param i32 i32) (result i32))))
           (core instance
             (instantiate $caller (with "" (instance (export "measure" (func $measure))))))"#,
    )?;
    let component =
        Component::from_bytes(engine()?, "guest", &bytes, Sandbox::default(), &Cache::none())?;
    ensure!(get(&component, "/").is_ok_and(|response| response.status == 200));
    Ok(())
}

#[test]
fn a_component_of_too_many_parts_is_refused() -> Result<()> {
    for (part, count) in [("", 101), ("(memory 0)", 5), ("(table 0 funcref)", 33)] {
        let parts = format!("(core module $part {part})")
            + &"(core instance (instantiate $part))".repeat(count);
        let bytes = answer_with(&parts)?;
        let error = refusal(&bytes)?;
        ensure!(matches!(error, LoadError::Invalid(_)), "{count} of {part}: {error}");

        // Without a pool some of it shows when an instance is made.
        let allocation = Some(Allocation::OnDemand);
        let engine = new_engine(EngineOptions { allocation, ..EngineOptions::default() })?;
        let loaded =
            Component::from_bytes(&engine, "x", &bytes, Sandbox::default(), &Cache::none());
        match loaded {
            Err(LoadError::Excess { .. }) => {}
            Err(error) => bail!("{count} of {part}: {error}"),
            Ok(component) => match get(&component, "/") {
                Err(Fault::Trap(message)) => ensure!(message.contains("limit"), "{message}"),
                other => bail!("{count} of {part}: {other:?}"),
            },
        }
    }
    Ok(())
}

#[test]
fn a_handler_may_have_no_more_than_the_engine() -> Result<()> {
    let engine = new_engine(EngineOptions { max_memory: 1 << 20, ..EngineOptions::default() })?;
    let Err(error) = load_into(&engine, "answer", Sandbox::default()) else { bail!("loaded") };
    let error = error.downcast::<LoadError>()?;
    ensure!(matches!(error, LoadError::MemoryOverEngine(0x400_0000, 0x10_0000)), "{error}");
    Ok(())
}
