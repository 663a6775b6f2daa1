//! Writes to its standard output and error what its path says: `/out/TEXT`, `/err/TEXT`,
//! or one of the cases below.

use std::io::{Write, stderr, stdout};

use picohttp::{Request, Response, handler};

#[handler]
fn talk(request: &Request, _response: &mut Response) -> std::io::Result<()> {
    let text = request.segment(1).unwrap_or_default();
    match request.path[0].as_str() {
        "out" => {
            print!("{text}");
            stdout().flush()?;
        }
        "err" => eprint!("{text}"),
        "lines" => {
            println!("first");
            eprintln!("second");
            println!("third\r");
            println!();
        }
        "partial" => {
            print!("one ");
            stdout().flush()?;
            print!("line");
            stdout().flush()?;
            print!("\nanother, without an end");
            stdout().flush()?;
        }
        "control" => {
            println!("\x1b[31mred\x07 \0 \u{202e}\u{85} a\rb \\n é");
            stdout().write_all(b"\xff\xfe\n")?;
        }
        "long" => println!("{}", "x".repeat(100_000)),
        "endless" => stdout().write_all(&vec![b'x'; 10 << 20])?,
        "empty" => stdout().write_all(&[b'\n'; 1 << 20])?,
        "flood" => {
            for _ in 0..100 {
                stdout().write_all("to and fro\n".repeat(1000).as_bytes())?;
                stderr().write_all(&[0x1b; 10_000])?;
            }
        }
        _ => {}
    }
    Ok(())
}
