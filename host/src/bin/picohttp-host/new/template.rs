//! What a new handler consists of: for most languages, the example of plugins/languages.

use std::borrow::Cow;

/// The files of a new handler, and what is done with them.
pub struct Template {
    /// Each file's path in the folder, and what is in it.
    pub files: Vec<(&'static str, Cow<'static, str>)>,
    /// The commands that build and serve it.
    pub commands: Vec<String>,
}

/// The text of a file of plugins/languages.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../../../plugins/languages/", $path))
    };
}
pub(super) use file;

/// A file of a template.
type File = (&'static str, &'static str);

/// The interface of every handler.
const WIT: File = ("wit/handler.wit", file!("../../wit/handler.wit"));

/// What handlers in C and its kin are linked with.
pub const MEMORY: File = ("memory.c", file!("memory.c"));

/// Where wit-bindgen's Go looks for the handler.
pub const GO: &str = "export_wit_world/handler.go";

/// An example of plugins/languages, which is built as it says itself.
pub fn example(path: &'static str, source: &'static str) -> Template {
    let comment = |line: &str| line.trim_start_matches(['/', '!', ' ', '\t']).to_owned();
    let lines = source.lines().map(comment);
    let mut commands: Vec<String> =
        lines.filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect();
    commands.push("picohttp-host handler.wasm".to_owned());
    let files = [(path, source), WIT].map(|(path, text)| (path, text.into()));
    Template { files: files.to_vec(), commands }
}

impl Template {
    /// The same with another file.
    pub fn with(mut self, (path, text): File) -> Template {
        self.files.push((path, text.into()));
        self
    }
}
