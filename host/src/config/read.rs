//! From files to a plan.

use std::path::Path;

use super::include::{self, Included};
use super::limits::{Limits, Totals};
use super::plan::Plan;
use super::problem::{Errors, Problems};
use super::server::{self, Server};
use super::table::Table;
use super::tenant::{self, Tenant};
use super::text::Text;
use super::unique;

/// How many tenants there may be.
const MAX_TENANTS: usize = 10_000;

/// How many routes there may be, of all tenants together.
const MAX_ROUTES: usize = 100_000;

/// What a tenant has when it does not say otherwise.
pub(super) struct Defaults<'a> {
    pub(super) server: Server<'a>,
    pub(super) limits: Limits<'a>,
    pub(super) totals: Totals<'a>,
}

impl Plan {
    /// Reads the file at `path`, and those that it includes. Looks whether the files and
    /// folders that they name are there, and opens none of them.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    pub fn read(path: &Path) -> Result<Plan, Errors> {
        let (plan, result) = Plan::examine(path);
        result.map(|()| plan)
    }

    /// What [`read`](Plan::read) would return, and with errors, too, as much of the plan as
    /// can be read: what is wrong has its default there, or is missing.
    pub fn examine(path: &Path) -> (Plan, Result<(), Errors>) {
        let mut problems = Problems::default();
        let plan = read_plan(path, &mut problems);
        (plan, problems.finish())
    }
}

/// The plan as far as it can be read.
fn read_plan(path: &Path, problems: &mut Problems) -> Plan {
    let Some(main) = read_text(path, problems) else { return Plan::default() };
    let Some(mut root) = Table::parse(&main, problems) else { return Plan::default() };
    let Included { files, folders } = include::read(&mut root, problems);
    let included: Vec<Text> = files.iter().filter_map(|file| read_text(file, problems)).collect();

    let defaults = read_defaults(&mut root, problems);
    let mut tenants = read_tenants(&mut root, &defaults, problems);
    root.finish(problems);
    for text in &included {
        if tenants.len() > MAX_TENANTS {
            break;
        }
        if text.content.trim().is_empty() {
            problems.add_file(&text.path, "is empty; write a `[[tenant]]`, or remove it");
        }
        let Some(mut root) = Table::parse(text, problems) else { continue };
        for key in ["include", "server", "defaults"] {
            if let Some(place) = root.refuse(key) {
                problems.add(&place, "only `[[tenant]]` may be in an included file");
            }
        }
        tenants.extend(read_tenants(&mut root, &defaults, problems));
        root.finish(problems);
    }

    unique::check(&tenants, problems);
    let tenants: Vec<_> = tenants.into_iter().map(|tenant| tenant.plan).collect();
    let routes: usize = tenants.iter().map(|tenant| tenant.routes.len()).sum();
    for (what, number, most) in
        [("tenants", tenants.len(), MAX_TENANTS), ("routes", routes, MAX_ROUTES)]
    {
        if number > most {
            problems.add_file(path, format!("has more than {most} {what}"));
        }
    }
    let files = std::iter::once(path.to_owned()).chain(files).collect();
    let Server { plan: server, written, .. } = defaults.server;
    Plan { server, tenants, files, folders, written }
}

fn read_text(path: &Path, problems: &mut Problems) -> Option<Text> {
    Text::read(path).map_err(|message| problems.add_file(path, message)).ok()
}

fn read_defaults<'a>(root: &mut Table<'a>, problems: &mut Problems) -> Defaults<'a> {
    let server = server::read(root.take_table("server", problems), problems);
    let (mut limits, mut totals) = (Limits::default(), Totals::default());
    if let Some(mut table) = root.take_table("defaults", problems) {
        limits = Limits::read(&mut table, problems);
        totals = Totals::read(&mut table, problems);
        table.finish(problems);
    }
    Defaults { server, limits, totals }
}

fn read_tenants<'a>(
    root: &mut Table<'a>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> Vec<Tenant<'a>> {
    let tables = root.take_tables("tenant", "[[tenant]]", problems);
    let tables = tables.into_iter().take(MAX_TENANTS + 1);
    tables.map(|table| tenant::read(table, defaults, problems)).collect()
}
