//! `wasi:io/poll` under the request's deadline.
//!
//! Epochs stop a guest that computes; nothing in them wakes one that waits in the
//! host. So the one import that can wait for long ends at the deadline by itself.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime::{Result, Trap};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi_io::bindings::wasi::io::poll as unbounded;

use super::clock::Clock;
use super::state::State;
use crate::account::Account;
use crate::background::{self, Place};
use crate::turns;

/// Replaces the linker's `wasi:io/poll`, which waits without end.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    poll::add_to_linker::<State, HasWait>(linker, |state| Wait {
        table: &mut state.table,
        clock: &state.profile.clock,
        account: &state.meter.origin.account,
        deadline: state.deadline,
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

struct HasWait;

impl HasData for HasWait {
    type Data<'a> = Wait<'a>;
}

struct Wait<'a> {
    table: &'a mut ResourceTable,
    clock: &'a Clock,
    account: &'a Arc<Account>,
    deadline: Instant,
}

impl Wait<'_> {
    /// Waits for the future, and traps as an epoch would when the deadline comes first.
    fn until_deadline<'a, T, F>(
        &'a mut self,
        future: impl FnOnce(&'a mut ResourceTable) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + 'a,
    {
        let Wait { table, clock, account, deadline } = self;
        let mut has_waited = false;
        let result = in_tokio(async {
            let mut patient = pin!(tokio::time::timeout_at((*deadline).into(), future(table)));
            let waiting = poll_fn(|context| {
                let polled = patient.as_mut().poll(context);
                if polled.is_pending() {
                    has_waited = true;
                    turns::give_up();
                    background::release_permit();
                }
                polled
            });
            match waiting.await {
                Ok(result) => result,
                Err(_) => Err(Trap::Interrupt.into()),
            }
        });
        if has_waited && background::place() == Place::Front {
            turns::come_back(*deadline);
        }
        clock.take_turn(*deadline, account)?;
        result
    }
}

impl poll::Host for Wait<'_> {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.until_deadline(|table| unbounded::Host::poll(table, pollables))
    }
}

impl poll::HostPollable for Wait<'_> {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        self.until_deadline(|table| unbounded::HostPollable::ready(table, pollable))
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.until_deadline(|table| unbounded::HostPollable::block(table, pollable))
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        unbounded::HostPollable::drop(self.table, pollable)
    }
}
