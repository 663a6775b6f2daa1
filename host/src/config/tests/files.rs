//! What files may be, and which they may include.

use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;
use crate::Source;

fn names(folder: &Folder) -> Vec<String> {
    folder.plan().tenants.into_iter().map(|tenant| tenant.name).collect()
}

fn tenant(name: &str) -> String {
    format!("[[tenant]]\nname = '{name}'\nhosts = ['{name}.example']\nsource = '../api.wasm'\n")
}

#[test]
fn a_file_that_says_nothing_is_a_plan() {
    for text in ["", "[server]\n[defaults]\n"] {
        let plan = plan(text);
        assert_eq!((plan.server, plan.tenants), (Default::default(), Vec::new()));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = Folder::new("");
    let error = |name: &str| Plan::read(&folder.path(name)).unwrap_err();
    let said =
        |name: &str| error(name).to_string().replace(&folder.path("").display().to_string(), "");
    assert_eq!(said("missing.toml"), "missing.toml: No such file or directory (os error 2)");
    assert_eq!(said("data"), "data: a folder, not a file");
    let position = error("data").problems()[0].position.clone().unwrap();
    assert_eq!((position.line, position.column, position.key), (None, None, None));

    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path("fifo"), 0o600.into()).unwrap();
    assert_eq!(said("fifo"), "fifo: not a regular file; save what it gives as one");
    assert_eq!(
        Plan::read(std::path::Path::new("/dev/null")).unwrap_err().to_string(),
        "/dev/null: not a regular file; save what it gives as one"
    );

    let folder =
        folder.with("bom.toml", "\u{feff}[server]").with("latin.toml", b"# a\n# b\n# \xe9\n");
    let folder = folder.with("huge.toml", vec![b'#'; (16 << 20) + 1]);
    let said = |name: &str| Plan::read(&folder.path(name)).unwrap_err().to_string();
    assert!(said("bom.toml").ends_with(": begins with a byte order mark; save it without one"));
    assert!(said("latin.toml").ends_with(": is not UTF-8, in line 3"));
    assert!(said("huge.toml").ends_with(": is larger than 16 MiB"));
    let folder = folder.with("large.toml", vec![b'#'; 16 << 20]);
    assert_eq!(Plan::read(&folder.path("large.toml")).map(|plan| plan.tenants), Ok(Vec::new()));
}

#[test]
fn what_is_no_toml_has_its_lines() {
    assert_eq!(
        errors("[server]\naddr = \n[defaults\n\n[server]\n"),
        "picohttp.toml:2:8: string values must be quoted, expected literal string\n\
         picohttp.toml:3:10: unclosed table, expected `]`\n\
         picohttp.toml:5:2: duplicate key"
    );
    assert_eq!(
        errors("a = 1\nb = 'é' 2\n"),
        "picohttp.toml:2:9: unexpected key or value, expected newline, `#`"
    );
    assert_eq!(
        errors(&format!("{}a = 1", "a.".repeat(1_000_000))),
        "picohttp.toml:1:1: recursion limit"
    );
    assert!(errors(&format!("a = {}", "[".repeat(1_000_000))).contains("recursion"));
}

#[test]
fn unknown_keys_have_the_nearest_known_one() {
    assert_eq!(
        errors(&format!(
            "tenants = 1\n[defaults]\ntime_out = 1\n{GOOD}[[tenant]]\nname = 'b'\nsorce = 1\n"
        )),
        "picohttp.toml:1:1: tenants: unknown key; did you mean `tenant`?\n\
         picohttp.toml:3:1: defaults.time_out: unknown key; did you mean `timeout`?\n\
         picohttp.toml:8:1: tenant.b: has no handler; it needs `source` or a `[[tenant.route]]`\n\
         picohttp.toml:10:1: tenant.b.sorce: unknown key; did you mean `source`?"
    );
}

#[test]
fn unknown_keys_without_a_near_one_have_all() {
    assert_eq!(
        errors("x.y = 1\n\"\\u001b[2J\" = 1\n"),
        "picohttp.toml:1:1: x: unknown key; there are `include`, `server`, `defaults`, `tenant`\n\
         picohttp.toml:2:1: `\\u{1b}[2J`: unknown key; there are `include`, `server`, \
         `defaults`, `tenant`"
    );
}

#[test]
fn a_problem_is_one_line_and_moves_no_cursor() {
    assert_eq!(
        errors(&GOOD.replace("'api.wasm'", "\"a\\n\\u001b[2J\\u202e\"")),
        "picohttp.toml:4:10: tenant.good.source: a\\n\\u{1b}[2J\\u{202e}: No such file or directory \
         (os error 2)"
    );
}

#[test]
fn values_of_another_type_say_which() {
    assert_eq!(
        errors("include = 'x'\nserver = 1\ndefaults = []\n[tenant]\n"),
        "picohttp.toml:1:11: include: must be a list, not a string\n\
         picohttp.toml:2:10: server: must be a table, not an integer\n\
         picohttp.toml:3:12: defaults: must be a table, not an array\n\
         picohttp.toml:4:1: tenant: must be a list of tables, each under `[[tenant]]`, not a \
         table"
    );
    assert_eq!(
        errors("tenant = [1]"),
        "picohttp.toml:1:11: tenant[0]: must be a table, not an integer"
    );
}

