//! The table `[[tenant.route]]`.

use std::path::Path;

use toml::de::DeValue;

use super::grants;
use super::limits::{Limits, Share, Totals};
use super::plan::{RoutePlan, TenantPlan};
use super::problem::Problems;
use super::read::Defaults;
use super::table::{Setting, Table};
use super::text::Place;
use super::units::shown_size;
use super::value;
use crate::Source;
use crate::route_tree::RouteTree;

/// What says which handler it is, and what it may use.
pub(super) const HANDLER_KEYS: [&str; 4] = ["source", "args", "environment", "dirs"];

/// A route, and where its path is written.
pub(super) struct Route<'a> {
    pub(super) plan: RoutePlan,
    pub(super) path: Place<'a>,
}

/// What stands above a route, and bounds it.
pub(super) struct Above<'t> {
    pub(super) defaults: &'t Defaults<'t>,
    pub(super) limits: &'t Limits<'t>,
    pub(super) totals: &'t Totals<'t>,
    pub(super) tenant: &'t TenantPlan,
    pub(super) place: &'t Place<'t>,
}

/// Reads one table; nothing if it lacks what makes a route.
pub(super) fn read<'a>(
    mut table: Table<'a>,
    above: &Above<'_>,
    problems: &mut Problems,
) -> Option<Route<'a>> {
    let path = table.require("path", problems, read_path);
    let source = table.require("source", problems, |value| grants::source(value, above.folder()));
    let limits = Limits::read(&mut table, problems);
    let share = Share::read(&mut table, problems);

    let written = path.as_ref().map(|path| path.value.as_str()).unwrap_or_default();
    let is_complete = path.is_some() && source.is_some();
    let mut plan = plan(written, source, above, &mut table, problems);
    limits.apply(&mut plan);
    above.check_sizes(&plan, &limits, problems);
    let most = ("tenant", above.tenant.totals.quota);
    share.apply(&mut plan.quota, &Share::default(), most, problems);
    table.finish(problems);
    path.filter(|_| is_complete).map(|path| Route { plan, path: path.place })
}

fn read_path(value: &DeValue<'_>) -> Result<String, String> {
    let path = value::string(value)?;
    RouteTree::<()>::default().place(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

/// The handler that a table describes, with the limits of what stands above it.
pub(super) fn plan(
    path: &str,
    source: Option<Setting<'_, Source>>,
    above: &Above<'_>,
    table: &mut Table<'_>,
    problems: &mut Problems,
) -> RoutePlan {
    let mut plan = RoutePlan::new(path, Source::Static);
    let folders = table.list_length("dirs");
    above.defaults.limits.apply(&mut plan);
    above.limits.apply(&mut plan);
    let args = table.take_list("args", problems, value::string);
    plan.args = args.into_iter().flat_map(|list| list.value).map(|arg| arg.value).collect();
    plan.sandbox.environment = grants::environment(table, problems);
    plan.sandbox.directories = grants::directories(table, above.folder(), problems);
    if let Some(Setting { value, place }) = source {
        plan.source = value;
        plan.written = Some(place.position());
        // Folders that are wrong are said to be, and this would only come of it.
        let are_right = folders.is_none_or(|count| count == plan.sandbox.directories.len());
        if are_right && plan.has_nothing_to_serve() {
            problems.add(&place, "has no files to serve; say which: `dirs = [\"public::/\"]`");
        }
    }
    plan
}

impl<'t> Above<'t> {
    /// The folder that paths are relative to.
    pub(super) fn folder(&self) -> &'t Path {
        self.place.text.folder()
    }

    /// One instance, one request and one answer must fit into what all may have. `own` is what
    /// the route itself says.
    pub(super) fn check_sizes(&self, route: &RoutePlan, own: &Limits<'_>, problems: &mut Problems) {
        let (tenant, defaults) = (self.limits, &self.defaults.limits);
        let memory = route.sandbox.max_memory;
        if let Some(total) = self.tenant.totals.max_memory.filter(|&total| memory > total) {
            let place = first([&own.max_memory, &tenant.max_memory])
                .or(first([&self.totals.max_memory_total, &self.defaults.totals.max_memory_total]))
                .unwrap_or(self.place);
            let (memory, total) = (shown_size(memory), shown_size(total));
            let message =
                format!("`max_memory` of {memory} is more than `max_memory_total` of {total}");
            problems.add(place, message);
        }
        let server = &self.defaults.server;
        let most = server.plan.max_buffered / 2;
        let body = usize::try_from(route.max_body_size).unwrap_or(usize::MAX);
        let bodies = [&own.max_body_size, &tenant.max_body_size, &defaults.max_body_size];
        let responses =
            [&own.max_response_size, &tenant.max_response_size, &defaults.max_response_size];
        for (key, size, settings) in [
            ("max_body_size", body, bodies),
            ("max_response_size", route.sandbox.max_response, responses),
        ] {
            if size > most {
                let place = first(settings).or(server.max_buffered.as_ref()).unwrap_or(self.place);
                let (size, most) = (shown_size(size), shown_size(most));
                let message = format!(
                    "`{key}` of {size} is more than {most}, half of `max_buffered`: no tenant may \
                     hold more than it leaves to others"
                );
                problems.add(place, message);
            }
        }
    }
}

/// Where the first of these is that is set.
fn first<'t, const COUNT: usize>(
    settings: [&'t Option<Setting<'t, usize>>; COUNT],
) -> Option<&'t Place<'t>> {
    settings.into_iter().flatten().next().map(|setting| &setting.place)
}
