//! Notices when the files change that a plan was made from.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component as Part, Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use picohttp_host::config::Plan;
use picohttp_host::{Source, folder_of, places};
use tracing::error;

/// How long files must stay as they are before they are taken to be complete: editors
/// and linkers write in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// How long that is waited for.
const RESTLESS: Duration = Duration::from_secs(2);

/// The changes of a plan's files, from when they are watched.
pub struct Changes {
    /// It watches while it lives.
    _watcher: RecommendedWatcher,
    report: Arc<Report>,
}

/// Who is told of changes. Those before there is somebody are told then.
#[derive(Default)]
struct Report {
    to: OnceLock<Sender<()>>,
    early: OnceLock<()>,
}

/// What is watched.
#[derive(Default)]
struct Watched {
    /// Folders, and which of the names in them count.
    files: HashMap<PathBuf, BTreeSet<PathBuf>>,
    /// Folders in which every `.toml` counts.
    configurations: BTreeSet<PathBuf>,
    /// Those of them in which folders that come and go count, too.
    including: BTreeSet<PathBuf>,
    /// Projects, in which all counts but what a build writes, and what this program does.
    projects: BTreeSet<PathBuf>,
    written: Vec<PathBuf>,
    /// Where the ways to files end, and their names there.
    ends: HashMap<PathBuf, BTreeSet<PathBuf>>,
    /// Where the parts of the ways to all of those are, and their names.
    ways: HashMap<PathBuf, BTreeSet<PathBuf>>,
}

/// Watches the files that a plan was made from.
pub fn watch(plan: &Plan) -> Result<Changes> {
    let watched = Watched::of(plan)?;
    let report = Arc::new(Report::default());
    let folders: Vec<(PathBuf, RecursiveMode)> = watched.folders();
    let is_watched = |place: &Path| {
        folders.iter().any(|(folder, mode)| match mode {
            RecursiveMode::Recursive => place.starts_with(folder),
            RecursiveMode::NonRecursive => place == folder,
        })
    };
    let ways = watched.ways.keys().filter(|place| !is_watched(place));
    let ways: Vec<PathBuf> = ways.cloned().collect();
    let mut watcher = {
        let report = Arc::clone(&report);
        notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            // When too much has changed at once, nobody knows what.
            Ok(event)
                if event.need_rescan()
                    || event.paths.iter().any(|path| watched.counts(path, event.kind)) =>
            {
                report.tell();
            }
            Ok(_) => {}
            Err(error) => error!(%error, "cannot watch files"),
        })?
    };
    for (folder, mode) in folders {
        watcher
            .watch(&folder, mode)
            .with_context(|| format!("cannot watch {}", folder.display()))?;
    }
    for folder in ways {
        // What is in one that may not be read, nobody is about to change; or it is not there yet.
        match watcher.watch(&folder, RecursiveMode::NonRecursive) {
            Err(error) if !is_out_of_reach(&error.kind) => {
                return Err(error).with_context(|| format!("cannot watch {}", folder.display()));
            }
            _ => {}
        }
    }
    Ok(Changes { _watcher: watcher, report })
}

/// Whether a folder is not there, or may not be read.
fn is_out_of_reach(kind: &notify::ErrorKind) -> bool {
    match kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
        ),
        _ => false,
    }
}

/// Waits until nothing has changed for a while. Who changes something all the time keeps
/// others waiting no longer than [`RESTLESS`].
pub fn settle(asked: &Receiver<()>) {
    let end = Instant::now() + RESTLESS;
    while Instant::now() < end && asked.recv_timeout(QUIET).is_ok() {}
}

impl Changes {
    /// Has every change reported, those included that were there before.
    pub fn report_to(&mut self, asks: Sender<()>) {
        let _ = self.report.to.set(asks);
        if self.report.early.get().is_some() {
            self.report.tell();
        }
    }
}

impl Report {
    fn tell(&self) {
        let _ = self.early.set(());
        if let Some(asks) = self.to.get() {
            // Nobody listens any more when the process is about to end.
            let _ = asks.send(());
        }
    }
}

impl Watched {
    fn of(plan: &Plan) -> Result<Watched> {
        let mut watched = Watched::default();
        for file in &plan.files {
            watched.configurations.insert(real_folder_of(file)?);
            watched.add_way_to_file(file);
        }
        for folder in &plan.folders {
            watched.add_way(folder);
            if let Ok(folder) = folder.canonicalize() {
                watched.configurations.insert(folder.clone());
                watched.including.insert(folder);
            }
        }
        // What is said on a standard stream may go to a file, too.
        let streams = [1, 2].map(|stream| fs::read_link(format!("/proc/self/fd/{stream}")).ok());
        let streams = streams.iter().flatten().map(PathBuf::as_path).filter(|path| path.is_file());
        let named = [plan.server.access_log_file(), plan.server.cache_dir.as_deref()];
        let written = named.into_iter().flatten().chain(streams);
        watched.written = written.filter_map(|path| places(path).pop()).collect();
        let routes = plan.routes();
        for source in routes.map(|route| &route.source) {
            match source {
                Source::Static => {}
                Source::Folder(folder) => {
                    watched.add_way(folder);
                    let folder = folder.canonicalize();
                    watched.projects.insert(folder.context("cannot watch a folder")?);
                }
                // The folder is watched and not the file: a file that is replaced is another.
                Source::File(file) => {
                    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
                    watched.files.entry(real_folder_of(file)?).or_default().insert(name);
                    watched.add_way_to_file(file);
                }
            }
        }
        Ok(watched)
    }

