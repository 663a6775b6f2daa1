//! Does with files what its query says: `/read?path=P`, `/list?path=P`,
//! `/write?path=P`, `/make?path=P`, `/remove?path=P`, `/link?path=P&to=Q` and
//! `/rename?path=P&to=Q`. `/look?path=P&to=N` looks at P with N times `./` behind it, and
//! `/open?path=P` opens a file until it is refused, and keeps all for a
//! second.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use std::{env, fs, thread};

use picohttp::{Request, Response, handler};

#[handler]
fn files(request: &Request, response: &mut Response) -> Result<()> {
    let value = |name: &str| request.query(name).unwrap_or_default().into_owned();
    let path = value("path");
    match request.path[0].as_str() {
        "read" => response.data = fs::read(path)?,
        "list" => {
            let names: Result<Vec<String>> = fs::read_dir(path)?
                .map(|entry| Ok(entry?.file_name().display().to_string()))
                .collect();
            let mut names = names?;
            names.sort();
            response.set_text(names.join(" "));
        }
        "write" => fs::write(path, "written by the guest")?,
        "make" => fs::create_dir(path)?,
        "remove" => fs::remove_file(path)?,
        "link" => fs::hard_link(path, value("to"))?,
        "rename" => fs::rename(path, value("to"))?,
        "look" => {
            let times = value("to").parse().map_err(Error::other)?;
            fs::metadata(path + &"./".repeat(times))?;
        }
        "open" => {
            let mut files = Vec::new();
            let refused = loop {
                match fs::File::open(&path) {
                    Ok(file) => files.push(file),
                    Err(error) => break error,
                }
            };
            thread::sleep(Duration::from_secs(1));
            return Err(refused);
        }
        "variable" => response.set_text(env::var(path).map_err(Error::other)?),
        _ => return Err(ErrorKind::Unsupported.into()),
    }
    Ok(())
}
