//! What the store of one request holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::files::Granted;
use super::meter::Meter;
use super::output::Output;
use super::{Profile, Sandbox};
use crate::cpu_time::CpuTimer;
use crate::deadline::after;
use crate::{Call, Limit, Origin, RequestId};

/// How many resources (files, streams, pollables) a guest may hold at once. Each file
/// is a descriptor of the host's, which has a limit too.
const MAX_RESOURCES: usize = 128;

/// How many random bytes a guest may ask for at once.
const MAX_RANDOM: u64 = 64 << 10;

/// The state behind one instance's imports. The clock ticks for as long as there is one.
pub(super) struct State {
    /// What the guest may use, and what ends it.
    pub(super) profile: Arc<Profile>,
    /// The request that this instance answers.
    pub(super) request: RequestId,
    /// When the guest was let in.
    pub(super) began: Instant,
    /// When the guest must be done. Imports that wait end by then.
    pub(super) deadline: Instant,
    /// How often the clock had ticked when the guest was last looked at.
    pub(super) ticks: u64,
    /// How long a processor has been busy with it since.
    pub(super) busy: CpuTimer,
    /// How much of that its tenant has been charged for running long.
    pub(super) charged: Duration,
    /// What the instance has taken so far.
    pub(super) meter: Meter,
    /// The guest's WASI context, made when an import first asks for it: a handler
    /// that computes and answers never does.
    wasi: Option<Wasi>,
    /// The folders that it was granted, once it has asked for them.
    pub(super) granted: Option<Vec<Granted>>,
    /// For want of what the guest had to do without something that it was granted and that is
    /// there, if it had to.
    pub(super) lacked: Option<Limit>,
    /// The guest's resources.
    pub(super) table: ResourceTable,
}

struct Wasi {
    context: WasiCtx,
    stdout: Output,
    stderr: Output,
}

impl State {
    pub(super) fn new(profile: Arc<Profile>, call: &Call<'_>) -> State {
        profile.clock.enter();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let meter = Meter::new(Arc::clone(call.origin), profile.sandbox.max_memory);
        let began = Instant::now();
        let deadline = after(began, profile.sandbox.timeout);
        State {
            ticks: profile.clock.ticks(),
            profile,
            request: call.id,
            began,
            deadline,
            busy: CpuTimer::since(began),
            charged: Duration::ZERO,
            meter,
            wasi: None,
            granted: None,
            lacked: None,
            table,
        }
    }

    /// How long a processor may be busy with the guest.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        self.profile.sandbox.cpu_time
    }

    /// Logs what the guest says by `wasi:logging`, of which so many bytes were left out.
    pub(super) fn log(&mut self, line: &str, left_out: usize) {
        let (wasi, _) = self.wasi();
        wasi.stderr.log("log", line, left_out);
    }

    /// The context, which is made now if it was not yet, and the guest's resources.
    fn wasi(&mut self) -> (&mut Wasi, &mut ResourceTable) {
        let origin = &self.meter.origin;
        let wasi = self.wasi.get_or_insert_with(|| Wasi::new(&self.profile, origin, self.request));
        (wasi, &mut self.table)
    }

    /// Logs what the guest wrote and did not end with a line end.
    pub(super) fn finish_output(&self) {
        if let Some(wasi) = &self.wasi {
            wasi.stdout.finish();
            wasi.stderr.finish();
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.profile.clock.leave();
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (wasi, table) = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table }
    }
}

impl Wasi {
    fn new(profile: &Profile, origin: &Arc<Origin>, request: RequestId) -> Wasi {
        let Sandbox { max_output, environment, .. } = &profile.sandbox;
        let output = |stream| Output::new(stream, Arc::clone(origin), request, max_output / 2);
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .envs(environment)
            .max_random_size(MAX_RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            // A request thread is there to wait for its guest.
            .allow_blocking_current_thread(true);
        Wasi { context: builder.build(), stdout, stderr }
    }
}