    /// Adds the way to a file or a folder: it is another when a part of its way is, or a link on
    /// it; or there is one when that is.
    fn add_way(&mut self, path: &Path) {
        for place in places(path) {
            if let (Some(folder), Some(name)) = (place.parent(), place.file_name()) {
                self.ways.entry(folder.to_owned()).or_default().insert(PathBuf::from(name));
            }
        }
    }

    /// The same of a file, which may be behind a link and written to there.
    fn add_way_to_file(&mut self, file: &Path) {
        self.add_way(file);
        let end = places(file).pop();
        if let Some((folder, name)) = end.as_deref().and_then(|it| it.parent().zip(it.file_name()))
        {
            self.ends.entry(folder.to_owned()).or_default().insert(PathBuf::from(name));
        }
    }

    fn folders(&self) -> Vec<(PathBuf, RecursiveMode)> {
        let single = self.files.keys().chain(&self.configurations).collect::<BTreeSet<_>>();
        let single = single.into_iter().map(|folder| (folder, RecursiveMode::NonRecursive));
        let projects = self.projects.iter().map(|folder| (folder, RecursiveMode::Recursive));
        single.chain(projects).map(|(folder, mode)| (folder.clone(), mode)).collect()
    }

    /// Whether a change of this kind of this path is one that counts.
    fn counts(&self, path: &Path, kind: EventKind) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().map(Path::new)) else {
            return false;
        };
        let is_in = |named: &HashMap<PathBuf, BTreeSet<PathBuf>>| {
            named.get(folder).is_some_and(|names| names.contains(name))
        };
        let is_named = is_in(&self.files) || is_in(&self.ends);
        let is_configuration = || {
            self.configurations.contains(folder)
                && name.extension().is_some_and(|extension| extension == "toml")
        };
        let comes_or_goes = matches!(
            kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        let is_on_the_way = || {
            comes_or_goes
                && (is_in(&self.ways)
                    || self.configurations.contains(path)
                    || self.files.contains_key(path)
                    || self.including.contains(folder) && path.is_dir())
        };
        let in_project = || {
            let within = self.projects.iter().filter_map(|root| path.strip_prefix(root).ok());
            within.into_iter().any(|path| !is_output(path))
                && !self.written.iter().any(|written| path.starts_with(written))
        };
        is_named || is_configuration() || is_on_the_way() || in_project()
    }
}

fn real_folder_of(file: &Path) -> Result<PathBuf> {
    let folder = folder_of(file);
    folder.canonicalize().with_context(|| format!("cannot watch {}", folder.display()))
}

/// Whether a path within a project is something that building or editing leaves behind.
fn is_output(path: &Path) -> bool {
    let first = path.components().next();
    let hidden = path.components().any(|part| match part {
        Part::Normal(name) => name.to_string_lossy().starts_with('.'),
        _ => false,
    });
    hidden || first == Some(Part::Normal("target".as_ref())) || path == Path::new("Cargo.lock")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn who_changes_files_all_the_time_keeps_nobody_waiting_for_ever() {
        let (asks, asked) = mpsc::channel();
        let is_settled = Arc::new(OnceLock::new());
        let restless = thread::spawn({
            let is_settled = Arc::clone(&is_settled);
            move || {
                while is_settled.get().is_none() {
                    asks.send(()).unwrap();
                    thread::sleep(QUIET / 10);
                }
            }
        });
        settle(&asked);
        is_settled.set(()).unwrap();
        restless.join().unwrap();
    }

    #[test]
    fn what_this_program_writes_is_no_change() {
        let watched = Watched {
            projects: BTreeSet::from(["/p".into()]),
            written: vec!["/p/access.log".into(), "/p/cache".into()],
            ..Watched::default()
        };
        let counts = |path: &str| watched.counts(Path::new(path), EventKind::Any);
        assert!(!counts("/p/access.log") && !counts("/p/cache/entry"));
        assert!(counts("/p/access.log.html") && counts("/p/src/lib.rs"));
    }

    #[test]
    fn what_a_build_writes_is_no_change() {
        for path in
            ["target/wasm32-wasip2/release/a.wasm", ".git/index", "src/.lib.rs.swp", "Cargo.lock"]
        {
            assert!(is_output(Path::new(path)), "{path}");
        }
        for path in ["Cargo.toml", "src/lib.rs", "src/target/mod.rs", "index.html"] {
            assert!(!is_output(Path::new(path)), "{path}");
        }
    }
}
