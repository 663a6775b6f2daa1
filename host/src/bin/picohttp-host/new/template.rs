//! What a new handler consists of: for most languages, the example of plugins/languages.

use std::borrow::Cow;

/// The files of a new handler, and what is done with them.
pub struct Template {
    /// Each file's path in the folder, and what is in it.
    pub files: Vec<(&'static str, Cow<'static, str>)>,
    /// The commands that build it, unless to serve it does.
    pub commands: Vec<String>,
    /// The commands that test it, once it is built.
    pub tests: &'static [&'static str],
    /// The command that serves it.
    pub serve: &'static str,
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

/// The tests of an example.
pub struct Tests {
    files: &'static [File],
    commands: &'static [&'static str],
}

/// Those of the examples in JavaScript, and in TypeScript, which becomes JavaScript.
pub const JS_TEST: Tests = Tests {
    files: &[
        ("package.json", file!("js/package.json")),
        ("handler.test.js", file!("js/handler.test.js")),
    ],
    commands: &["node --test"],
};

/// Those of the example in Python.
pub const PYTHON_TEST: Tests = Tests {
    files: &[("test_handler.py", file!("python/test_handler.py"))],
    commands: &[
        "componentize-py --wit-path wit --world plugin bindings generated",
        "PYTHONPATH=generated python3 -m unittest",
    ],
};

/// Those of the example in Go.
pub const GO_TEST: Tests = Tests {
    files: &[("export_wit_world/handler_test.go", file!("go/export_wit_world/handler_test.go"))],
    commands: &["GOFLAGS=-mod=mod go test ./export_wit_world"],
};

/// Those of the example in Zig.
pub const ZIG_TEST: Tests = Tests {
    files: &[("handler_test.zig", file!("zig/handler_test.zig"))],
    commands: &["python-zig test handler_test.zig -lc"],
};

/// Where wit-bindgen's Go looks for the handler.
pub const GO: &str = "export_wit_world/handler.go";

/// An example of plugins/languages, which is built as it says itself.
pub fn example(path: &'static str, source: &'static str) -> Template {
    let comment = |line: &str| line.trim_start_matches(['/', '!', ' ', '\t']).to_owned();
    let lines = source.lines().map(comment);
    let commands = lines.filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect();
    let files = [(path, source), WIT].map(|(path, text)| (path, text.into()));
    Template { files: files.to_vec(), commands, tests: &[], serve: "picohttp-host handler.wasm" }
}

impl Template {
    /// The same with another file.
    pub fn with(mut self, (path, text): File) -> Template {
        self.files.push((path, text.into()));
        self
    }

    /// The same with tests.
    pub fn tested(self, Tests { files, commands }: Tests) -> Template {
        let template = Template { tests: commands, ..self };
        files.iter().fold(template, |template, &file| template.with(file))
    }
}
