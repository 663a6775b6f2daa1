//! System calls that this program never makes, and that have opened many a kernel, are
//! refused (seccomp).
//!
//! It is a list of what is refused and not of what is allowed: what a library of the next
//! version calls is not known today, and all that a process does to itself is left to it.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use anyhow::{Context, Result};
use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};

/// Refused whatever their arguments are.
pub(super) const REFUSED: &[c_long] = &[
    // To look into other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // To see other files than those that are there.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_fanotify_init,
    // To be in another namespace, where one is root.
    libc::SYS_unshare,
    libc::SYS_setns,
    // To give code to the kernel.
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    // Large parts of the kernel with little use here, and a long record of flaws.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // To change the machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_personality,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// What makes a process one of another namespace.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The part of a socket's type that is not flags.
const KIND: u64 = 0xf;
const STREAM: u64 = libc::SOCK_STREAM.cast_unsigned() as u64;

/// On x86-64, the same calls have second numbers: with this bit (the x32 ABI).
#[cfg(target_arch = "x86_64")]
const SECOND_NUMBERS: Option<c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const SECOND_NUMBERS: Option<c_long> = None;

/// The filters: what is refused, and what is said not to exist. Connections to others are
/// refused unless they are needed.
pub fn filters(connections: bool) -> Result<Vec<BpfProgram>> {
    let mut refused: BTreeMap<c_long, Vec<SeccompRule>> =
        REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    refused.insert(
        libc::SYS_clone,
        NAMESPACES.iter().map(|&flag| clone(flag)).collect::<Result<_>>()?,
    );
    if !connections {
        refused.insert(libc::SYS_socket, sockets()?);
        // A connection can begin with what is sent.
        for (call, flags) in
            [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)]
        {
            refused.insert(call, vec![rule(&[contains(flags, libc::MSG_FASTOPEN)])?]);
        }
    }
    // Its flags are in memory, where no filter can look. Whoever is told that there is no
    // such call uses the one before it, of which that is not so.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let (not_permitted, no_call) = (libc::EPERM.unsigned_abs(), libc::ENOSYS.unsigned_abs());
    Ok(vec![program(refused, not_permitted)?, program(absent, no_call)?])
}

/// Has all threads refused what the filters say, from now on and whatever they execute.
/// Returns what that is.
pub fn install(filters: &[BpfProgram]) -> Result<String> {
    for filter in filters {
        apply_filter_all_threads(filter)?;
    }
    Ok(format!("{} are refused (seccomp)", REFUSED.len()))
}

/// A filter that answers calls with an error.
fn program(mut calls: BTreeMap<c_long, Vec<SeccompRule>>, error: u32) -> Result<BpfProgram> {
    if let Some(bit) = SECOND_NUMBERS {
        calls.extend(calls.clone().into_iter().map(|(call, rules)| (call | bit, rules)));
    }
    let architecture = ARCH.try_into().context("no filter for this processor")?;
    let (allow, refuse) = (SeccompAction::Allow, SeccompAction::Errno(error));
    Ok(SeccompFilter::new(calls, allow, refuse, architecture)?.try_into()?)
}

/// Refuses a clone with this flag.
fn clone(flag: i32) -> Result<SeccompRule> {
    rule(&[contains(0, flag)])
}

/// Refuses all sockets but local ones and those of TCP.
fn sockets() -> Result<Vec<SeccompRule>> {
    let other = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(|family| not(0, family));
    let mut rules = vec![rule(&other)?];
    for family in [libc::AF_INET, libc::AF_INET6].map(|family| is(0, family)) {
        for kind in (0..=KIND).filter(|&kind| kind != STREAM) {
            rules.push(rule(&[family.clone(), (1, SeccompCmpOp::MaskedEq(KIND), kind)])?);
        }
        rules.push(rule(&[family, not(2, 0), not(2, libc::IPPROTO_TCP)])?);
    }
    Ok(rules)
}

/// What an argument must be.
type Condition = (u8, SeccompCmpOp, u64);

fn is(argument_number: u8, value: i32) -> Condition {
    argument(argument_number, SeccompCmpOp::Eq, value)
}

fn not(argument_number: u8, value: i32) -> Condition {
    argument(argument_number, SeccompCmpOp::Ne, value)
}

fn contains(argument_number: u8, flag: i32) -> Condition {
    argument(argument_number, SeccompCmpOp::MaskedEq(u64::from(flag.cast_unsigned())), flag)
}

fn argument(number: u8, operator: SeccompCmpOp, value: i32) -> Condition {
    (number, operator, u64::from(value.cast_unsigned()))
}

/// Refuses what meets all of these.
fn rule(conditions: &[Condition]) -> Result<SeccompRule> {
    let conditions = conditions.iter().cloned().map(|(number, operator, value)| {
        SeccompCondition::new(number, SeccompCmpArgLen::Dword, operator, value)
    });
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}
