//! Calls everything that it can import with the least and the greatest that can be said,
//! and answers if that did not kill it. Its path says what is called.

use picohttp::{Request, Response, handler};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::{ip_name_lookup, tcp_create_socket, udp_create_socket};
use wasip2::{cli, io};

const LENGTHS: [u64; 5] = [0, 1, i64::MAX as u64, 1 << 63, u64::MAX];

#[handler]
fn extreme_arguments(request: &Request, _response: &mut Response) -> Result<(), ErrorCode> {
    match request.path[0].as_str() {
        "clocks" => clocks(),
        "random" => drop(random::get_random_bytes(u64::MAX)),
        "insecure" => drop(insecure::get_insecure_random_bytes(u64::MAX)),
        "seeds" => drop((random::get_random_bytes(0), insecure_seed::insecure_seed())),
        "poll" => drop(io::poll::poll(&[])),
        "input" => input(),
        "write" => drop(cli::stdout::get_stdout().write(&vec![b'x'; 8 << 20])),
        "zeroes" => drop(cli::stdout::get_stdout().write_zeroes(u64::MAX)),
        "flushed-zeroes" => {
            drop(cli::stderr::get_stderr().blocking_write_zeroes_and_flush(u64::MAX))
        }
        "sockets" => sockets(),
        "files" => files()?,
        "paths" => paths(),
        _ => {}
    }
    Ok(())
}

fn clocks() {
    for time in LENGTHS {
        drop(monotonic_clock::subscribe_instant(time));
        drop(monotonic_clock::subscribe_duration(time));
    }
    let _ = (monotonic_clock::resolution(), wall_clock::now(), wall_clock::resolution());
}

fn input() {
    let (input, output) = (cli::stdin::get_stdin(), cli::stdout::get_stdout());
    for length in LENGTHS {
        let _ = (input.read(length), input.blocking_read(length));
        let _ = (input.skip(length), input.blocking_skip(length));
        let _ = (output.splice(&input, length), output.blocking_splice(&input, length));
    }
    let _ = (output.check_write(), output.flush(), output.blocking_flush());
}

fn sockets() {
    for family in [IpAddressFamily::Ipv4, IpAddressFamily::Ipv6] {
        let _ = tcp_create_socket::create_tcp_socket(family);
        let _ = udp_create_socket::create_udp_socket(family);
    }
    for name in ["", "\0", ".", "255.255.255.255", "[::]", &"a".repeat(1 << 20)] {
        let _ = ip_name_lookup::resolve_addresses(&instance_network(), name);
    }
}

fn folder() -> Result<Descriptor, ErrorCode> {
    let folder = preopens::get_directories().into_iter().next();
    Ok(folder.ok_or(ErrorCode::NoEntry)?.0)
}

/// With a file `large` that is there.
fn files() -> Result<(), ErrorCode> {
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let file = folder()?.open_at(PathFlags::empty(), "large", OpenFlags::empty(), flags)?;
    for offset in LENGTHS {
        for length in LENGTHS {
            let _ = (file.read(length, offset), file.advise(offset, length, Advice::WillNeed));
        }
        if offset > 1 {
            let _ = (file.write(b"x", offset), file.set_size(offset));
        }
        for nanoseconds in [0, 1_000_000_000, u32::MAX] {
            let time =
                || NewTimestamp::Timestamp(wall_clock::Datetime { seconds: offset, nanoseconds });
            let _ = file.set_times(time(), time());
        }
        let input = file.read_via_stream(offset)?;
        for length in LENGTHS {
            let _ = (input.read(length), input.blocking_read(length), input.skip(length));
        }
        let _ = (file.write_via_stream(offset), file.append_via_stream());
    }
    Ok(())
}

fn paths() {
    let Ok(folder) = folder() else { return };
    for path in
        ["", "\0", ".", "..", "/", "//", "a\0b", &"a".repeat(1 << 20), &"a/".repeat(1 << 19)]
    {
        let all = (PathFlags::all(), OpenFlags::all(), DescriptorFlags::all());
        let _ = (folder.open_at(all.0, path, all.1, all.2), folder.stat_at(all.0, path));
        let _ = (folder.readlink_at(path), folder.symlink_at(path, path));
        let _ = (folder.rename_at(path, &folder, path), folder.link_at(all.0, path, &folder, path));
        let _ = (folder.unlink_file_at(path), folder.metadata_hash_at(all.0, path));
    }
}
