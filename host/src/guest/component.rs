//! A compiled handler: instantiate, handle, throw away.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Result, Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace};

use super::bindings::PluginPre;
use super::clock::{Clock, TICK};
use super::engine::Engine;
use super::meter::Refusal;
use super::state::State;
use super::{Cache, Compiled, LoadError, Sandbox, bindings, fault, load};
use crate::background::Place;
use crate::{Call, Cost, Fault, Handler, Limit, Request, Response, background, descriptors};

/// What the host may copy out of a guest beyond its response: list and string
/// headers, and the slack of one call.
const COPY_SLACK: usize = 1 << 20;

/// How many component-model handles an instance may hold.
const MAX_HANDLES: usize = 1000;

/// A component that is compiled, linked and checked. Each request that it handles
/// gets an instance of its own, and nothing survives it.
#[derive(Clone)]
pub struct Component {
    name: Arc<str>,
    engine: Engine,
    profile: Arc<Profile>,
    pub(super) pre: PluginPre<State>,
    /// Whether what the memories of an instance begin with is there, in a descriptor each.
    has_images: Arc<AtomicBool>,
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What every instance of a component has in common.
pub(super) struct Profile {
    /// What an instance may use.
    pub(super) sandbox: Sandbox,
    /// What ends it.
    pub(super) clock: Clock,
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
        Component::link(engine, name, load::compile(engine, bytes, cache)?, sandbox)
    }

