//! No handler may change what the host relies on: what handlers are built from, which it would
//! run; the configuration, in which it could grant itself anything; files that are read again or
//! written to by name, which it could lead elsewhere; and the way to a folder that is granted,
//! which it could lead to any other.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::ptr;

use super::plan::{Plan, RoutePlan, ServerPlan};
use super::problem::Problem;
use crate::{Identity, Source, folders_on_the_way, identity};

/// The folders that handlers may write in, and a route of each.
struct Writable<'a> {
    folders: HashMap<Identity, (&'a Path, &'a RoutePlan)>,
    /// What has been found out: of ten thousand paths, many begin alike.
    known: RefCell<HashMap<PathBuf, Option<Identity>>>,
}

impl Plan {
    /// Refuses a plan in which a handler may write where something is that the host relies on, or
    /// that is `served` now and lets one. What the plan names counts, and `others`, such as
    /// the process's own program. Of a plan that is in no file, components count only if they
    /// are `watched`, or may be machine code: alone, a handler may put another in its own place.
    ///
    /// # Errors
    ///
    /// The first that is found, and where the handler's source is written.
    pub fn refuse_writable(
        &self,
        served: Option<&Plan>,
        others: &[PathBuf],
        watched: bool,
    ) -> Result<(), Problem> {
        let plans = || served.into_iter().chain([self]);
        let writable = Writable::of(plans().flat_map(Plan::routes));
        if writable.folders.is_empty() {
            return Ok(());
        }
        let components_count = watched || !self.files.is_empty();
        let counts = |source: &&Source| components_count || matches!(source, Source::Folder(_));
        let sources = self.routes().map(|route| &route.source).filter(counts);
        let configuration = self.files.iter().chain(&self.folders).map(PathBuf::as_path);
        let others = others.iter().map(PathBuf::as_path);
        let others = plans().flat_map(|plan| named_by(&plan.server)).chain(others);
        let paths: BTreeSet<&Path> =
            sources.filter_map(Source::path).chain(configuration).chain(others).collect();
        let is_served = |route: &RoutePlan| {
            served.is_some_and(|served| served.routes().any(|other| ptr::eq(other, route)))
        };
        let refused = |(folder, route): (&Path, &RoutePlan), harm: String| {
            let folder = folder.display();
            let more = match is_served(route) {
                true => " (what is served lets it: reload without that, and look where all leads)",
                false => "",
            };
            let message = format!("the handler may write in {folder}, and so {harm}{more}");
            Err(Problem { position: route.written.clone(), message })
        };
        for path in paths {
            let found = writable
                .on_the_way(path)
                .or_else(|| writable.at(path))
                .or_else(|| writable.in_project(path));
            if let Some(found) = found {
                let path = path.display();
                let harm = "which the host relies on; grant it another folder";
                return refused(found, format!("change {path}, {harm}"));
            }
        }
        let granted = self.routes().flat_map(|route| &route.sandbox.directories);
        let granted: BTreeSet<&Path> = granted.map(|folder| &*folder.host).collect();
        for path in granted {
            if let Some(found) = writable.on_the_way(path) {
                let path = path.display();
                let harm = "which is granted, too, to any other folder; grant folders that are beside \
                            each other";
                return refused(found, format!("lead {path}, {harm}"));
            }
        }
        Ok(())
    }
}

impl<'a> Writable<'a> {
    fn of(routes: impl Iterator<Item = &'a RoutePlan>) -> Writable<'a> {
        let folders = routes.flat_map(|route| route.writable().map(move |folder| (folder, route)));
        let folders =
            folders.filter_map(|(folder, route)| Some((identity(folder)?, (folder, route))));
        Writable { folders: folders.collect(), known: RefCell::default() }
    }

    fn identity(&self, path: &Path) -> Option<Identity> {
        if let Some(known) = self.known.borrow().get(path) {
            return *known;
        }
        let found = identity(path);
        self.known.borrow_mut().insert(path.to_owned(), found);
        found
    }

    /// The folder that is found at this path, if it is one of them.
    fn at(&self, path: &Path) -> Option<(&'a Path, &'a RoutePlan)> {
        self.folders.get(&self.identity(path)?).copied()
    }

    /// The first of those folders in which a path is looked up.
    fn on_the_way(&self, path: &Path) -> Option<(&'a Path, &'a RoutePlan)> {
        folders_on_the_way(path).iter().find_map(|folder| self.at(folder))
    }

    /// A folder that is in this project, if it is one.
    fn in_project(&self, path: &Path) -> Option<(&'a Path, &'a RoutePlan)> {
        let project = path.join("Cargo.toml").is_file().then(|| self.identity(path))??;
        let is_within = |folder: &Path| {
            folders_on_the_way(folder).iter().any(|place| self.identity(place) == Some(project))
        };
        self.folders.values().find(|(folder, _)| is_within(folder)).copied()
    }
}

/// The files that a server reads, or writes to, by their names.
fn named_by(server: &ServerPlan) -> Vec<&Path> {
    let tls = server.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
    let read = tls.chain(&server.admin_token_file).map(PathBuf::as_path);
    read.chain(server.access_log_file()).collect()
}
