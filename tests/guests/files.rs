//! Does with files what its query says: `/read?path=P`, `/list?path=P`,
//! `/write?path=P`, `/make?path=P`, `/remove?path=P`, `/link?path=P&to=Q` and
//! `/rename?path=P&to=Q`. `/open?path=P` opens a file 10 000 times and closes none.

use std::io::{Error, ErrorKind, Result};
use std::{env, fs, mem};

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
        "open" => {
            for _ in 0..10_000 {
                mem::forget(fs::File::open(&path)?);
            }
        }
        "variable" => response.set_text(env::var(path).map_err(Error::other)?),
        _ => return Err(ErrorKind::Unsupported.into()),
    }
    Ok(())
}
