//! A compiled handler: instantiate, handle, throw away.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Linker;
use wasmtime::{Result, Store, StoreContextMut, Trap, UpdateDeadline};

use super::bindings::PluginPre;
use super::engine::{Engine, TICK};
use super::state::State;
use super::{Cache, LoadError, Sandbox, bindings, fault, files, load, wait};
use crate::{Call, Fault, Handler, Request, Response};

/// What the host may copy out of a guest beyond its response: list and string
/// headers, and the slack of one call.
const COPY_SLACK: usize = 1 << 20;

/// How many component-model handles an instance may hold.
const MAX_HANDLES: usize = 1000;

/// A component that is compiled, linked and checked. Each request that it handles
/// gets an instance of its own, and nothing survives it.
pub struct Component {
    engine: Engine,
    plan: Arc<Plan>,
    pre: PluginPre<State>,
}

/// What every instance of a component has in common.
pub(super) struct Plan {
    /// The handler's name in the log.
    pub(super) name: Arc<str>,
    /// What an instance may use.
    pub(super) sandbox: Sandbox,
}

impl Component {
    /// Loads the component in a file, from `cache` if it was compiled before. The
    /// handler is named after the file.
    ///
    /// # Errors
    ///
    /// [`LoadError`], which says what is wrong with the file and how to mend it.
    pub fn from_file(
        engine: &Engine,
        path: impl AsRef<Path>,
        sandbox: Sandbox,
        cache: &Cache,
    ) -> Result<Component, LoadError> {
        let path = path.as_ref();
        let bytes = load::read(path)?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        Component::from_bytes(engine, &name, &bytes, sandbox, cache)
            .map_err(|error| error.in_file(path))
    }

    /// Loads a component from memory under a name.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn from_bytes(
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        sandbox: Sandbox,
        cache: &Cache,
    ) -> Result<Component, LoadError> {
        load::check_sandbox(engine, &sandbox, cache)?;
        let component = load::compile(engine.inner(), bytes, cache)?;
        load::check_resources(&component, &sandbox)?;
        let mut linker = Linker::new(engine.inner());
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).map_err(LoadError::internal)?;
        wait::add_to_linker(&mut linker).map_err(LoadError::internal)?;
        files::add_to_linker(&mut linker).map_err(LoadError::internal)?;
        load::check_exports(&component)?;
        let linked = load::link(&component, &linker)?;
        let pre = PluginPre::new(linked).map_err(LoadError::mismatch)?;
        let plan = Arc::new(Plan { name: name.into(), sandbox });
        Ok(Component { engine: engine.clone(), plan, pre })
    }

    /// The handler's name, as it is in the log.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// A store whose every bound is set before any of the guest's code can run: start
    /// functions run while it is instantiated.
    fn store(&self, call: &Call<'_>) -> Store<State> {
        let sandbox = &self.plan.sandbox;
        let deadline = Instant::now().checked_add(sandbox.timeout).unwrap_or_else(far_future);
        let state = State::new(self.plan.clone(), call.id, deadline);
        let mut store = Store::new(self.engine.inner(), state);
        store.limiter(|state| &mut state.meter);
        store.set_epoch_deadline(ticks(sandbox.timeout));
        store.epoch_deadline_callback(at_deadline);
        store.set_hostcall_fuel(sandbox.max_response.saturating_add(COPY_SLACK));
        store.set_max_component_handles(MAX_HANDLES);
        store
    }

    fn call(
        &self,
        store: &mut Store<State>,
        request: &Request<'_>,
        args: &[String],
    ) -> Result<Result<bindings::Response, String>> {
        let instance = self.pre.instantiate(&mut *store)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let request = bindings::Request {
            method: request.method,
            path: &request.path,
            query: &request.query,
            protocol: request.protocol,
            headers: &request.headers,
            data: request.data,
        };
        instance.call_handle(store, request, &args)
    }
}

impl Handler for Component {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        let mut store = self.store(call);
        let answer = self.call(&mut store, request, call.args);
        store.data().finish_output();
        match answer {
            // An answer that was made without a folder would be a lie: not found, for one.
            _ if store.data().is_incomplete() => Err(Fault::Overloaded),
            Ok(answer) => accept(answer, self.plan.sandbox.max_response),
            Err(error) => Err(fault::of(&error, &store.data().meter)),
        }
    }
}

/// Takes a guest's answer if it is within its limit.
fn accept(answer: Result<bindings::Response, String>, limit: usize) -> Result<Response, Fault> {
    let size = match &answer {
        Ok(response) => size(response),
        Err(message) => message.len(),
    };
    if size > limit {
        let message = format!("the response is {size} bytes and the limit is {limit}");
        return Err(Fault::BadResponse(message));
    }
    let bindings::Response { protocol, status, headers, data } = answer.map_err(Fault::Error)?;
    Ok(Response { protocol, status, headers, data })
}

/// How many bytes a response takes on the wire, without its status line.
fn size(response: &bindings::Response) -> usize {
    let line = |(name, value): &(String, String)| name.len() + value.len() + ": \r\n".len();
    let head: usize = response.headers.iter().map(line).sum();
    head + response.data.as_ref().map_or(0, Vec::len)
}

/// Stops a guest whose time is over. On a busy machine ticks come late and then close
/// together, so the clock has the last word.
fn at_deadline(store: StoreContextMut<'_, State>) -> Result<UpdateDeadline> {
    match store.data().deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(Trap::Interrupt.into()),
        left => Ok(UpdateDeadline::Continue(ticks(left))),
    }
}

/// A time in ticks, the last of which may not be over.
fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(TICK.as_nanos());
    // The engine adds this to the ticks that have been.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX / 2)
}

/// For timeouts longer than the clock can count.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(365 * 24 * 60 * 60)
}
