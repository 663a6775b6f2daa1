//! No handler may change what the host relies on: what handlers are built from, which it would
//! run; the configuration, in which it could grant itself anything; files that are read again or
//! written to by name, which it could lead elsewhere; and the way to a folder that is granted,
//! which it could lead to any other.

use std::collections::{BTreeMap, BTreeSet};
use std::env::current_exe;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use picohttp_host::config::{LogTarget, Plan, RoutePlan, ServerPlan};
use picohttp_host::{Source, places};

use crate::plan::written_at;
use crate::restart;

/// The folders that handlers may write in, where they are, and a route of each.
struct Writable<'a>(BTreeMap<PathBuf, &'a RoutePlan>);

/// Refuses a plan in which a handler may. A component counts if it is watched, if it may be
/// machine code, or if there are others': alone, a handler may put another in its own place.
pub fn refuse(plan: &Plan, components_count: bool) -> Result<()> {
    let writable = Writable::of(plan);
    if writable.0.is_empty() {
        return Ok(());
    }
    let components_count = components_count || !plan.files.is_empty();
    let counts = |source: &&Source| components_count || matches!(source, Source::Folder(_));
    let sources = plan.routes().map(|route| &route.source).filter(counts);
    let configuration = plan.files.iter().chain(&plan.folders).map(PathBuf::as_path);
    let programs = [current_exe().ok(), restart::program()];
    let programs = programs.iter().flatten().map(PathBuf::as_path);
    let others = named_by(&plan.server).into_iter().chain(programs);
    // Of ten thousand routes, many have the same handler.
    let paths: BTreeSet<&Path> =
        sources.filter_map(Source::path).chain(configuration).chain(others).collect();
    for path in paths {
        let mut places = places(path).into_iter();
        let found = places.find_map(|place| writable.around(&place)).or_else(|| {
            let project = path.canonicalize().ok();
            writable.within(&project.filter(|path| path.join("Cargo.toml").is_file())?)
        });
        if let Some((folder, route)) = found {
            let (folder, path) = (folder.display(), path.display());
            let error = anyhow!(
                "the handler may write in {folder}, and so change {path}, which the host relies \
                 on; grant it another folder"
            );
            return Err(written_at(route.written.as_ref(), error));
        }
    }
    let granted = plan.routes().flat_map(|route| &route.directories);
    let granted: BTreeSet<&Path> = granted.map(|folder| &*folder.host).collect();
    for path in granted {
        let mut places = places(path).into_iter();
        // Within the folder itself, nothing leads it elsewhere.
        let found = places.find_map(|place| writable.around(place.parent()?));
        if let Some((folder, route)) = found {
            let (folder, path) = (folder.display(), path.display());
            let error = anyhow!(
                "the handler may write in {folder}, and so lead {path}, which is granted, too, to \
                 any other folder; grant folders that are beside each other"
            );
            return Err(written_at(route.written.as_ref(), error));
        }
    }
    Ok(())
}

impl<'a> Writable<'a> {
    fn of(plan: &'a Plan) -> Writable<'a> {
        let all = plan.routes().flat_map(|route| {
            route.writable().map(move |folder| {
                let place = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                (place, route)
            })
        });
        Writable(all.collect())
    }

    /// The folder that is this place, or has it in it.
    fn around(&self, place: &Path) -> Option<(&Path, &'a RoutePlan)> {
        let found = place.ancestors().find_map(|folder| self.0.get_key_value(folder));
        found.map(|(folder, route)| (folder.as_path(), *route))
    }

    /// A folder that is in this one.
    fn within(&self, place: &Path) -> Option<(&Path, &'a RoutePlan)> {
        let (folder, route) = self.0.range(place.to_owned()..).next()?;
        folder.starts_with(place).then_some((folder.as_path(), *route))
    }
}

/// The files that a server reads, or writes to, by their names.
fn named_by(server: &ServerPlan) -> Vec<&Path> {
    let log = server.access_log.as_ref().map(|log| &log.target);
    let log = log.and_then(|target| match target {
        LogTarget::File(path) => Some(path),
        LogTarget::Stdout | LogTarget::Stderr => None,
    });
    let tls = server.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
    tls.chain(&server.admin_token_file).chain(log).map(PathBuf::as_path).collect()
}
