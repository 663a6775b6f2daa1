//! What handlers may not be let write in.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use anyhow::Result;
use picohttp_tests::guests::plugin;

use crate::configuration::{Folder, granted};
use crate::running::{FILE, fails, run};

/// What the log says of a reload.
const CHANGED: &str = "serving what has changed";

/// A tenant that is granted these folders.
fn with_dirs(name: &str, dirs: &str) -> Result<String> {
    Ok(granted(name, "x")? + &format!("dirs = [{dirs}]\n"))
}

/// What `check` says of such a tenant `a` that may write in `data`, and of others.
fn beside_a_writer(folder: &Folder, others: &str) -> Result<(i32, String)> {
    folder.configure(&(with_dirs("a", "'data::/data::rw'")? + others))?;
    let (code, _, said) = folder.check()?;
    Ok((code, said))
}

#[test]
fn no_handler_may_change_anothers() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir(folder.path("sub"))?;
    folder.put(&plugin("hello")?, "sub/b.wasm")?;
    let writes = granted("a", "x")? + "dirs = ['sub::/sub::rw']\n";
    folder.configure(&(writes + "[[tenant]]\nname = 'b'\nsource = 'sub/b.wasm'\n"))?;
    let (code, said) = fails(&["--config", &folder.path("picohttp.toml").to_string_lossy()])?;
    assert!(code == 1 && said.contains("the handler may write in "), "{said}");
    let (code, _, said) = folder.check()?;
    let told = "picohttp.toml:7:10: tenant.a.source: the handler may write in ";
    assert!(code == 1 && said.contains(told), "{said}");
    Ok(())
}

#[test]
fn a_folder_below_one_that_a_handler_may_write_in_is_not_granted() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir_all(folder.path("data/below"))?;
    fs::create_dir(folder.path("beside"))?;
    symlink("..", folder.path("data/link"))?;
    let told = "picohttp.toml:7:10: tenant.a.source: the handler may write in ";
    for below in ["data/below", "data/link", "data/link/beside"] {
        let other = with_dirs("b", &format!("'{below}::/b'"))?;
        let (code, said) = beside_a_writer(&folder, &other)?;
        assert!(
            code == 1 && said.contains(told) && said.contains("and so lead"),
            "{below}: {said}"
        );
    }
    let other = with_dirs("b", "'beside::/b', 'data::/data'")?;
    let (code, said) = beside_a_writer(&folder, &other)?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[test]
fn a_folder_may_be_written_in_that_a_link_leads_to() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir(folder.path("release"))?;
    symlink("release", folder.path("current"))?;
    for dirs in ["'current::/d::rw'", "'release::/d::rw', 'current::/c'"] {
        folder.configure(&with_dirs("a", dirs)?)?;
        let (code, _, said) = folder.check()?;
        assert_eq!(code, 0, "{dirs}: {said}");
    }
    let host = folder.serve(&[])?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "x x");
    Ok(())
}

#[test]
fn no_link_on_the_way_to_a_configuration_may_be_changed() -> Result<()> {
    let folder = Folder::new("")?;
    for name in ["data", "real"] {
        fs::create_dir(folder.path(name))?;
    }
    folder.write("real/b.toml", granted("b", "x")?)?;
    symlink("../real/b.toml", folder.path("data/b.toml"))?;
    symlink("../data/b.toml", folder.path("tenants.d/b.toml"))?;
    let (code, said) = beside_a_writer(&folder, "")?;
    assert!(code == 1 && said.contains("and so change"), "{said}");
    Ok(())
}

#[test]
fn no_folder_may_be_written_in_whose_files_would_be_included() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir_all(folder.path("sites/a/data"))?;
    let configure = |dirs: &str| {
        let first = "include = ['sites/*/site.toml']\n[server]\naddr = '127.0.0.1:0'\n";
        folder.write("picohttp.toml", first.to_owned() + &with_dirs("a", dirs)?)?;
        folder.check()
    };
    for writable in ["sites", "sites/a"] {
        let (code, _, said) = configure(&format!("'{writable}::/data::rw'"))?;
        assert!(code == 1 && said.contains("and so change"), "{writable}: {said}");
    }
    let (code, _, said) = configure("'sites/a/data::/data::rw'")?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[test]
fn no_link_to_the_program_may_be_changed() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir(folder.path("data"))?;
    let link = folder.path("data/program");
    symlink(FILE, &link)?;
    let mut command = Command::new(&link);
    command.args(["--port", "0", "--dir", "data::/data::rw"]).arg(plugin("hello")?);
    let (code, _, said) = run(command.current_dir(folder.path("")))?;
    assert!(code == 1 && said.contains("and so change"), "{said}");
    Ok(())
}

#[test]
fn what_is_served_may_not_be_let_change_what_takes_its_place() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir_all(folder.path("data/below"))?;
    folder.configure(&with_dirs("a", "'data::/data::rw'")?)?;
    let host = folder.serve(&[])?;
    let below = with_dirs("b", "'data/below::/b'")?;
    folder.configure(&below)?;
    host.signal("HUP")?;
    host.wait_for("what is served lets it")?;

    folder.configure(&granted("a", "x")?)?;
    host.signal("HUP")?;
    host.wait_for_times(CHANGED, 1)?;
    folder.configure(&below)?;
    host.signal("HUP")?;
    host.wait_for_times(CHANGED, 2)
}

#[test]
fn a_file_that_is_used_until_a_restart_may_not_be_changed_before() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir(folder.path("data"))?;
    let configure = |token: &str, dirs: &str| -> Result<()> {
        folder.write(token, "secret")?;
        let server = format!("admin_addr = '127.0.0.1:0'\nadmin_token_file = '{token}'\n");
        folder.configure(&(server + &with_dirs("a", dirs)?))
    };
    configure("data/token", "")?;
    let host = folder.serve(&[])?;
    configure("token", "'data::/data::rw'")?;
    host.signal("HUP")?;
    host.wait_for("and so change ")
}