#[test]
fn a_thousand_problems_are_told_and_the_others_counted() {
    let main: String = (0..1500).map(|number| format!("x{number} = 1\n")).collect();
    let errors = Folder::new(&main).read().unwrap_err();
    assert_eq!(errors.problems().len(), 1000);
    assert!(errors.to_string().ends_with("\nand 500 more"));
}

#[test]
fn included_files_come_sorted_after_those_of_the_file() {
    let main = format!(
        "include = ['tenants.d/[c-z]*.toml', 'tenants.d/*.toml', 'b.toml', 'none.d/*']\n{GOOD}"
    );
    let folder = Folder::new(&main)
        .with("tenants.d/c.toml", tenant("c"))
        .with("tenants.d/a.toml", tenant("a") + &tenant("z"))
        .with("tenants.d/.hidden.toml", "wrong")
        .with("tenants.d/a.toml~", "wrong")
        .with("b.toml", "# None yet.");
    fs::create_dir(folder.path("none.d")).unwrap();
    assert_eq!(names(&folder), ["good", "a", "z", "c"]);
    let source = |index: usize| folder.plan().tenants[index].routes[0].source.clone();
    assert_eq!(source(0), Source::File(folder.path("api.wasm")));
    assert_eq!(source(1), Source::File(folder.path("tenants.d/../api.wasm")));
}

#[test]
fn a_folder_whose_name_looks_like_a_pattern_is_only_a_name() {
    let folder = Folder::new("");
    fs::create_dir(folder.path("[x]*")).unwrap();
    let folder =
        folder.with("[x]*/a.toml", "include = ['*.d.toml']").with("[x]*/b.d.toml", tenant("b"));
    assert_eq!(Plan::read(&folder.path("[x]*/a.toml")).unwrap().tenants.len(), 1);
}

#[test]
fn what_cannot_be_included_is_an_error() {
    let folder = Folder::new(
        "include = [\n'missing.toml',\n'*.toml',\n'picohttp.toml',\n'link.toml',\n'a/**/b',\n\
         '[',\n1,\n'data',\n'gone.d/*/a.toml']",
    );
    symlink(folder.path("picohttp.toml"), folder.path("link.toml")).unwrap();
    assert_eq!(
        folder.errors(),
        "data: a folder, not a file\n\
         picohttp.toml:2:1: include[0]: missing.toml: No such file or directory (os error 2)\n\
         picohttp.toml:3:1: include[1]: includes this file itself\n\
         picohttp.toml:4:1: include[2]: includes this file itself\n\
         picohttp.toml:5:1: include[3]: includes this file itself\n\
         picohttp.toml:6:1: include[4]: `**` is not supported; name the folders\n\
         picohttp.toml:7:1: include[5]: `[` is not a pattern: invalid range pattern\n\
         picohttp.toml:8:1: include[6]: must be a string, not an integer\n\
         picohttp.toml:10:1: include[8]: gone.d is not a folder"
    );
}

#[test]
fn an_included_file_that_was_cut_short_takes_nobody_away() {
    let folder = Folder::new("include = ['tenants.d/*']").with("tenants.d/a.toml", " \n");
    assert_eq!(folder.errors(), "tenants.d/a.toml: is empty; write a `[[tenant]]`, or remove it");
}

#[test]
fn an_included_file_has_tenants_only() {
    let folder = Folder::new("include = ['tenants.d/*']\n[server]\nkeep_alive = 1")
        .with("tenants.d/a.toml", "include = ['x']\nserver = 1\ntenat = 1\n[defaults]\n")
        .with("tenants.d/b.toml", "[[tenant]\n")
        .with("tenants.d/c.toml", "[[tenant]]\n");
    assert_eq!(
        folder.errors(),
        "picohttp.toml:3:14: server.keep_alive: must be true or false, not an integer\n\
         tenants.d/a.toml:1:11: include: only `[[tenant]]` may be in an included file\n\
         tenants.d/a.toml:2:10: server: only `[[tenant]]` may be in an included file\n\
         tenants.d/a.toml:3:1: tenat: unknown key; did you mean `tenant`?\n\
         tenants.d/a.toml:4:1: defaults: only `[[tenant]]` may be in an included file\n\
         tenants.d/b.toml:1:10: unclosed array table, expected `]`\n\
         tenants.d/c.toml:1:1: tenant[0]: `name` is missing\n\
         tenants.d/c.toml:1:1: tenant[0]: has no handler; it needs `source` or a \
         `[[tenant.route]]`"
    );
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        position in any::<prop::sample::Index>(),
        length in 0_usize..40,
        instead in prop::sample::select(&[
            "", "\0", "\"", "'''", "[", "]]", "{", "}", "=", ".", "\n", ",", "-1", "1e999", "nan",
            "0x7fffffffffffffffffffffff", "é", "\u{feff}",
            "[[tenant]]\n", "[tenant]\n", "a.b = 1\n",
            "1979-05-27", "true", "[[tenant.route]]\n", "'*'", "**",
        ][..]),
    ) {
        let mut text = document::example().as_bytes().to_vec();
        let begin = position.index(text.len());
        let end = (begin + length).min(text.len());
        text.splice(begin..end, instead.bytes());
        let folder = Folder::new("").with("picohttp.toml", text);
        if let Err(errors) = folder.read() {
            prop_assert!(!errors.problems().is_empty());
            prop_assert!(errors.problems().is_sorted());
        }
    }
}
