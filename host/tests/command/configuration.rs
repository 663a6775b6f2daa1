//! A file with many tenants: what is served from it, and what `check` says of it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::program::Program;
use tempfile::TempDir;

use crate::running::{FILE, command, fails, run};

/// A folder with a configuration, and files beside it.
pub struct Folder(TempDir);

impl Folder {
    /// With a configuration that says this, and a free port.
    pub fn new(text: &str) -> Result<Folder> {
        let folder = Folder(tempfile::tempdir()?);
        folder.configure(text)?;
        fs::create_dir(folder.path("tenants.d"))?;
        Ok(folder)
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file as a whole.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let new = self.path(".new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, self.path(name))?)
    }

    pub fn configure(&self, text: &str) -> Result<()> {
        let server = "include = ['tenants.d/*.toml']\n[server]\naddr = '127.0.0.1:0'\n";
        self.write("picohttp.toml", format!("{server}{text}"))
    }

    /// Puts a component into the folder.
    pub fn put(&self, component: &Path, name: &str) -> Result<()> {
        self.write(name, fs::read(component)?)
    }

    /// Serves all that there is.
    pub fn serve(&self, args: &[&str]) -> Result<Program> {
        let host = self.begin_to_serve(args)?;
        host.wait_until_all_are_loaded()?;
        Ok(host)
    }

    /// Serves what is there soon.
    pub fn begin_to_serve(&self, args: &[&str]) -> Result<Program> {
        let mut command = command();
        command.arg("--config").arg(self.path("picohttp.toml")).args(args);
        Program::start_on(&mut command)
    }

    /// Runs `check`; returns its exit code and what it says on both streams.
    pub fn check(&self) -> Result<(i32, String, String)> {
        run(Command::new(FILE)
            .args(["check", "--config", "picohttp.toml"])
            .env("HOME", self.0.path())
            .env_remove("XDG_CACHE_HOME")
            .current_dir(self.0.path()))
    }
}

/// A tenant whose handler says which `word` it was granted, twice.
pub fn granted(name: &str, word: &str) -> Result<String> {
    let source = guest("granted")?;
    Ok(format!(
        "[[tenant]]\nname = '{name}'\nhosts = ['{name}.test']\nsource = {source:?}\n\
         args = ['{word}']\nenvironment = {{ GRANTED = '{word}' }}\n"
    ))
}

#[test]
fn a_file_and_those_that_it_includes_are_served() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    folder.write("tenants.d/b.toml", granted("b", "second")?)?;
    folder.put(&plugin("hello")?, "tenants.d/hello.wasm")?;
    folder.write("tenants.d/rest.toml", "[[tenant]]\nname = 'rest'\nsource = 'hello.wasm'\n")?;
    folder.write("tenants.d/ignored", "not TOML")?;
    let host = folder.serve(&[])?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "first first");
    assert_eq!(host.get_of("b.test", "/")?.text(), "second second");
    assert_eq!(host.get_of("c.test", "/hello")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn the_embedded_handler_serves_files_at_a_route() -> Result<()> {
    let folder = Folder::new(
        "[[tenant]]\nname = 'a'\n[[tenant.route]]\npath = '/files/...'\n\
         source = 'builtin:static'\ndirs = ['served::/']\n",
    )?;
    fs::create_dir_all(folder.path("served/files"))?;
    folder.write("served/files/page.txt", "served")?;
    folder.write("secret", "not served")?;
    let host = folder.serve(&[])?;
    assert_eq!(host.get("/files/page.txt")?.text(), "served");
    for target in ["/secret", "/files/../secret", "/files/../../secret", "/files/..%2f..%2fsecret"]
    {
        assert_eq!(host.get(target)?.status, 404, "{target}");
    }
    Ok(())
}

#[test]
fn what_a_tenant_may_log_leaves_others_theirs() -> Result<()> {
    let source = guest("talk")?;
    let tenant = |name: &str, more: &str| {
        format!("[[tenant]]\nname = '{name}'\nhosts = ['{name}']\nsource = {source:?}\n{more}\n")
    };
    let folder = Folder::new(
        &(tenant("loud", "log_quota = '20KiB'\ntimeout = '60s'") + &tenant("quiet", "")),
    )?;
    let host = folder.serve(&[])?;
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(host.get_of("loud", "/flood")?.status, 200);
    }
    let seconds = begun.elapsed().as_secs() + 2;
    for _ in 0..3 {
        assert_eq!(host.get_of("quiet", "/lines")?.status, 200);
    }
    host.wait_for_times(r#"text="third""#, 3)?;
    let log = host.log();
    let loud = log.lines().filter(|line| line.contains(r#"tenant="loud""#));
    let kept: usize = loud.clone().filter(|line| line.contains("to and fro")).map(str::len).sum();
    // A line has a head of more than a hundred bytes, which is not the tenant's.
    let most = 4 * 20 * 1024 * usize::try_from(seconds)?;
    assert!(kept < most, "{kept} bytes are kept in {seconds} s");
    assert!(loud.clone().any(|line| line.contains("dropped=")), "{log}");
    Ok(())
}

#[test]
fn check_says_all_that_is_wrong_at_once_and_where() -> Result<()> {
    let folder = Folder::new(
        "max_conections = 7\n[defaults]\ntimeout = '10 parsecs'\n\
         [[tenant]]\nname = 'blog'\nsource = 'missing.wasm'\n",
    )?;
    folder.write("tenants.d/a.toml", "[[tenant]]\nname = 'blog'\nsource = 'x.wasm'\n")?;
    folder.write("tenants.d/b.toml", "[[tenant]\n")?;
    let (code, stdout, stderr) = folder.check()?;
    for told in [
        "picohttp.toml:4:1: server.max_conections: unknown key; did you mean `max_connections`?",
        "picohttp.toml:6:11: defaults.timeout: not a duration",
        "picohttp.toml:9:10: tenant.blog.source: missing.wasm: No such file",
        "tenants.d/a.toml:2:8: tenant[0].name: there is a tenant `blog` already, at picohttp.toml:8:8",
        "tenants.d/a.toml:3:10: tenant.blog.source: tenants.d/x.wasm: No such file",
        "tenants.d/b.toml:1:",
        "tenants.d/a.toml:1:1: tenant.blog: `hosts` is missing",
        "\n7 errors\n",
    ] {
        assert!(stderr.contains(told), "not told: {told}\n{stderr}");
    }
    assert_eq!((code, stdout.as_str()), (1, ""));
    Ok(())
}

#[test]
fn check_opens_what_it_can_read_of_a_file_with_errors() -> Result<()> {
    let folder = Folder::new("user = 'root'\n[[tenant]]\nname = 'a'\nsource = 'a.wasm'\nx = 1\n")?;
    folder.write("a.wasm", "#!/bin/sh")?;
    let (code, stdout, stderr) = folder.check()?;
    for told in [
        "picohttp.toml:8:1: tenant.a.x: unknown key",
        ": server.user: cannot become root: that would give up nothing",
        "picohttp.toml:7:10: tenant.a.source: a.wasm: this is not WebAssembly",
        "\n3 errors\n",
    ] {
        assert!(stderr.contains(told), "not told: {told}\n{stderr}");
    }
    assert_eq!((code, stdout.as_str()), (1, ""));
    Ok(())
}

#[test]
fn check_opens_every_component() -> Result<()> {
    let folder = Folder::new("[[tenant]]\nname = 'a'\nsource = 'a.wasm'\n")?;
    folder.write("a.wasm", "#!/bin/sh")?;
    folder.write("tenants.d/b.wasm", wat::parse_str("(module)")?)?;
    let other = "[[tenant]]\nname = 'b'\nhosts = ['b.test']\nsource = 'b.wasm'\n";
    folder.write("tenants.d/b.toml", other)?;
    let (code, stdout, stderr) = folder.check()?;
    for told in [
        "picohttp.toml:6:10: tenant.a.source: a.wasm: this is not WebAssembly",
        "tenants.d/b.toml:4:10: tenant.b.source: tenants.d/b.wasm: this is a core module",
        "\n2 errors\n",
    ] {
        assert!(stderr.contains(told), "not told: {told}\n{stderr}");
    }
    assert_eq!((code, stdout.as_str()), (1, ""));
    Ok(())
}

#[test]
fn check_shows_what_components_import_and_are_granted() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    fs::create_dir(folder.path("data"))?;
    folder.put(&guest("files")?, "files.wasm")?;
    folder.write(
        "tenants.d/b.toml",
        "[[tenant]]\nname = 'b'\n[[tenant.route]]\npath = '/x'\nsource = '../files.wasm'\n\
         dirs = ['../data::/data', '../data::/out::rw']\n\
         [[tenant.route]]\npath = '/y'\nsource = '../files.wasm'\n",
    )?;
    let (code, stdout, stderr) = folder.check()?;
    assert_eq!(code, 0, "{stderr}");
    let data = folder.path("data").canonicalize()?;
    let data = data.display();
    let granted = format!("{data} as /data (read only), {data} as /out (read and write)");
    let imported = |after: &str, import: &str| {
        let (_, rest) = stdout.split_once(after)?;
        rest.lines().find_map(|line| line.trim().strip_prefix(import)?.strip_prefix(": "))
    };
    assert_eq!(imported("a (a.test)", "wasi:cli/environment"), Some("GRANTED"), "{stdout}");
    assert_eq!(imported("  /x files", "wasi:filesystem"), Some(granted.as_str()), "{stdout}");
    assert_eq!(imported("  /y files", "wasi:filesystem"), Some("no folder (`dirs`)"), "{stdout}");
    assert!(stdout.ends_with("picohttp.toml: 2 tenants, 3 routes, no error\n"), "{stdout}");
    Ok(())
}

#[test]
fn nothing_is_served_from_a_file_with_an_error() -> Result<()> {
    let folder = Folder::new("addres = 1\n")?;
    let file = folder.path("picohttp.toml");
    let (code, stderr) = fails(&[OsStr::new("--config"), file.as_os_str()])?;
    let told = "picohttp.toml:4:1: server.addres: unknown key";
    assert!(code == 1 && stderr.contains(told), "{code}: {stderr}");
    Ok(())
}

#[test]
fn what_the_file_says_the_command_line_cannot() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    let file = folder.path("picohttp.toml");
    for other in [
        &["handler.wasm"][..],
        &["--port", "0"],
        &["--addr", "127.0.0.1:0"],
        &["--arg", "x"],
        &["--dir", "."],
        &["--env", "A=B"],
        &["--sequential"],
        &["--keep-alive"],
        &["--timeout", "10s"],
        &["--max-memory", "64MiB"],
        &["--max-queue", "1024"],
        &["--shutdown-timeout", "10s"],
        &["--admin-addr", "127.0.0.1:0"],
        &["--access-log", "stderr"],
        &["--tls-cert", "cert.pem", "--tls-key", "key.pem"],
    ] {
        let config = [OsStr::new("--config"), file.as_os_str()];
        let args: Vec<&OsStr> = other.iter().map(OsStr::new).chain(config).collect();
        let (code, stderr) = fails(&args)?;
        assert!(code == 2 && stderr.contains("cannot be used with"), "{other:?}: {stderr}");
    }
    Ok(())
}