    /// Loads a component that was compiled before; `None` if it was not, or if what was
    /// kept cannot be believed.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn from_cache(
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        sandbox: Sandbox,
        cache: &Cache,
    ) -> Result<Option<Component>, LoadError> {
        load::check_sandbox(engine, &sandbox, cache)?;
        let component = load::compiled_before(engine, bytes, cache)?;
        component.map(|component| Component::link(engine, name, component, sandbox)).transpose()
    }

    /// Loads a component that was just compiled, under a name.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn from_compiled(
        engine: &Engine,
        name: &str,
        compiled: &Compiled,
        sandbox: Sandbox,
    ) -> Result<Component, LoadError> {
        load::check_sandbox(engine, &sandbox, &Cache::none())?;
        Component::link(engine, name, compiled.load(engine)?, sandbox)
    }

    fn link(
        engine: &Engine,
        name: &str,
        component: wasmtime::component::Component,
        sandbox: Sandbox,
    ) -> Result<Component, LoadError> {
        load::check_resources(engine, &component, &sandbox)?;
        load::check_exports(&component)?;
        let linked = load::link(&component, engine.linker())?;
        let pre = PluginPre::new(linked).map_err(LoadError::mismatch)?;
        let profile = Arc::new(Profile { sandbox, clock: engine.clock().clone() });
        let has_images = Arc::default();
        let engine = engine.clone();
        let component = Component { name: name.into(), engine, profile, pre, has_images };
        // If there is no room for them now, there may be at the first request.
        let _ = component.make_images();
        Ok(component)
    }

    /// The same compiled component in another sandbox. It takes next to no memory of its
    /// own.
    ///
    /// # Errors
    ///
    /// [`LoadError`] if the component does not fit the sandbox.
    pub(crate) fn in_sandbox(
        &self,
        sandbox: Sandbox,
        cache: &Cache,
    ) -> Result<Component, LoadError> {
        load::check_sandbox(&self.engine, &sandbox, cache)?;
        load::check_resources(&self.engine, self.pre.instance_pre().component(), &sandbox)?;
        let profile = Arc::new(Profile { sandbox, clock: self.profile.clock.clone() });
        Ok(Component { profile, ..self.clone() })
    }

    /// The same component under another name.
    pub fn named(&self, name: &str) -> Component {
        Component { name: name.into(), ..self.clone() }
    }

    /// The names of the interfaces that the component imports.
    pub fn imports(&self) -> Vec<String> {
        let component = self.pre.instance_pre().component();
        let engine = component.engine();
        component.component_type().imports(engine).map(|(name, _)| load::quote(name)).collect()
    }

    /// The handler's name, as it is in the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes what instances' memories begin with, if a descriptor is left for guests.
    fn make_images(&self) -> Result<()> {
        if !descriptors::are_left_for_guests() {
            return Err(Limit::OpenFiles.into());
        }
        self.pre.instance_pre().component().initialize_copy_on_write_image()?;
        self.has_images.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// A store whose every bound is set before any of the guest's code can run: start
    /// functions run while it is instantiated.
    pub(super) fn store(&self, call: &Call<'_>) -> Store<State> {
        let mut store = Store::new(self.engine.inner(), State::new(self.profile.clone(), call));
        store.limiter(|state| &mut state.meter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(at_tick);
        store.call_hook(at_call);
        store.set_hostcall_fuel(self.profile.sandbox.max_response.saturating_add(COPY_SLACK));
        store.set_max_component_handles(MAX_HANDLES);
        store
    }

    /// Instantiates and calls the guest. Says how long the former took.
    fn call(
        &self,
        store: &mut Store<State>,
        request: &Request<'_>,
        args: &[String],
        instantiate: &mut Duration,
    ) -> Result<Result<bindings::Response, String>> {
        if !self.has_images.load(Ordering::Relaxed) {
            self.make_images()?;
        }
        let instance = self.pre.instantiate(&mut *store);
        *instantiate = store.data().began.elapsed();
        if let Err(error) = &instance
            && !error.is::<WasmBacktrace>()
            && store.data().meter.refused() == Some(Refusal::MaxMemoryTotal)
        {
            // It had not begun yet, and others of its tenant will give some back.
            return Err(Limit::TotalMemory.into());
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let request = bindings::Request {
            method: request.method,
            path: &request.path,
            query: &request.query,
            protocol: request.protocol,
            headers: &request.headers,
            data: request.data,
        };
        instance?.call_handle(store, request, &args)
    }
}

impl Handler for Component {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        let _runtime = self.engine.runtime().enter();
        let mut store = self.store(call);
        background::go_on(store.data().deadline);
        let mut instantiate = Duration::ZERO;
        let answer = self.call(&mut store, request, call.args, &mut instantiate);
        let now = Instant::now();
        let state = store.data_mut();
        state.finish_output();
        call.cost.set(Cost {
            instantiate,
            guest: now.saturating_duration_since(state.began).saturating_sub(instantiate),
            cpu: state.busy.time(now),
            memory: state.meter.memory(),
        });
        if let Some(limit) = state.lacked {
            // An answer that was made without a file would be a lie: not found, for one.
            return Err(Fault::no_room(limit));
        }
        match answer {
            Ok(_) if now >= state.deadline => Err(Fault::Timeout(self.profile.sandbox.timeout)),
            Ok(answer) => accept(answer, self.profile.sandbox.max_response),
            Err(error) => Err(fault::of(&error, state)),
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
        let message = format!("the response is {size} bytes and max_response_size is {limit}");
        return Err(Fault::ResponseTooLarge(message));
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

fn at_tick(mut store: StoreContextMut<'_, State>) -> Result<UpdateDeadline> {
    look_at(store.data_mut())?;
    Ok(UpdateDeadline::Continue(1))
}

/// Epochs are looked at where functions and loops begin. A guest that calls the host over and
/// over, each time by an instruction of its own, comes to neither.
fn at_call(mut store: StoreContextMut<'_, State>, hook: CallHook) -> Result<()> {
    let state = store.data_mut();
    if hook.exiting_host() && state.ticks != state.profile.clock.ticks() {
        look_at(state)?;
        // There is no need to look again before the next tick.
        store.set_epoch_deadline(1);
    }
    Ok(())
}

/// Looks at a guest that still runs: stops it if its time is over, and lets others go
/// first if it has run for long.
fn look_at(state: &mut State) -> Result<()> {
    let now = Instant::now();
    // On a busy machine ticks come late and then close together, so the clock has the
    // last word.
    if now >= state.deadline {
        return Err(Trap::Interrupt.into());
    }
    let is_long = now.saturating_duration_since(state.began) >= TICK;
    if is_long {
        let cpu = state.busy.time(now);
        if state.cpu_time().is_some_and(|most| cpu > most) {
            return Err(OutOfTime.into());
        }
        let more = cpu.saturating_sub(state.charged);
        state.charged = cpu;
        if !state.meter.origin.account.has_credit(more) {
            background::retreat(state.deadline);
        }
    }
    if is_long || background::place() == Place::Background {
        state.profile.clock.take_turn(state.deadline, &state.meter.origin.account)?;
    }
    // Not before: it ticks while others have their turns.
    state.ticks = state.profile.clock.ticks();
    Ok(())
}

/// A processor was busy with the guest for as long as it may be.
#[derive(Debug, thiserror::Error)]
#[error("over its CPU time")]
pub(super) struct OutOfTime;
