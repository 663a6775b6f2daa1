//! Handlers that run for long, in the background once their tenant owes for them.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use picohttp_host::{HttpServer, Quota, Request, Response, Route, Sandbox, Tenant};
use picohttp_tests::client::{Answer, Client, PATIENCE, get_of};
use picohttp_tests::guests::guest;
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::process::ProcessId;
use picohttp_tests::sandbox::load;
use rustix::thread::{CapabilitySet, capabilities};

use crate::hostile::program::Program;

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// A tenant with a handler that computes or spins, and one with a quick one.
fn host(handler: &str, timeout: Duration) -> Result<Host> {
    let long = load(handler, Sandbox { timeout, ..Sandbox::default() })?;
    let quota = Quota { max_concurrent_requests: 8, ..Quota::default() };
    let long = Tenant::new("long").hosts(["long"]).quota(quota).route(Route::new("/...", long));
    let quick = Tenant::new("quick").route(Route::new("/...", hello));
    Host::serve(HttpServer::of_tenants([long, quick]).port(0))
}

fn send(address: SocketAddr, target: &str) -> Result<Client> {
    let mut client = Client::connect(address)?;
    client.send(format!("GET {target} HTTP/1.0\r\nHost: long\r\n\r\n"))?;
    Ok(client)
}

/// Whether threads in the background, which may starve beside other tests, can be helped.
fn may_be_helped() -> Result<bool> {
    let may = capabilities(None)?.effective.contains(CapabilitySet::SYS_NICE);
    if !may {
        eprintln!("SKIPPED: it takes the capability CAP_SYS_NICE");
    }
    Ok(may)
}

/// How many threads of a process are in the background.
fn retreated(process: ProcessId) -> Result<usize> {
    Ok(process.going_last()?.len())
}

#[test]
fn a_handler_that_computes_for_long_finishes_although_its_tenant_owes() -> Result<()> {
    if !may_be_helped()? {
        return Ok(());
    }
    let host = host("work", PATIENCE)?;
    for _ in 0..5 {
        let clients: Vec<Client> =
            (0..8).map(|_| send(host.address(), "/40000")).collect::<Result<_>>()?;
        for mut client in clients {
            assert_eq!(client.answer()?.status, 200);
        }
    }
    Ok(())
}

#[test]
fn a_handler_that_asks_the_host_often_has_its_turns_like_others() -> Result<()> {
    if !may_be_helped()? {
        return Ok(());
    }
    // With a turn for each question none of them would be done by then.
    let host = host("ask_often", Duration::from_secs(30))?;
    let clients: Vec<Client> =
        (0..8).map(|_| send(host.address(), "/700000")).collect::<Result<_>>()?;
    for mut client in clients {
        assert_eq!(client.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn long_handlers_of_a_tenant_wait_for_no_more_of_anothers_than_of_one() -> Result<()> {
    if !may_be_helped()? {
        return Ok(());
    }
    let work = load("work", Sandbox { timeout: PATIENCE, ..Sandbox::default() })?;
    let tenant = |name| Tenant::new(name).hosts([name]).route(Route::new("/...", work.clone()));
    let host = Host::serve(HttpServer::of_tenants([tenant("few"), tenant("many")]))?;
    let compute = |tenant| get_of(host.address(), tenant, "/40000").map(|answer| answer.status);
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let (answered, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let is_answered = compute("many").is_ok_and(|status| status == 200);
                    answered.fetch_add(is_answered.into(), Ordering::Relaxed);
                }
            });
        }
        let statuses: Result<Vec<u16>> = (0..20).map(|_| compute("few")).collect();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(statuses?, [200; 20]);
        // One has one of the processors. In the order in which they came, there would be sixteen
        // for each.
        let answered = answered.load(Ordering::Relaxed);
        ensure!(answered < 20 * 4 * processors, "{answered} beside 20");
        Ok(())
    })
}

#[test]
fn a_spinning_handler_retreats_and_its_thread_is_replaced() -> Result<()> {
    let host = host("spin", Duration::from_secs(3))?;
    let spinning: Vec<Client> = (0..8).map(|_| send(host.address(), "/")).collect::<Result<_>>()?;
    // As many as have a turn; those who wait for theirs may go like others meanwhile.
    let turns = thread::available_parallelism().map_or(1, NonZero::get);
    eventually("they have retreated", || {
        retreated(ProcessId::own()).is_ok_and(|count| count >= turns.min(spinning.len()))
    })?;
    for _ in 0..100 {
        assert_eq!(host.get("/")?.text(), "Hello");
    }
    let statuses: Result<Vec<u16>> = spinning
        .into_iter()
        .map(|mut client| client.answer().map(|Answer { status, .. }| status))
        .collect();
    assert_eq!(statuses?, [504; 8]);
    // Others are there for what comes next.
    let mut next = send(host.address(), "/")?;
    assert_eq!(next.answer()?.status, 504);
    eventually("nobody is in the background", || {
        retreated(ProcessId::own()).is_ok_and(|count| count == 0)
    })
}

#[test]
fn a_handler_that_waits_for_long_owes_nothing() -> Result<()> {
    let program = Program::configured(
        &format!(
            "[server]\naddr = '127.0.0.1:0'\n[[tenant]]\nname = 'another'\nsource = {:?}\n\
             [[tenant]]\nname = 'waits'\nhosts = ['long']\nsource = {:?}\n",
            guest("answer")?,
            guest("pause")?,
        ),
        tempfile::tempdir()?,
    )?;
    for _ in 0..20 {
        let mut pausing = send(program.address, "/50")?;
        thread::sleep(Duration::from_millis(25));
        assert_eq!(retreated(program.id())?, 0);
        assert_eq!(pausing.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn a_thread_of_which_nothing_is_heard_is_helped() -> Result<()> {
    if !may_be_helped()? {
        return Ok(());
    }
    let program = Program::configured(
        &format!(
            "[server]\naddr = '127.0.0.1:0'\n\
             [[tenant]]\nname = 'another'\nsource = {:?}\n\
             [[tenant]]\nname = 'both'\nhosts = ['long']\n\
             [[tenant.route]]\npath = '/...'\nsource = {:?}\n\
             [[tenant.route]]\npath = '/spin'\nsource = {:?}\ntimeout = '500ms'\n",
            guest("answer")?,
            guest("pause")?,
            guest("spin")?
        ),
        tempfile::tempdir()?,
    )?;
    // It is known to take long.
    for _ in 0..2 {
        assert_eq!(send(program.address, "/200")?.answer()?.status, 200);
    }
    eventually("one is in the background and is helped there", || {
        is_helped(&program).is_ok_and(|is_helped| is_helped)
    })
}

/// Whether a handler that pauses for a second, and whose tenant owes, is seen in the background
/// and then like others.
fn is_helped(program: &Program) -> Result<bool> {
    let spinning: Vec<Client> =
        (0..4).map(|_| send(program.address, "/spin")).collect::<Result<_>>()?;
    for mut client in spinning {
        assert_eq!(client.answer()?.status, 504);
    }
    eventually("they are done", || retreated(program.id()).is_ok_and(|count| count == 0))?;
    let began = Instant::now();
    let mut pausing = send(program.address, "/1000")?;
    let (mut retreats, mut is_helped) = (false, false);
    while !is_helped && began.elapsed() < Duration::from_millis(900) {
        let count = retreated(program.id())?;
        retreats |= count > 0;
        is_helped = retreats && count == 0;
        thread::sleep(Duration::from_millis(2));
    }
    Ok(pausing.answer()?.status == 200 && is_helped)
}
