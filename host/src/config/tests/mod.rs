//! Whole files, good and bad, and what is said about them.

mod defaults;
mod document;
mod files;
mod routes;
mod server;
mod speed;
mod tenants;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Errors, Plan, RoutePlan, owners};

/// A tenant that is as it should be.
const GOOD: &str = "[[tenant]]\nname = 'good'\nhosts = ['good.example']\nsource = 'api.wasm'\n";

/// A folder with `picohttp.toml`, the files that it may name, and those it may include.
struct Folder(TempDir);

impl Folder {
    fn new(main: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path("data")).unwrap();
        fs::create_dir(folder.path("tenants.d")).unwrap();
        fs::create_dir(folder.path("project")).unwrap();
        folder.with("api.wasm", "").with("project/Cargo.toml", "").with("picohttp.toml", main)
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Folder {
        fs::write(self.path(name), content).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self) -> Result<Plan, Errors> {
        Plan::read(&self.path("picohttp.toml"))
    }

    fn plan(&self) -> Plan {
        self.read().unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// All that is wrong, a line for each, with paths from this folder.
    fn errors(&self) -> String {
        let errors = self.read().expect_err("something should be wrong");
        errors.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// The plan of a file.
fn plan(main: &str) -> Plan {
    Folder::new(main).plan()
}

/// What is wrong with a file.
fn errors(main: &str) -> String {
    Folder::new(main).errors()
}

/// The plan of the only route of a tenant, whose table ends with `lines`.
fn route(lines: &str) -> RoutePlan {
    let main = format!(
        "[[tenant]]\nname = 'a'\n[[tenant.route]]\npath = '/'\nsource = 'api.wasm'\n{lines}\n"
    );
    plan(&main).tenants.remove(0).routes.remove(0)
}

/// What is wrong with such a route, in `lines`; without the name of the file.
fn route_errors(lines: &str) -> String {
    let main = format!(
        "[[tenant]]\nname = 'a'\n[[tenant.route]]\npath = '/'\nsource = 'api.wasm'\n{lines}\n"
    );
    errors(&main).replace("picohttp.toml:", "")
}
